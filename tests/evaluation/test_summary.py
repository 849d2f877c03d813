import numpy as np
import pytest

from soundsift.evaluation.summary import class_mean_figure, mean_figure, median_figure


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
