"""Telephones: the tones of the standards, and the rhythm of bells."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import phones

Make = Callable[..., np.ndarray]

ROWS = np.array([697, 770, 852, 941])
COLUMNS = np.array([1209, 1336, 1477])


@pytest.mark.parametrize("seed", range(3))
def test_a_key_sounds_one_row_and_one_column(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    wave = made(phones.touch_tones, 0.06, seed)
    low, high = measure.peak_hertz(wave, 600, 1050), measure.peak_hertz(wave, 1100, 1600)
    assert np.abs(ROWS - low).min() < 10
    assert np.abs(COLUMNS - high).min() < 10


@pytest.mark.parametrize("seed", range(2))
def test_a_busy_line_is_on_as_long_as_off(made: Make, measure: SimpleNamespace, seed: int) -> None:
    wave = made(phones.busy_tone, 6, seed)
    level = measure.envelope(wave)
    assert 0.4 < np.mean(level > 0.3 * level.max()) < 0.6
    assert 390 < measure.peak_hertz(wave) < 630


def test_the_clapper_of_a_telephone_strikes_two_gongs(made: Make, measure: SimpleNamespace) -> None:
    wave = made(phones.old_telephone, 0.7, 3)
    assert 15 < measure.beat(wave, 15, 60) < 52
    assert measure.share(wave, 800, 12_000) > 0.8


def test_a_microwave_oven_hums_before_it_beeps(made: Make, measure: SimpleNamespace) -> None:
    wave = made(phones.microwave_oven, 6, 1)
    assert measure.share(wave[:72_000], 0, 1500) > 0.9
    assert measure.share(wave[-96_000:], 1700, 2700) > 0.5
