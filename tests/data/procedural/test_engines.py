"""Engines: the rate of their firings."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import engines

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize(
    ("rpm", "cylinders", "strokes", "rate"),
    [(3000, 4, 4, 100.0), (3000, 1, 2, 50.0), (600, 6, 4, 30.0)],
)
def test_firings_per_second(rpm: float, cylinders: int, strokes: int, rate: float) -> None:
    assert engines.firing_rate(rpm, cylinders, strokes) == pytest.approx(rate)


@pytest.mark.parametrize("seed", range(2))
def test_a_lawn_mower_fires_every_second_turn(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    wave = made(engines.lawn_mower, 4, seed)
    rate = measure.beat(wave, 15, 36)
    assert 2100 / 120 < rate < 3600 / 120


@pytest.mark.parametrize("seed", range(2))
def test_a_chainsaw_is_faster_and_brighter_than_a_truck(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    saw, truck = made(engines.chainsaw, 4, seed), made(engines.truck, 4, seed)
    assert measure.centroid(saw) > 1.3 * measure.centroid(truck)
    assert measure.share(truck, 0, 400) > measure.share(saw, 0, 400)


def test_a_car_that_accelerates_rises_in_pitch() -> None:
    samples = 4 * 48_000
    rpm, load = engines._drive(np.random.default_rng(0), samples, 1500, 6000)
    assert rpm.min() == pytest.approx(1500, rel=0.01)
    assert rpm.max() > 1.6 * rpm.min()
    assert set(np.round([load.min(), load.max()], 1)) == {0.1, 1.0}
