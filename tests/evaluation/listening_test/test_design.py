from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from soundsift.evaluation.listening_test.design import (
    Cell,
    Stimulus,
    TestItem,
    TestSettings,
    Trial,
    all_cells,
    plan_session,
)

SOUND = Stimulus(file="x.flac", gain_db=0.0, loudness=-23.0)
ITEMS = [
    TestItem(
        id=f"item {n}",
        prompt="p",
        seconds=1.0,
        mixture=SOUND,
        outputs=dict.fromkeys(("a", "b", "c"), SOUND),
    )
    for n in range(10)
]
GOLD = ["g1", "g2", "g3"]


def plan(settings: TestSettings, number: int, taken: Counter[Cell]) -> list[Trial]:
    return plan_session(ITEMS, GOLD, settings, taken, np.random.default_rng(number))


def test_a_session() -> None:
    settings = TestSettings(comparisons=12, training=2, gold=4, repeats=3)
    for number in range(50):
        trials = plan(settings, number, Counter())
        kinds = [trial.kind for trial in trials]
        assert kinds[:2] == ["training", "training"]
        assert Counter(kinds) == {"training": 2, "comparison": 12, "gold": 4, "repeat": 3}
        comparisons = {t.cell: (n, t) for n, t in enumerate(trials) if t.kind == "comparison"}
        assert len(comparisons) == 12
        # Twelve comparisons of ten items: no item three times.
        assert max(Counter(item for item, _ in comparisons).values()) == 2
        for place, trial in enumerate(trials):
            if trial.kind == "repeat":
                before, first = comparisons[trial.cell]
                assert (first.a, first.b) == (trial.b, trial.a)
                assert place - before > 1
        assert all(t.known in ("a", "b") for t in trials if t.kind in ("gold", "training"))
        assert all(t.known is None for t in trials if t.kind in ("comparison", "repeat"))


def test_listeners_share_the_comparisons_evenly() -> None:
    settings = TestSettings(comparisons=7)
    taken: Counter[Cell] = Counter()
    sides: Counter[str] = Counter()
    for number in range(90):
        for trial in plan(settings, number, taken):
            if trial.kind == "comparison":
                taken[trial.cell] += 1
                sides[trial.a] += 1
    # 630 comparisons of 30 pairs; that no item should come twice may cost one or two.
    assert 19 <= min(taken.values()) <= max(taken.values()) <= 23
    assert set(taken) == set(all_cells(ITEMS))
    # Each system is A in half of the 420 comparisons that it is in: SE 10.
    assert all(abs(count - 210) < 50 for count in sides.values())


def test_fewer_than_asked_for() -> None:
    settings = TestSettings(comparisons=100, gold=0, training=0, repeats=0)
    assert len(plan(settings, 0, Counter())) == 30
    one = [ITEMS[0].model_copy(update={"outputs": dict.fromkeys(("a", "b"), SOUND)})]
    trials = plan_session(one, [], TestSettings(), {}, np.random.default_rng(0))
    assert [trial.kind for trial in trials] == ["comparison"]


def test_settings_refuse_what_is_unknown() -> None:
    with pytest.raises(ValueError, match="comparison"):
        TestSettings.model_validate({"comparison": 3})
    with pytest.raises(ValueError, match="least_seconds"):
        TestSettings(least_seconds=float("nan"))
