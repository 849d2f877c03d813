"""The lexicon of one language, as its YAML file has it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from soundsift.errors import one_line
from soundsift.languages.codes import LANGUAGES, check_language
from soundsift.languages.folding import Token, fold, script_of, split_words


def _listed(value: Any) -> Any:
    """The parts of "one, two"."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _spaced(value: Any) -> Any:
    return value.split() if isinstance(value, str) else value


_Listed = Annotated[tuple[str, ...], BeforeValidator(_listed)]
_Spaced = Annotated[tuple[str, ...], BeforeValidator(_spaced)]


class Requests(BaseModel):
    """What people ask for in words: phrases of the language for each English one.

    Attributes:
        all_but: "everything but".
        without: "without", "no".
        negation: "not".
        remove: "remove", also what stands behind the sound.
        only: "only".
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    all_but: _Listed
    without: _Listed
    negation: _Listed = ()
    remove: _Listed
    only: _Listed

    def english(self) -> dict[str, tuple[str, ...]]:
        """The phrases by the English that `soundsift.phrases` reads."""
        return {
            "everything but": self.all_but,
            "without": self.without,
            "not": self.negation,
            "remove": self.remove,
            "only": self.only,
        }


class LexiconFile(BaseModel):
    """Contents of a language's file.

    Attributes:
        scripts: in which it is written.
        spaced: whether its words stand apart.
        ignored: words that change nothing: articles, politeness, "sound of". In a language whose
            words don't stand apart, also endings.
        aside: words that are part of some phrases ("music in the background") and change nothing
            beside others.
        joining: words for "and".
        article: what is written before a noun without a space, and changes nothing: the Arabic one.
        prefixes: what else may stand before a word without a space.
        suffixes: second parts of compounds that change nothing ("Klaviermusik").
        variants: a letter and what it is also written as, "ä ae".
        requests: words for "without" and the like.
        sounds: phrases of the language by an English phrase of the sound bank.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scripts: _Spaced
    spaced: bool = True
    ignored: _Spaced
    aside: _Spaced = ()
    joining: _Spaced
    article: str = ""
    prefixes: _Spaced = ()
    suffixes: _Spaced = ()
    variants: _Listed = ()
    requests: Requests
    sounds: dict[str, _Listed]


@dataclass(frozen=True)
class Form:
    """A phrase of the language.

    Attributes:
        typed: as the file has it.
        words: folded, without ignored ones.
        english: what it means.
    """

    typed: str
    words: tuple[str, ...]
    english: str


