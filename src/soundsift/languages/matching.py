"""Which sound of a lexicon a phrase names: exactly, inflected or misspelled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from soundsift.languages.folding import Token, script_of
from soundsift.languages.lexicon import Form, Lexicon

#: What it costs to take a word for another: an ending more or less, and a mistake.
_INFLECTED, _MISSPELLED = 1, 3
#: Letters of an ending, at most, and letters before it, at least.
_LONGEST_ENDING, _SHORTEST_STEM = 3, 4


@dataclass(frozen=True)
class Match:
    """A sound that a phrase names.

    Attributes:
        english: the sound.
        left_out: words, as typed, that say nothing about it.
        cost: of inflections and mistakes.
    """

    english: str
    left_out: tuple[str, ...]
    cost: int


def match(
    tokens: Sequence[Token], lexicon: Lexicon, may_differ: Callable[[Token], bool]
) -> Match | None:
    """The sound that a phrase names.

    A sound fits if one of its phrases is in the phrase, in any order, and covers at least a
    third of it. The best leaves the fewest words out, then has the longest phrase.

    Args:
        tokens: the phrase without ignored words.
        lexicon: the language.
        may_differ: whether a word that is not in the lexicon may be an inflected or misspelled one.
    """
    near = [_near(token.folded, lexicon, may_differ(token)) for token in tokens]
    best: tuple[tuple[int, int, int, bool], Match] | None = None
    beside = {n for n, token in enumerate(tokens) if token.folded in lexicon.aside}
    letters = sum(len(token.folded) for n, token in enumerate(tokens) if n not in beside)
    typed = " ".join(token.typed for token in tokens)
    candidates: dict[Form, None] = {}
    for found in near:
        for word in found:
            candidates |= dict.fromkeys(lexicon.words[word])
    for form in candidates:
        taken = _taken(form, near)
        if taken is None:
            continue
        vocabulary = lexicon.vocabulary[form.english]
        left = [
            n
            for n, words in enumerate(near)
            if n not in taken and n not in beside and vocabulary.isdisjoint(words)
        ]
        if 3 * sum(len(tokens[n].folded) for n in left) > 2 * letters:
            continue
        cost = sum(taken.values())
        # Beside unknown words, a similar one is more likely another unknown word than a mistake.
        if left and _MISSPELLED in taken.values():
            continue
        # Accents decide between words that are equal without them.
        rank = (len(left), -len(form.words), cost, form.typed.lower() != typed)
        if best is None or rank < best[0]:
            best = rank, Match(form.english, tuple(tokens[n].typed for n in left), cost)
    return None if best is None else best[1]


def _taken(form: Form, near: Sequence[dict[str, int]]) -> dict[int, int] | None:
    """Numbers of the words that a form's words are, with their cost; None if one is missing."""
    taken: dict[int, int] = {}
    for word in form.words:
        places = [
            (words[word], n) for n, words in enumerate(near) if n not in taken and word in words
        ]
        if not places:
            return None
        cost, place = min(places)
        taken[place] = cost
    return taken


def _near(word: str, lexicon: Lexicon, may_differ: bool) -> dict[str, int]:
    """The lexicon's words that a word may be, with what that costs."""
    exact = word in lexicon.words
    found = {word: 0} if exact else {}
    if not may_differ and not exact:
        return found
    for other in lexicon.words:
        if other == word:
            continue
        if _inflected(word, other):
            found[other] = _INFLECTED
        elif not exact and _misspelled(word, other):
            found[other] = _MISSPELLED
    return found


def _inflected(word: str, other: str) -> bool:
    """Whether two words have one stem and different endings, in a script with letters."""
    if script_of(word[0]) in ("han", "kana", "hangul") or word[0] != other[0]:
        return False
    shared = next(
        (n for n, (a, b) in enumerate(zip(word, other, strict=False)) if a != b),
        min(len(word), len(other)),
    )
    endings = len(word) - shared, len(other) - shared
    if shared >= _SHORTEST_STEM:
        longest = _LONGEST_ENDING if shared > _SHORTEST_STEM else _LONGEST_ENDING - 1
        return max(endings) <= longest and (shared > 5 or sum(endings) <= longest + 1)
    # A word of three letters with an ending: "Uhr", "Uhren".
    return shared == 3 and min(endings) == 0 and max(endings) <= 2


def _misspelled(word: str, other: str) -> bool:
    """Whether one or two letters are wrong, missing, too many or exchanged."""
    if script_of(word[0]) in ("han", "hangul"):
        return False
    longer = max(len(word), len(other))
    if longer < 5 or abs(len(word) - len(other)) > 2:
        return False
    allowed = 1 if longer < 9 else 2
    if allowed == 1 and word[0] != other[0] and longer < 7:
        return False
    return OSA.distance(word, other, score_cutoff=allowed) <= allowed
