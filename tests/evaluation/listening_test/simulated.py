"""Simulated listeners of known preference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from soundsift.evaluation.listening_test.answers import Answer, Listener
from soundsift.evaluation.listening_test.design import (
    AXES,
    BETTER,
    WORSE,
    Cell,
    Stimulus,
    TestItem,
    TestSettings,
    plan_session,
)

#: Spread of the quality of one output around its system's, of a listener's taste for a system, and
#: of what is heard at one time.
ITEM_SPREAD, TASTE_SPREAD, NOISE = 0.5, 0.3, 1.0
#: A gold item's worse output.
GOLD = {BETTER: 1.0, WORSE: -3.0}
_SOUND = Stimulus(file="x.flac", gain_db=0.0, loudness=-23.0)


class Panel:
    """Listeners, some of them careless, who take part in a test of new items.

    Args:
        quality: mean quality by system.
        listeners: how many.
        careless: how many of them answer at random.
        items: number of items.
        settings: settings of the test.
        seed: seed of everything.
    """

    def __init__(
        self,
        quality: dict[str, float],
        listeners: int,
        careless: int,
        items: int,
        settings: TestSettings,
        seed: int,
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._quality = quality
        self.items = [
            TestItem(
                id=f"item {n}",
                prompt="p",
                seconds=1.0,
                mixture=_SOUND,
                outputs=dict.fromkeys(quality, _SOUND),
            )
            for n in range(items)
        ]
        self._outputs = {
            (item.id, system): value + self._rng.normal(0, ITEM_SPREAD)
            for item in self.items
            for system, value in quality.items()
        }
        #: A metric that follows the quality of each output.
        self.scores = {
            item.id: {
                system: {"metric": self._outputs[item.id, system] + self._rng.normal(0, 0.2)}
                for system in quality
            }
            for item in self.items
        }
        self.listeners: list[Listener] = []
        self.answers: list[Answer] = []
        self.careless: set[str] = set()
        taken: Counter[Cell] = Counter()
        gold = [f"gold {n}" for n in range(8)]
        for number in range(listeners):
            plan = plan_session(self.items, gold, settings, taken, self._rng)
            taken.update(trial.cell for trial in plan if trial.kind == "comparison")
            name = f"listener {number}"
            self.listeners.append(Listener(name, number, tuple(plan), 0, None, True))
            if number < careless:
                self.careless.add(name)
            self._answer(name, plan)

    def _answer(self, name: str, plan: Sequence) -> None:
        taste = {system: self._rng.normal(0, TASTE_SPREAD) for system in self._quality}
        for position, trial in enumerate(plan):
            heard = [
                GOLD[system]
                if system in GOLD
                else self._outputs[trial.item, system] + taste[system]
                for system in (trial.a, trial.b)
            ]
            if name in self.careless:
                ratings = [self._random_ratings() for _ in heard]
                choice = "a" if self._rng.random() < 0.5 else "b"
            else:
                ratings = [self._ratings(value) for value in heard]
                gap = heard[0] - heard[1] + self._rng.logistic(0, NOISE)
                choice = "a" if gap > 0 else "b"
            self.answers.append(Answer(name, trial, *ratings, choice, 30.0, position))

    def _ratings(self, value: float) -> dict:
        drawn = 3 + value + self._rng.normal(0, 0.6, len(AXES))
        return dict(zip(AXES, np.clip(np.round(drawn), 1, 5).astype(int).tolist(), strict=True))

    def _random_ratings(self) -> dict:
        return dict(zip(AXES, self._rng.integers(1, 6, len(AXES)).tolist(), strict=True))


def net_win_rate(quality: dict[str, float], one: str, other: str) -> float:
    """Net win rate over all listeners and items that there could be."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    spread = np.sqrt(2 * (ITEM_SPREAD**2 + TASTE_SPREAD**2))
    odds = 1 / (1 + np.exp(-(quality[one] - quality[other] + spread * nodes) / NOISE))
    return float(2 * (weights * odds).sum() / weights.sum() - 1)