@dataclass(frozen=True)
class Lexicon:
    """A language's words and phrases.

    Attributes:
        code: the language, a key of `LANGUAGES`.
        file: as read.
    """

    code: str
    file: LexiconFile

    @property
    def name(self) -> str:
        """The language in English."""
        return LANGUAGES[self.code]

    @cached_property
    def ignored(self) -> frozenset[str]:
        """Folded words that change nothing."""
        return frozenset(fold(word) for word in self.file.ignored)

    @cached_property
    def aside(self) -> frozenset[str]:
        """Folded words that change nothing unless a phrase holds them."""
        return frozenset(fold(word) for word in self.file.aside)

    @cached_property
    def joining(self) -> frozenset[str]:
        """Folded words for "and"."""
        return frozenset(fold(word) for word in self.file.joining)

    @cached_property
    def requests(self) -> tuple[tuple[tuple[str, ...], str], ...]:
        """Folded words of each request and its English, the longest first."""
        found = [
            (tuple(token.folded for token in split_words(phrase)), english)
            for english, phrases in self.file.requests.english().items()
            for phrase in phrases
        ]
        return tuple(sorted(found, key=lambda one: -len(one[0])))

    @cached_property
    def forms(self) -> tuple[Form, ...]:
        """All phrases."""
        return tuple(
            Form(spelling, words, english)
            for english, phrases in self.file.sounds.items()
            for phrase in phrases
            for spelling in self._spellings(phrase)
            if (words := self._form_words(spelling))
        )

    @cached_property
    def words(self) -> dict[str, tuple[Form, ...]]:
        """The forms that hold a word."""
        found: dict[str, list[Form]] = {}
        for form in self.forms:
            for word in dict.fromkeys(form.words):
                found.setdefault(word, []).append(form)
        return {word: tuple(forms) for word, forms in found.items()}

    @cached_property
    def vocabulary(self) -> dict[str, frozenset[str]]:
        """All words of each sound, by its English."""
        found: dict[str, set[str]] = {}
        for form in self.forms:
            found.setdefault(form.english, set()).update(form.words)
        return {english: frozenset(words) for english, words in found.items()}

    @cached_property
    def known(self) -> frozenset[str]:
        """Every folded word that the file has."""
        asked = {word for words, _ in self.requests for word in words}
        return self.ignored | self.aside | self.joining | self.words.keys() | asked

    @cached_property
    def _letters(self) -> dict[int, str]:
        return str.maketrans({pair.split()[0]: pair.split()[1] for pair in self.file.variants})

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.known))

    def tokens(self, text: str) -> list[Token]:
        """The words of a text; compounds and runs without spaces as their known parts."""
        if not self.file.spaced:
            text = text.translate(self._letters)
        return [part for token in split_words(text) for part in self._parts(token)]

    def _parts(self, token: Token) -> Iterable[Token]:
        word = self._bare(token.folded)
        if word in self.known:
            return [Token(token.typed, word)]
        if not self.file.spaced:
            return self._segments(token)
        for prefix in map(fold, self.file.prefixes):
            rest = word.removeprefix(prefix)
            if rest != word and len(rest) > 1 and self._may_be_known(rest):
                before = [Token(prefix, prefix)] if prefix in self.joining else []
                return [*before, *self._parts(Token(token.typed, rest))]
        for suffix in map(fold, self.file.suffixes):
            rest = word.removesuffix(suffix)
            if rest != word and len(rest) > 2:
                return [Token(token.typed, rest)]
        return [token]

    def _may_be_known(self, word: str) -> bool:
        return self._bare(word) in self.known or any(
            word.startswith(fold(prefix))
            and self._bare(word.removeprefix(fold(prefix))) in self.known
            for prefix in self.file.prefixes
        )

    def _bare(self, word: str) -> str:
        """A word without the article."""
        rest = word.removeprefix(self.file.article)
        return rest if len(rest) > 2 else word

    def _segments(self, token: Token) -> Iterable[Token]:
        """Known words of a run without spaces, the longest first, and what is between them."""
        word, start, unknown = token.folded, 0, ""
        while start < len(word):
            for length in range(min(self._longest, len(word) - start), 0, -1):
                piece = word[start : start + length]
                if piece in self.known and not self._torn(word, start, length):
                    if unknown:
                        yield Token(unknown, unknown)
                    yield Token(piece, piece)
                    start, unknown = start + length, ""
                    break
            else:
                unknown += word[start]
                start += 1
        if unknown:
            yield Token(unknown, unknown)

    def _torn(self, word: str, start: int, length: int) -> bool:
        """Whether a piece in katakana or Latin letters is part of a longer word."""
        end = start + length

        def same(one: str, other: str) -> bool:
            both = {script_of(one), script_of(other)}
            return both == {"latin"} or (both == {"kana"} and min(one, other) >= "ァ")

        return (start > 0 and same(word[start - 1], word[start])) or (
            end < len(word) and same(word[end - 1], word[end])
        )

    def _spellings(self, phrase: str) -> list[str]:
        other = phrase.translate(self._letters)
        return [phrase] if other == phrase or not self.file.spaced else [phrase, other]

    def _form_words(self, phrase: str) -> tuple[str, ...]:
        words = [token.folded for token in split_words(phrase)]
        return tuple(self._bare(word) for word in words if word not in self.ignored)


@cache
def load_lexicon(code: str) -> Lexicon:
    """The lexicon of a language.

    Raises:
        SoundsiftError: there is none.
        ValueError: the file is invalid.
    """
    check_language(code)
    text = (resources.files("soundsift.languages") / f"{code}.yaml").read_text(encoding="utf-8")
    # The base loader leaves words as they are: "no" and "on" are no truth values here.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return Lexicon(code, LexiconFile.model_validate(yaml.load(text, loader)))
    except ValidationError as error:
        raise ValueError(f"{code}.yaml: {one_line(error)}") from error
