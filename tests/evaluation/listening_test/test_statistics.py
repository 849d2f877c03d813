from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from soundsift.evaluation.listening_test.statistics import (
    Crossed,
    bradley_terry,
    correlations,
    krippendorff_alpha,
    share,
)


def test_alpha_of_krippendorffs_own_example() -> None:
    # Four observers, twelve units (Krippendorff, "Computing Krippendorff's alpha-reliability",
    # 2011): 0.849 for interval data.
    nan = np.nan
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
        [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
    ]
    units = {
        n: [row[n] for row in observers if not np.isnan(row[n])] for n in range(len(observers[0]))
    }
    assert krippendorff_alpha(units) == pytest.approx(0.849, abs=5e-4)
    assert krippendorff_alpha({"u": [1, 1], "v": [5, 5], "w": [3]}) == 1.0
    assert krippendorff_alpha({"u": [2, 2], "v": [2, 2]}) is None
    assert krippendorff_alpha({"u": [2]}) is None


def test_bradley_terry() -> None:
    # Two systems: the log-odds of the wins, half a win added on both sides.
    two = bradley_terry(np.array([[0.0, 30.0], [10.0, 0.0]]))
    assert two[0] - two[1] == pytest.approx(np.log(30.5 / 10.5), abs=1e-9)
    # Expected wins of known values give these values back.
    values = np.array([1.2, 0.1, -0.4, -0.9])
    odds = 1 / (1 + np.exp(values[None, :] - values[:, None]))
    wins = 1e7 * odds * (1 - np.eye(4))
    np.testing.assert_allclose(bradley_terry(wins), values, atol=1e-5)
    both = bradley_terry(np.stack([wins, wins.T]))
    np.testing.assert_allclose(both, [values, -values], atol=1e-5)
    # Always won: far apart, but on the scale.
    never = bradley_terry(np.array([[0.0, 20.0], [0.0, 0.0]]))
    assert never[0] - never[1] == pytest.approx(np.log(41.0))
    # Two groups that never met.
    apart = np.zeros((4, 4))
    apart[0, 1] = apart[2, 3] = 9
    assert np.isfinite(bradley_terry(apart)).all()


def test_intervals_cover_the_mean_of_new_listeners_and_items() -> None:
    rng = np.random.default_rng(5)
    runs, hits, widths = 100, 0, []
    for run in range(runs):
        listeners, items = rng.normal(0, 0.5, 12), rng.normal(0, 1.0, 10)
        values = 3 + listeners[:, None] + items + rng.normal(0, 1.0, (12, 10))
        rows = [(f"l{n}", f"i{m}", values[n, m]) for n in range(12) for m in range(10)]
        crossed = Crossed([f"l{n}" for n in range(12)], [f"i{m}" for m in range(10)], seed=run)
        found = crossed.mean(rows, -10, 10)
        hits += found.low <= 3 <= found.high
        widths.append(found.high - found.low)
    # 95 %, and not by being endless: the mean's standard error is 0.36.
    assert hits / runs >= 0.93
    assert np.mean(widths) < 6 * 0.36


def test_too_little_for_an_interval() -> None:
    crossed = Crossed(["l"], ["i"])
    found = crossed.mean([("l", "i", 4.0)], 1, 5)
    assert (found.value, found.low, found.count) == (4.0, None, 1)
    assert crossed.mean([], 1, 5).value is None
    # The interval ends at the scale's end.
    crossed = Crossed(["k", "l"], ["i", "j"])
    rows = [("k", "i", 5.0), ("k", "j", 5.0), ("l", "i", 4.0), ("l", "j", 5.0)]
    assert crossed.mean(rows, 1, 5).high == 5


def test_correlations() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=40)
    y = np.exp(x + 0.3 * rng.normal(size=40))
    points = [(f"item {n // 2}", x[n], y[n]) for n in range(40)]
    found = correlations(points)
    assert found["pearson"].value == pytest.approx(stats.pearsonr(x, y)[0])
    assert found["spearman"].value == pytest.approx(stats.spearmanr(x, y)[0])
    for estimate in found.values():
        assert 0.3 < estimate.low < estimate.value < estimate.high <= 1
    flat = correlations([(f"i{n}", 1.0, float(n)) for n in range(5)])
    assert flat["pearson"].value is None
    assert correlations(points[:2])["spearman"].value is None


def test_share() -> None:
    assert share(0, 0).value is None
    found = share(8, 10)
    # Wilson's interval, by hand.
    assert (found.value, found.low, found.high) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-4)
