"""Words of a text, in a form in which spellings of one word are equal."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Literal

Script = Literal[
    "latin", "cyrillic", "arabic", "devanagari", "han", "kana", "hangul", "other", "none"
]

#: Letters that Unicode does not decompose, and Arabic letters that are written for one another.
_LETTERS = str.maketrans({
    "ı": "i", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "đ": "d", "ß": "ss",
    "ى": "ي", "ة": "ه", "ـ": None,
    "\u0901": "\u0902", "\u093c": None,
})  # fmt: skip
_APOSTROPHES = "'’ʼ"
_SCRIPTS: tuple[tuple[str, Script], ...] = (
    ("LATIN", "latin"),
    ("CYRILLIC", "cyrillic"),
    ("ARABIC", "arabic"),
    ("DEVANAGARI", "devanagari"),
    ("CJK", "han"),
    ("HIRAGANA", "kana"),
    ("KATAKANA", "kana"),
    ("HANGUL", "hangul"),
)


@dataclass(frozen=True)
class Token:
    """A word of a text.

    Attributes:
        typed: as it stands there.
        folded: see `fold`.
    """

    typed: str
    folded: str


def fold(word: str) -> str:
    """The word without case, accents and optional marks.

    Vowel signs of Devanagari and the voicing marks of kana stay: they tell words apart.
    """
    folded = unicodedata.normalize("NFKC", word).casefold()
    kept = []
    for char in folded:
        # Below Devanagari, marks are accents.
        parts = unicodedata.normalize("NFD", char) if ord(char) < 0x0980 else char
        kept += [p for p in parts if not (unicodedata.category(p) == "Mn" and ord(p) < 0x0900)]
    return unicodedata.normalize("NFC", "".join(kept).translate(_LETTERS))


def split_words(text: str) -> list[Token]:
    """The words of a text: runs of letters, digits and marks.

    An apostrophe parts words, except in Ukrainian, where it is left out.
    """
    words: list[str] = []
    inside = False
    for char in unicodedata.normalize("NFKC", text):
        if inside and char in _APOSTROPHES and script_of(words[-1][-1]) == "cyrillic":
            continue
        belongs = unicodedata.category(char)[0] in "LNM"
        if belongs and inside:
            words[-1] += char
        elif belongs:
            words.append(char)
        inside = belongs
    return [Token(word, fold(word)) for word in words]


@cache
def script_of(char: str) -> Script:
    """The script of a letter; "none" for what is no letter."""
    if not char.isalpha():
        return "none"
    if char == "ー":
        return "kana"
    name = unicodedata.name(char, "")
    return next((script for start, script in _SCRIPTS if name.startswith(start)), "other")


def scripts_of(text: str) -> set[Script]:
    """The scripts of a text's letters."""
    return {script_of(char) for char in text} - {"none"}
