from pathlib import Path
from typing import Any

import numpy as np
import pytest

from soundsift.errors import SoundsiftError
from soundsift.evaluation.paired import compare
from soundsift.evaluation.results import Results


def results(name: str, scores: dict[str, dict[str, Any]], suite: str = "pairs") -> Results:
    run = {"suite": suite, "settings": {}, "system": {"name": name}, "items": len(scores)}
    rows = [{"id": i, "status": "ok", "scores": s} for i, s in scores.items()]
    return Results(Path(name), run, tuple(rows))


def test_only_items_of_both_count() -> None:
    first = results("a", {"1": {"x": 3.0}, "2": {"x": 5.0}, "3": {"x": 99.0}})
    second = results("b", {"2": {"x": 4.0}, "1": {"x": 1.0}, "4": {"x": -99.0}})
    (found,) = compare(first, second)
    assert (found.items, found.first, found.second, found.mean) == (2, 4.0, 2.5, 1.5)
    assert (found.low, found.high, found.wins) == (1.0, 2.0, 1.0)


def test_p_values_against_all_exchanges() -> None:
    """Six gaps: the share of the 64 exchanges that are at least as extreme."""
    gaps = np.array([1.0, 2.0, -0.5, 3.0, 1.5, 0.2])
    signs = np.array(np.meshgrid(*[[-1, 1]] * 6)).reshape(6, -1).T
    exact = (np.abs(signs @ gaps) >= gaps.sum() - 1e-9).mean()
    first = results("a", {str(n): {"x": g} for n, g in enumerate(gaps)})
    second = results("b", {str(n): {"x": 0.0} for n in range(6)})
    assert compare(first, second)[0].p_value == pytest.approx(exact, abs=0.02)


def test_equal_systems_seldom_differ() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(60):
        waves = rng.normal(0, 1, (2, 40))
        first, second = (
            results(n, {str(i): {"x": v} for i, v in enumerate(w)})
            for n, w in zip("ab", waves, strict=True)
        )
        hits += compare(first, second, seed=trial)[0].p_value < 0.05
    assert hits <= 8


def test_other_suites_and_nothing_shared_are_refused() -> None:
    one = results("a", {"1": {"x": 1.0}})
    with pytest.raises(SoundsiftError, match="different suite"):
        compare(one, results("b", {"1": {"x": 1.0}}, suite="fuss"))
    with pytest.raises(SoundsiftError, match="share no item"):
        compare(one, results("b", {"1": {"y": 1.0}}))


def test_what_ranked_one_of_them_is_not_compared() -> None:
    one = results("a", {"1": {"judge_overall": 4.0, "x": 1.0}})
    rows = ({"id": "1", "status": "ok", "scores": {"judge_overall": 5.0, "x": 0.0}},)
    two = Results(Path("b"), one.run, (rows[0] | {"ranked_by": ["judge"]},))
    assert [found.score for found in compare(one, two)] == ["x"]
