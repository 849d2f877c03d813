"""The lexicons: every phrase means what it stands for, and only a sound of the bank."""

import pytest

from soundsift.data.captions import GROUPS, load_rules
from soundsift.languages.codes import LANGUAGES
from soundsift.languages.english import english_words
from soundsift.languages.folding import fold, split_words
from soundsift.languages.lexicon import load_lexicon
from soundsift.languages.translation import translate
from soundsift.phrases import read_phrases


@pytest.fixture(scope="module")
def captions():
    concepts = load_rules().concepts.values()
    known = {caption for concept in concepts for caption in concept.captions}
    return known | {phrase for phrases in GROUPS.values() for phrase in phrases} | GROUPS.keys()


@pytest.mark.parametrize("code", LANGUAGES)
def test_lexicon(code, captions):
    lexicon = load_lexicon(code)
    sounds = lexicon.file.sounds
    assert len(sounds) >= 300
    assert sounds.keys() <= captions
    assert all(read_phrases(english).sounds == (english,) for english in sounds)
    # Some phrases of each sound, chosen the same every time: all of them take too long.
    for number, (english, phrases) in enumerate(sounds.items()):
        phrase = phrases[number % len(phrases)]
        read = translate(phrase.lower(), code)
        assert (phrase, read.english, read.left_out) == (phrase, english, ())


def test_english_words_are_those_of_the_captions(captions):
    words = {token.typed for caption in captions for token in split_words(caption.lower())}
    assert words <= english_words()


def test_folding():
    assert fold("Größe") == "grosse"
    assert fold("İstanbul") == "istanbul"
    assert fold("й") == "и"
    assert fold("أغنية") == "اغنيه"
    assert fold("भौंकना") == "भौंकना"
    assert fold("ガ") == "ガ"
    assert [token.folded for token in split_words("l'eau, м’яч!")] == ["l", "eau", "мяч"]
