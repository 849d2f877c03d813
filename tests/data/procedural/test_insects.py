"""Insects: carriers and wing beats."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import insects

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize("seed", range(2))
def test_a_cricket_is_a_pure_tone_of_three_to_six_kilohertz(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    wave = made(insects.crickets, 4, seed)
    assert 2600 < measure.peak_hertz(wave) < 5700
    assert measure.share(wave, 2500, 5800) > 0.9


def lowest_line(wave: np.ndarray, measure: SimpleNamespace) -> float:
    """Pitch by the lag at which the sound is most like itself."""
    part = wave[48_000 : 48_000 + 16_384]
    correlation = np.fft.irfft(np.abs(np.fft.rfft(part, 32_768)) ** 2)
    lags = np.arange(len(correlation))
    kept = (lags > measure.rate / 1000) & (lags < measure.rate / 100)
    return float(measure.rate / lags[kept][np.argmax(correlation[kept])])


@pytest.mark.parametrize("seed", range(2))
def test_wing_beats(made: Make, measure: SimpleNamespace, seed: int) -> None:
    assert 350 < lowest_line(made(insects.mosquito, 4, seed), measure) < 900


@pytest.mark.parametrize("seed", range(2))
def test_cicadas_are_high(made: Make, measure: SimpleNamespace, seed: int) -> None:
    assert measure.share(made(insects.cicadas, 4, seed), 2500, 14_000) > 0.7
