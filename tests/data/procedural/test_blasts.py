"""Fire and blasts: fronts, decays and rates of fire."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import blasts

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize("seed", range(2))
def test_a_shot_reaches_its_peak_within_milliseconds(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    wave = np.abs(made(blasts.gunshot, 0.4, seed))
    start = np.flatnonzero(wave > 0.03)[0]
    assert np.argmax(wave) - start < 0.01 * measure.rate


@pytest.mark.parametrize("seed", range(2))
def test_a_machine_gun_fires_500_to_1000_times_a_minute(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    rate = measure.beat(made(blasts.machine_gun, 5, seed), 7, 18)
    assert 500 / 60 * 0.9 < rate < 1000 / 60 * 1.1


@pytest.mark.parametrize("seed", range(2))
def test_an_explosion_darkens(made: Make, measure: SimpleNamespace, seed: int) -> None:
    wave = made(blasts.explosion, 4, seed)
    assert measure.share(wave, 0, 400) > 0.5
    level = measure.envelope(wave, 0.25)
    assert level[:4].max() > 3 * level[-3:].mean()


@pytest.mark.parametrize("seed", range(2))
def test_fire_crackles(made: Make, seed: int) -> None:
    wave = made(blasts.fire, 5, seed)
    kurtosis = np.mean(wave**4) / np.mean(wave**2) ** 2
    assert kurtosis > 6  # noise has 3
