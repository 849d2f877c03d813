"""Trains and horns: chords, passing, and the rhythm of steam."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import trains

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize("seed", range(2))
def test_horns_are_tones_in_their_range(made: Make, measure: SimpleNamespace, seed: int) -> None:
    car = made(trains.car_horn, 2, seed)
    ship = made(trains.ship_horn, 3, seed)
    assert measure.share(car, 300, 8000) > 0.9
    assert measure.share(ship, 0, 60) < 0.05
    assert measure.centroid(ship) < measure.centroid(car)


@pytest.mark.parametrize("seed", range(2))
def test_a_train_comes_and_goes(made: Make, measure: SimpleNamespace, seed: int) -> None:
    level = measure.envelope(made(trains.train_passing, 10, seed), 0.5)
    assert min(level[0], level[-1]) < 0.8 * level.max()
    assert 0.15 < np.argmax(level) / len(level) < 0.85


@pytest.mark.parametrize("seed", range(2))
def test_a_steam_engine_chuffs(made: Make, measure: SimpleNamespace, seed: int) -> None:
    assert 1.3 < measure.beat(made(trains.steam_train, 8, seed), 1.3, 17) < 17
    level = measure.envelope(made(trains.steam_train, 8, seed))
    assert level.std() > 0.2 * level.mean()
