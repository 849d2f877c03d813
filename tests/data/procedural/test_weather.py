"""Wind, rain and thunder: where their energy lies and how it changes."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import weather

Make = Callable[..., np.ndarray]


def unevenness(wave: np.ndarray, measure: SimpleNamespace) -> float:
    level = measure.envelope(wave)
    return float(level.std() / level.mean())


@pytest.mark.parametrize("seed", range(2))
def test_thunder_is_low_and_dies_away(made: Make, measure: SimpleNamespace, seed: int) -> None:
    wave = made(weather.thunder, 6, seed)
    third = len(wave) // 3
    assert np.sum(wave[:third] ** 2) > 5 * np.sum(wave[-third:] ** 2)
    assert measure.share(wave, 0, 1000) > 0.5
    assert measure.centroid(wave[-third:]) < measure.centroid(wave[:third])


@pytest.mark.parametrize("seed", range(2))
def test_heavy_rain_is_more_even_than_drops_on_a_roof(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    heavy, roof = made(weather.heavy_rain, 5, seed), made(weather.rain_on_roof, 5, seed)
    assert unevenness(heavy, measure) < unevenness(roof, measure)


@pytest.mark.parametrize("seed", range(2))
def test_wind_is_low_and_leaves_are_high(made: Make, measure: SimpleNamespace, seed: int) -> None:
    wind, leaves = made(weather.wind, 6, seed), made(weather.leaves_rustling, 6, seed)
    assert measure.share(wind, 0, 2000) > 0.7
    assert measure.share(leaves, 1000, 20_000) > 0.7
    assert unevenness(wind, measure) > 0.15
