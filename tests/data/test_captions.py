"""The caption rules: sound in themselves, and fit to train on."""

from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from soundsift.data import captions
from soundsift.data.captions import GROUPS, KINDS, Rules, load_rules
from soundsift.data.sources import git_files, sources


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules()


def by_phrase(rules: Rules) -> dict[str, set[str]]:
    concepts = defaultdict(set)
    for concept in rules.concepts.values():
        for phrase in concept.captions:
            concepts[phrase].add(concept.name)
    return concepts


def test_there_are_a_few_hundred_concepts_of_every_kind(rules: Rules) -> None:
    assert len(rules.concepts) >= 300
    assert {c.kind for c in rules.concepts.values()} == set(KINDS)


def test_every_rule_leads_to_a_concept(rules: Rules) -> None:
    named = {name for entries in rules.packages.values() for _, name in entries if name}
    assert named
    assert named <= rules.concepts.keys()


def test_only_packages_that_we_may_use_have_rules(rules: Rules) -> None:
    assert rules.packages.keys() <= sources().keys()


def test_every_caption_of_a_recording_means_a_concept(rules: Rules) -> None:
    captions = {file.caption for files in git_files().values() for file in files.values()}
    assert {caption for caption in captions if caption not in rules.recordings} == set()


def test_the_sounds_of_general_midi_have_concepts(rules: Rules) -> None:
    assert rules.programs.keys() <= set(range(128))
    assert len(rules.programs) >= 100  # some are no instruments, or like no other sound
    assert set(range(35, 82)) <= rules.drum_notes.keys()
    played = {*rules.programs.values(), *rules.drum_notes.values(), "drum beat"}
    assert {rules.concepts[name].kind for name in played} <= {"instrument", "effect"}


def test_phrases_are_as_a_user_would_type_them(rules: Rules) -> None:
    phrases = [p for c in rules.concepts.values() for p in c.captions]
    phrases += [p for group in GROUPS.values() for p in group]
    odd = [p for p in phrases if p != " ".join(p.lower().split()) or not p or len(p) > 60]
    assert odd == []


def test_every_concept_has_several_phrasings_and_none_twice(rules: Rules) -> None:
    for concept in rules.concepts.values():
        assert len(concept.captions) >= 3, concept.name
        assert len(set(concept.phrases)) == len(concept.phrases), concept.name
        assert concept.name not in concept.phrases


def test_hardly_any_phrase_means_two_concepts(rules: Rules) -> None:
    """Such concepts never meet in a scene (see `test_scenes`): fewer scenes to learn from."""
    shared = {phrase: names for phrase, names in by_phrase(rules).items() if len(names) > 1}
    assert len(shared) <= 10, shared


def test_a_phrase_means_one_group_and_only_its_members(rules: Rules) -> None:
    phrases = [phrase for group in GROUPS.values() for phrase in group]
    assert len(phrases) == len(set(phrases))
    concepts = by_phrase(rules)
    for group, wordings in GROUPS.items():
        for phrase in wordings:
            for name in concepts.get(phrase, ()):
                assert group in rules.concepts[name].groups, (phrase, name)


def test_every_group_has_members(rules: Rules) -> None:
    used = {group for concept in rules.concepts.values() for group in concept.groups}
    assert used == GROUPS.keys()


@pytest.mark.parametrize(
    ("package", "path", "name"),
    [
        ("fillets-ng-data-nl", "usr/share/games/fillets-ng/sound/a/nl/a-v-b.ogg", "man speaking"),
        ("fillets-ng-data-nl", "usr/share/games/fillets-ng/sound/a/nl/a-m-b.ogg", "woman speaking"),
        ("asterisk-core-sounds-en-g722", "usr/share/asterisk/sounds/en_US_f_Allison/hi.g722",
         "woman speaking"),
        ("asterisk-core-sounds-en-g722", "usr/share/asterisk/sounds/en_US_f_Allison/silence/1.g722",
         None),
        ("wesnoth-1.16-data", "usr/share/games/wesnoth/1.16/data/core/sounds/horse-die.ogg",
         "horse neighing"),
        ("no-such-package", "dog.wav", None),
    ],
)  # fmt: skip
def test_paths_lead_to_what_is_heard(
    rules: Rules, package: str, path: str, name: str | None
) -> None:
    concept = rules.concept(package, path)
    assert (concept and concept.name) == name


def test_the_first_matching_rule_counts_and_an_empty_one_skips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {"kind": "effect", "groups": [], "phrases": []}
    document = {
        "concepts": {"dog": entry, "cat": entry},
        "packages": {"zoo": [{"match": "silent"}, {"match": "dog", "is": "dog"},
                             {"match": "o", "is": "cat"}]},
    }  # fmt: skip
    found = read_from(tmp_path, monkeypatch, document)
    paths = ("silent-dog", "dog", "low", "a")
    named = [found.concept("zoo", path) for path in paths]
    assert [c and c.name for c in named] == [None, "dog", "cat", None]


def test_files_add_to_each_others_concepts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = {"kind": "effect", "groups": ["animal"], "phrases": ["a dog", "woof"]}
    second = {"kind": "effect", "groups": ["animal", "voice"], "phrases": ["hound", "woof"]}
    documents = [{"concepts": {"dog": entry}, "packages": {}} for entry in (first, second)]
    concept = read_from(tmp_path, monkeypatch, *documents).concepts["dog"]
    assert concept.groups == ("animal", "voice")
    assert concept.captions[:4] == ("dog", "a dog", "woof", "hound")  # those made by rule follow


@pytest.mark.parametrize(
    ("entries", "rule", "message"),
    [
        ([{"kind": "noise", "groups": []}], None, "unknown kind 'noise'"),
        ([{"kind": "effect", "groups": ["pets"]}], None, "pets"),
        ([{"kind": "effect", "groups": []}, {"kind": "speech", "groups": []}], None, "is both"),
        ([{"kind": "effect", "groups": []}], "cat", "cat"),
    ],
)
def test_faulty_rules_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    entries: list[dict[str, object]],
    rule: str | None,
    message: str,
) -> None:
    documents = [
        {
            "concepts": {"dog": entry | {"phrases": []}},
            "packages": {"zoo": [{"match": "x", "is": rule}]} if rule else {},
        }
        for entry in entries
    ]
    with pytest.raises(ValueError, match=message):
        read_from(tmp_path, monkeypatch, *documents)


def read_from(folder: Path, monkeypatch: pytest.MonkeyPatch, *documents: object) -> Rules:
    (folder / "rules").mkdir()
    for i, document in enumerate(documents):
        (folder / "rules" / f"{i}.yaml").write_text(yaml.safe_dump(document))
    monkeypatch.setattr(captions.resources, "files", lambda _: folder)
    return load_rules()
