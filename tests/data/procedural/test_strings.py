"""Strings: pitch, decay and where they are plucked."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import strings

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize("hertz", [82.4, 196.0, 523.25, 987.8])
def test_a_plucked_string_is_in_tune(measure: SimpleNamespace, hertz: float) -> None:
    wave = strings.plucked_string(
        np.random.default_rng(0), hertz, 2, measure.rate, t60=6, brightness=0.3
    )
    found = measure.peak_hertz(wave, hertz * 0.9, hertz * 1.1)
    assert abs(1200 * np.log2(found / hertz)) < 12


def test_a_string_decays_in_its_time(measure: SimpleNamespace) -> None:
    wave = strings.plucked_string(
        np.random.default_rng(1), 110, 2, measure.rate, t60=2.0, brightness=0.1
    )
    level = measure.envelope(wave, 0.1)
    assert 20 * np.log10(level[12] / level[2]) == pytest.approx(-30, abs=6)


def test_a_string_plucked_in_the_middle_lacks_even_harmonics(measure: SimpleNamespace) -> None:
    wave = strings.plucked_string(
        np.random.default_rng(2), 200, 1, measure.rate, t60=5, brightness=0.8, place=0.5
    )
    even = measure.share(wave, 380, 420) + measure.share(wave, 780, 820)
    odd = measure.share(wave, 180, 220) + measure.share(wave, 580, 620)
    assert even < 0.05 * odd


@pytest.mark.parametrize("seed", range(2))
def test_a_cello_is_lower_than_a_violin(made: Make, measure: SimpleNamespace, seed: int) -> None:
    assert measure.centroid(made(strings.cello, 4, seed)) < measure.centroid(
        made(strings.violin, 4, seed)
    )


@pytest.mark.parametrize("seed", range(2))
def test_a_bass_is_low(made: Make, measure: SimpleNamespace, seed: int) -> None:
    assert measure.share(made(strings.bass_guitar, 3, seed), 30, 600) > 0.7
