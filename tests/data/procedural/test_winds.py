"""Wind instruments: their harmonics, drones and trills."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import winds

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize("seed", range(2))
def test_a_clarinet_lacks_its_second_harmonic(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    wave = made(winds.clarinet, 0.14, seed)
    pitch = measure.peak_hertz(wave, 100, 720)
    second = measure.share(wave, 1.85 * pitch, 2.15 * pitch)
    third = measure.share(wave, 2.85 * pitch, 3.15 * pitch)
    assert second < 0.3 * third


@pytest.mark.parametrize("seed", range(2))
def test_a_referee_whistles_at_two_to_four_kilohertz(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    assert 1850 < measure.peak_hertz(made(winds.referee_whistle, 2, seed)) < 4700


@pytest.mark.parametrize("seed", range(2))
def test_a_flute_is_softer_than_brass(made: Make, measure: SimpleNamespace, seed: int) -> None:
    flute, brass = made(winds.flute, 4, seed), made(winds.brass, 4, seed)
    assert measure.share(flute, 4000, 20_000) < measure.share(brass, 4000, 20_000) + 0.05


@pytest.mark.parametrize("seed", range(2))
def test_reeds_of_an_accordion_beat(seed: int) -> None:
    wave = winds._reeds(440.0, 48_000, 48_000, (0.0, 4.0))
    power = np.abs(np.fft.rfft(wave))
    assert power[440] > 10 * power[442] < power[444]
