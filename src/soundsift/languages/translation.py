"""A prompt in another language as an English one, and what was understood of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from soundsift.languages.codes import LANGUAGES, check_language
from soundsift.languages.english import encoder_words, is_english, may_be_english
from soundsift.languages.folding import Script, Token, scripts_of, split_words
from soundsift.languages.lexicon import Lexicon, load_lexicon
from soundsift.languages.matching import match

_LIST = re.compile(r"[,;|+\n、，；،؛]|(?<=\w\w\w)/(?=\w\w\w)| / ")
#: Languages of a script; those of Latin letters are all the others.
_OF_SCRIPT: Mapping[Script, tuple[str, ...]] = {
    "cyrillic": ("ru", "uk"),
    "arabic": ("ar",),
    "devanagari": ("hi",),
    "hangul": ("ko",),
    "kana": ("ja",),
    "han": ("zh", "ja"),
}
_LATIN = ("de", "fr", "es", "it", "pt", "nl", "pl", "sv", "tr", "id")


@dataclass(frozen=True)
class Translation:
    """How a prompt in another language was read.

    Attributes:
        language: its code; None if it is none that has a lexicon.
        typed: the prompt as typed, in lower case.
        english: what is asked for instead; the same where nothing was understood.
        left_out: words that are not in the lexicon and were left out.
        not_found: phrases that are not in the lexicon and were passed on as they are.
    """

    language: str | None
    typed: str
    english: str
    left_out: tuple[str, ...] = ()
    not_found: tuple[str, ...] = ()

    def __str__(self) -> str:
        name = "" if self.language is None else LANGUAGES[self.language]
        sentences = []
        if self.english != self.typed:
            sentences.append(f"{self.typed!r} was read as {self.english!r} ({name}).")
        if self.left_out:
            sentences.append(f"Not in the lexicon and left out: {', '.join(self.left_out)}.")
        if self.not_found:
            listed = ", ".join(map(repr, self.not_found))
            where = f"the {name} lexicon" if name else "any lexicon"
            sentences.append(
                f"Not in {where}: {listed}, passed on as typed. The model knows English only."
            )
        return " ".join(sentences)

    def described(self) -> dict[str, Any]:
        """The same for settings files."""
        return {
            "language": self.language,
            "typed": self.typed,
            "english": self.english,
            "left_out": list(self.left_out),
            "not_found": list(self.not_found),
        }


@dataclass
class _Reading:
    """A text as one language has it.

    Attributes:
        lexicon: the language.
        text: the text.
        phrases: English phrases, or those that were not found.
        request: "remove", "without" and the like, in English.
        left_out: words that say nothing about a sound.
        not_found: phrases that name no known sound.
        found: number of sounds.
        exact: words as the lexicon has them; `foreign` of them are not English.
        cost: of inflections and mistakes.
        english: whether a phrase that was not found has English words.
    """

    lexicon: Lexicon
    text: str
    phrases: list[str] = field(default_factory=list)
    request: str = ""
    left_out: list[str] = field(default_factory=list)
    not_found: list[str] = field(default_factory=list)
    found: int = 0
    exact: int = 0
    foreign: int = 0
    cost: int = 0
    english: bool = False

    @property
    def score(self) -> tuple[int, int, int, int]:
        """Higher the better the language fits."""
        return self.found - len(self.not_found), -len(self.left_out), self.exact, -self.cost

    @property
    def certain(self) -> bool:
        """Whether the text is surely of this language and not English.

        Then a word of it is exactly as in the lexicon, or the whole of it is a word with a mistake.
        """
        if self.english or not self.found:
            return False
        return bool(self.foreign) or (len(self.phrases) == 1 and not self.left_out)

    def translation(self) -> Translation:
        """The result."""
        unique = list(dict.fromkeys(self.phrases))
        english = ", ".join(unique)
        if self.request and unique[1:]:
            # "Without a, and b" is clear, "without a, b" is not (`soundsift.phrases`).
            english = f"{', '.join(unique[:-1])}, and {unique[-1]}"
        english = f"{self.request} {english}".strip()
        return Translation(
            self.lexicon.code,
            self.text,
            english if self.found else self.text,
            tuple(self.left_out),
            tuple(self.not_found),
        )


@lru_cache(maxsize=4096)
def translate(text: str, language: str | None = None) -> Translation | None:
    """Read a prompt in another language as an English one.

    Args:
        text: in lower case, with at least one letter or digit.
        language: its code in `LANGUAGES`; "en" for none; None to find out. Then a text of English
            words is English, and a word that may be English is never taken for a misspelled one of
            another language.

    Returns:
        How it was read; None if the text is English.

    Raises:
        SoundsiftError: the language is unknown.
    """
    check_language(language)
    if language == "en":
        return None
    if language is not None:
        return _read(text, load_lexicon(language), lambda _: True).translation()
    tokens = split_words(text)
    if all(is_english(token) for token in tokens):
        return None
    scripts = scripts_of(text)
    codes = _candidates(scripts)
    readings = [
        _read(text, load_lexicon(code), lambda token: not may_be_english(token), is_english)
        for code in codes
    ]
    latin = scripts <= {"latin"}
    certain = [one for one in readings if (one.certain if latin else one.found)]
    if certain:
        return max(certain, key=lambda reading: reading.score).translation()
    if latin:
        return _unknown_latin(text, tokens, codes)
    phrases = tuple(part.strip() for part in _LIST.split(text) if part.strip())
    return Translation(codes[0] if len(codes) == 1 else None, text, text, (), phrases)


def _candidates(scripts: set[Script]) -> tuple[str, ...]:
    """The languages that are written so."""
    if "kana" in scripts:
        return _OF_SCRIPT["kana"]
    found = [code for script, codes in _OF_SCRIPT.items() if script in scripts for code in codes]
    return tuple(found) if found else _LATIN if "latin" in scripts else ()


def _unknown_latin(text: str, tokens: Sequence[Token], codes: Sequence[str]) -> Translation | None:
    """A notice if the words are of another language, though none of its sounds.

    Then no word may be English except those that the language has, too.
    """
    best: tuple[int, str] | None = None
    for code in codes:
        known = load_lexicon(code).known
        strange = [token for token in tokens if token.folded not in known]
        if any(is_english(token) or token.typed in encoder_words() for token in strange):
            continue
        count = sum(token.folded in known and not is_english(token) for token in tokens)
        if count and (best is None or count > best[0]):
            best = count, code
    return None if best is None else Translation(best[1], text, text, (), (text,))


def _read(
    text: str,
    lexicon: Lexicon,
    may_differ: Callable[[Token], bool],
    english: Callable[[Token], bool] = lambda _: False,
) -> _Reading:
    """Read a text as one of a language.

    Args:
        text: the text.
        lexicon: the language.
        may_differ: see `match`.
        english: whether a word is English; phrases of such words stay.
    """
    reading = _Reading(lexicon, text)
    for part in _LIST.split(text):
        tokens = lexicon.tokens(part)
        if tokens and all(english(token) for token in tokens):
            reading.phrases.append(part.strip())
            continue
        for phrase in _split(tokens, lexicon.joining):
            _read_phrase(phrase, reading, may_differ, english)
    return reading


def _read_phrase(
    tokens: Sequence[Token],
    reading: _Reading,
    may_differ: Callable[[Token], bool],
    english: Callable[[Token], bool],
) -> None:
    """Add one phrase to a reading."""
    lexicon = reading.lexicon
    asked, groups = _requests(tokens, lexicon)
    contents = [[t for t in group if t.folded not in lexicon.ignored] for group in groups]
    matches = [match(content, lexicon, may_differ) for content in contents if content]
    sounds = [one for one in matches if one is not None]
    if not sounds or len(sounds) < len(matches):
        words = " ".join(token.typed for token in tokens)
        reading.phrases.append(words)
        reading.not_found.append(words)
        strange = [token for token in tokens if token.folded not in lexicon.known]
        reading.english |= any(english(t) or t.typed in encoder_words() for t in strange)
        return
    for word in (word for one in sounds for word in one.left_out):
        reading.english |= word in encoder_words() or english(Token(word, word))
        reading.left_out.append(word)
    reading.found += len(sounds)
    known = [token for token in tokens if token.folded in lexicon.known]
    reading.exact += len(known)
    reading.foreign += sum(not english(token) for token in known)
    reading.cost += sum(one.cost for one in sounds)
    if len(sounds) == 1:
        reading.request = reading.request or asked
        reading.phrases.append(sounds[0].english)
    else:
        # "Music without singing" is refused later, in English.
        reading.phrases.append(f" {asked} ".join(one.english for one in sounds))


def _split(tokens: Sequence[Token], joining: frozenset[str]) -> list[list[Token]]:
    """The phrases between words for "and"."""
    pieces: list[list[Token]] = [[]]
    for token in tokens:
        if token.folded in joining:
            pieces.append([])
        else:
            pieces[-1].append(token)
    return [piece for piece in pieces if piece]


def _requests(tokens: Sequence[Token], lexicon: Lexicon) -> tuple[str, list[list[Token]]]:
    """The English of the requests in a phrase, and the groups of words around them."""
    asked: list[str] = []
    groups: list[list[Token]] = [[]]
    place = 0
    while place < len(tokens):
        rest = tuple(token.folded for token in tokens[place:])
        for words, english in lexicon.requests:
            if rest[: len(words)] == words:
                asked.append(english)
                groups.append([])
                place += len(words)
                break
        else:
            groups[-1].append(tokens[place])
            place += 1
    return " ".join(dict.fromkeys(asked)), [group for group in groups if group]
