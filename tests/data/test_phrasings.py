"""Grammatical variants of captions."""

import pytest

from soundsift.data.captions import load_rules
from soundsift.data.phrasings import (
    infinitive,
    is_plural,
    present,
    variants,
    with_article,
    with_same_words,
)


@pytest.mark.parametrize(
    ("gerund", "base", "third"),
    [
        ("barking", "bark", "barks"),
        ("running", "run", "runs"),
        ("closing", "close", "closes"),
        ("hissing", "hiss", "hisses"),
        ("crackling", "crackle", "crackles"),
        ("howling", "howl", "howls"),
        ("calling", "call", "calls"),
        ("purring", "purr", "purrs"),
        ("crying", "cry", "cries"),
        ("playing", "play", "plays"),
        ("screeching", "screech", "screeches"),
        ("snoring", "snore", "snores"),
        ("humming", "hum", "hums"),
        ("whistling", "whistle", "whistles"),
        ("breathing", "breathe", "breathes"),
        ("buzzing", "buzz", "buzzes"),
    ],
)
def test_verbs(gerund: str, base: str, third: str) -> None:
    assert infinitive(gerund) == base
    assert present(gerund) == third


@pytest.mark.parametrize(
    ("noun", "with_its_article", "plural"),
    [
        ("dog", "a dog", False),
        ("owl", "an owl", False),
        ("keys", "keys", True),
        ("children", "children", True),
        ("rain", "rain", False),
        ("glass", "glass", False),
        ("diesel engine", "a diesel engine", False),
        ("footsteps on stone", "footsteps on stone", True),
    ],
)
def test_nouns(noun: str, with_its_article: str, plural: bool) -> None:
    assert with_article(noun) == with_its_article
    assert is_plural(noun) == plural


@pytest.mark.parametrize(
    ("name", "kind", "some"),
    [
        ("dog barking", "effect",
         {"a dog barks", "a barking dog", "the sound of a dog barking", "the dog is barking"}),
        ("keys jingling", "effect", {"keys jingle", "jingling keys", "the keys are jingling"}),
        ("sawing wood", "effect", {"someone sawing wood", "a person is sawing wood"}),
        ("bouncing ball", "effect", {"a bouncing ball", "bouncing balls"}),
        ("footsteps on stone", "effect", {"there are footsteps on stone"}),
        ("violin", "instrument", {"a violin plays", "someone playing the violin"}),
        ("rock music", "music", {"some rock music", "rock music playing"}),
        ("jingle", "music", {"a jingle", "a jingle is playing"}),
    ],
)  # fmt: skip
def test_names_are_varied_as_their_form_allows(name: str, kind: str, some: set[str]) -> None:
    found = variants(name, kind)
    assert some <= set(found)
    assert len(found) == len(set(found)) >= 12


def test_british_and_american_words_stand_for_each_other() -> None:
    assert set(with_same_words(["a lorry reverses"])) == {"a lorry reverses", "a truck reverses"}
    assert "an elevator moves" in with_same_words(["a lift moves"])
    assert "a mobile telephone" not in with_same_words(["a mobile phone"])
    assert with_same_words(["a dog"]) == ["a dog"]


def test_nearly_every_concept_has_twenty_phrasings() -> None:
    counts = [len(concept.captions) for concept in load_rules().concepts.values()]
    assert min(counts) >= 15
    assert sum(count >= 20 for count in counts) > 0.8 * len(counts)
