"""Axes, settings and items of a listening test, and the plan of a listener's session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

Axis = Literal["overall", "recall", "precision", "faithfulness"]
AXES: tuple[Axis, ...] = ("overall", "recall", "precision", "faithfulness")
Kind = Literal["training", "comparison", "gold", "repeat"]
#: Item, the system that is A, the system that is B.
Pair = tuple[str, str, str]
#: An item and two systems, whichever is A.
Cell = tuple[str, frozenset[str]]

#: Question and names of the ratings 1 to 5 by axis.
WORDING: dict[Axis, tuple[str, tuple[str, str, str, str, str]]] = {
    "overall": (
        "How good is it all in all, as the sound that was asked for?",
        ("bad", "poor", "fair", "good", "excellent"),
    ),
    "recall": (
        "How much of the sound that was asked for is there?",
        ("hardly any", "a little", "about half", "most", "all of it"),
    ),
    "precision": (
        "How free is it of other sounds?",
        ("mostly others", "many others", "some others", "few others", "no others"),
    ),
    "faithfulness": (
        "How similar is it to the same sound in the mixture?",
        ("very different", "different", "partly alike", "alike", "the same"),
    ),
}

CONSENT = (
    "You will compare sounds that were taken out of recordings. Your ratings and choices, the time "
    "that each comparison took and the result of the headphone check are stored under a random "
    "code. Nothing else about you is stored. You may stop at any time, come back later, or delete "
    "your answers."
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TestSettings(_Strict):
    """Settings of a listening test.

    Attributes:
        title: heading of the page.
        consent: text that a listener agrees to first.
        comparisons: comparisons of one listener; fewer if there are not so many.
        training: items before the test, whose answer is then explained.
        gold: items with a known answer among the comparisons.
        repeats: comparisons that come again later, with A and B exchanged.
        headphones: whether the headphone check is left out, noted, or required to go on.
        least_seconds: how long the mixture and each output must have been played, in seconds.
        seed: seed of the plans.
    """

    # Not a test of pytest's.
    __test__ = False

    title: str = "Listening test"
    consent: str = CONSENT
    comparisons: Annotated[int, Field(ge=1, le=500)] = 20
    training: Annotated[int, Field(ge=0, le=20)] = 2
    gold: Annotated[int, Field(ge=0, le=50)] = 5
    repeats: Annotated[int, Field(ge=0, le=100)] = 3
    headphones: Literal["off", "note", "require"] = "note"
    least_seconds: Annotated[float, Field(ge=0.0, le=600.0)] = 2.0
    seed: int = 0


class Stimulus(_Strict):
    """A sound of the test.

    Attributes:
        file: name in the test's `media` folder.
        gain_db: gain that matched its loudness.
        loudness: in LUFS after that; None if it is silent.
    """

    file: str
    gain_db: float
    loudness: float | None


class TestItem(_Strict):
    """A mixture and prompt with the outputs of several systems.

    Attributes:
        id: name of the item.
        prompt: the sound that was asked for.
        seconds: length of all its sounds.
        mixture: the mixture.
        video: name of the picture's file, without sound; None if there is none.
        outputs: output by system.
        scores: metrics by system and name.
    """

    __test__ = False

    id: str
    prompt: str
    seconds: float
    mixture: Stimulus
    video: str | None = None
    outputs: dict[str, Stimulus]
    scores: dict[str, dict[str, float]] = Field(default_factory=dict)


#: "Systems" of gold items: which of the two outputs is known to be better.
BETTER, WORSE = "better", "worse"


@dataclass(frozen=True)
class Trial:
    """One comparison of one listener.

    Attributes:
        kind: what it is for.
        item: id of the item; of a gold item for `gold` and `training`.
        a: system of output A.
        b: system of output B.
    """

    kind: Kind
    item: str
    a: str
    b: str

    @property
    def pair(self) -> Pair:
        """Item and systems."""
        return self.item, self.a, self.b

    @property
    def cell(self) -> Cell:
        """Item and systems, whichever is A."""
        return self.item, frozenset((self.a, self.b))

    @property
    def known(self) -> Literal["a", "b"] | None:
        """The output that is known to be better, if one is."""
        return {BETTER: "a", WORSE: "b"}.get(self.a)  # type: ignore[return-value]


def all_cells(items: Sequence[TestItem]) -> list[Cell]:
    """Every pair of systems of every item."""
    return [
        (item.id, frozenset(pair))
        for item in items
        for pair in combinations(sorted(item.outputs), 2)
    ]


def plan_session(
    items: Sequence[TestItem],
    gold: Sequence[str],
    settings: TestSettings,
    taken: Mapping[Cell, int],
    rng: np.random.Generator,
) -> list[Trial]:
    """Draw the trials of one listener, in their order.

    The comparisons are those that fewest listeners have had, of as many different items as
    possible. Order, sides, gold items and repeats are drawn at random; a repeat comes in the second
    half, has its first hearing in the first half, and exchanges A and B.

    Args:
        items: items of the test.
        gold: ids of the gold items, which also serve for training.
        settings: settings of the test.
        taken: how many listeners have had each pair of systems of each item.
        rng: source of chance.
    """
    pairs = [_sides(cell, rng) for cell in _least_taken(items, settings.comparisons, taken, rng)]
    trials = [Trial("comparison", *pair) for pair in pairs]
    half = max(1, len(trials) // 2)
    again = rng.permutation(half)[: settings.repeats if len(trials) > 1 else 0]
    for index in again.tolist():
        item, a, b = pairs[index]
        place = int(rng.integers(half + 1, len(trials) + 1))
        trials.insert(place, Trial("repeat", item, b, a))
    # One gold item in each of as many stretches of the session.
    drawn = _cycled(gold, settings.gold, rng)
    edges = np.linspace(0, len(trials), len(drawn) + 1).astype(int)
    for number in reversed(range(len(drawn))):
        place = int(rng.integers(edges[number], edges[number + 1] + 1))
        trials.insert(place, _gold_trial("gold", drawn[number], rng))
    training = _cycled(gold, settings.training, rng)
    return [*(_gold_trial("training", item, rng) for item in training), *trials]


def _least_taken(
    items: Sequence[TestItem], count: int, taken: Mapping[Cell, int], rng: np.random.Generator
) -> list[Cell]:
    cells = all_cells(items)
    chance = rng.random(len(cells))
    ranked = sorted(range(len(cells)), key=lambda n: (taken.get(cells[n], 0), chance[n]))
    # First the best cell of each item, then the second best of each, and so on.
    used: Counter[str] = Counter()
    turns = []
    for rank, number in enumerate(ranked):
        item = cells[number][0]
        turns.append((used[item], rank, number))
        used[item] += 1
    chosen = [cells[number] for _, _, number in sorted(turns)[:count]]
    return [chosen[n] for n in rng.permutation(len(chosen))]


def _sides(cell: Cell, rng: np.random.Generator) -> Pair:
    first, second = sorted(cell[1])
    return (cell[0], first, second) if rng.random() < 0.5 else (cell[0], second, first)


def _gold_trial(kind: Kind, item: str, rng: np.random.Generator) -> Trial:
    return Trial(kind, *_sides((item, frozenset((BETTER, WORSE))), rng))


def _cycled(names: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """So many of the names at random, each as often as the others."""
    drawn: list[str] = []
    while names and len(drawn) < count:
        drawn += [names[n] for n in rng.permutation(len(names))]
    return drawn[:count]
