import numpy as np
import pytest

from soundsift.evaluation.summary import (
    class_mean_figure,
    correlation_figure,
    mean_figure,
    median_figure,
)


def test_what_has_no_value_is_left_out() -> None:
    found = mean_figure([1.0, None, float("nan"), 3.0])
    assert (found.value, found.count) == (2.0, 2)
    assert mean_figure([None]).value is None
    assert median_figure([1.0, 2.0, 30.0]).value == 2.0


def test_intervals_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    hits = {"mean": 0, "class": 0}
    for trial in range(120):
        values = rng.normal(1.0, 2.0, 40)
        mean = mean_figure(values.tolist(), seed=trial)
        hits["mean"] += mean.low <= 1.0 <= mean.high
        rows = [{"group": f"{n % 4}", "scores": {"x": v + n % 4}} for n, v in enumerate(values)]
        classes = class_mean_figure(rows, "x", seed=trial)
        assert classes.count == 4
        hits["class"] += classes.low <= 2.5 <= classes.high
    assert hits["mean"] >= 0.88 * 120
    assert hits["class"] >= 0.85 * 120


def test_classes_weigh_the_same() -> None:
    values = {"a": [1.0, 1.0, 1.0], "b": [4.0]}
    rows = [{"group": g, "scores": {"x": v}} for g, each in values.items() for v in each]
    assert class_mean_figure(rows, "x").value == pytest.approx(2.5)


def test_correlation_of_a_score_with_the_truth() -> None:
    truth = [3.0, -1.0, 8.0, 0.5, 12.0, None]
    rows = [{"scores": {"x": n, "true": n and 2 + n**3, "same": 1.0}} for n in truth]
    rows.append({"scores": {"true": 1.0}})
    found = correlation_figure(rows, "x", "true")
    assert (found.value, found.count) == (pytest.approx(1.0), 5), "any rising curve will do"
    opposite = [{"scores": {"x": -n, "true": n}} for n in truth if n is not None]
    assert correlation_figure(opposite, "x", "true").value == pytest.approx(-1.0)
    assert correlation_figure(rows, "same", "true").value is None
    assert correlation_figure(rows[:3], "x", "true").value is None, "too few to say"
    rng = np.random.default_rng(0)
    pairs = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 200)
    drawn = correlation_figure([{"scores": {"x": a, "true": b}} for a, b in pairs], "x", "true")
    assert drawn.low < 0.58 < drawn.high and 0.1 < drawn.high - drawn.low < 0.3
