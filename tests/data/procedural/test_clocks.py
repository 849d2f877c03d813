"""Clocks: their periods and intervals."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import clocks

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize("seed", range(2))
def test_a_clock_ticks_evenly(made: Make, measure: SimpleNamespace, seed: int) -> None:
    times = measure.onsets(made(clocks.clock_ticking, 8, seed), dead=0.12)
    # Tick to tick, every other one: a clock may limp.
    periods = times[2:] - times[:-2]
    assert 0.39 < np.median(periods) < 2.05
    assert np.std(periods) < 0.03 * np.median(periods) + 0.005


def test_a_clock_strikes_on_rods_that_ring_for_seconds(
    made: Make, measure: SimpleNamespace
) -> None:
    wave = made(clocks.clock_chime, 8, 4)
    level = measure.envelope(wave, 0.05)
    assert level[-20:].mean() > 0.003 * level.max()
    assert 30 < measure.peak_hertz(wave) < 2500


@pytest.mark.parametrize("seed", range(2))
def test_a_cuckoo_falls_by_a_third(made: Make, measure: SimpleNamespace, seed: int) -> None:
    wave = made(clocks.cuckoo_clock, 8, seed)
    power = np.abs(np.fft.rfft(wave)) ** 2
    hertz = np.fft.rfftfreq(len(wave), 1 / measure.rate)
    low = measure.peak_hertz(wave, 400, 660)
    upper = (hertz > low * 1.17) & (hertz < low * 1.29)
    lower = (hertz > low / 1.29) & (hertz < low / 1.17)
    between = (hertz > low * 1.34) & (hertz < low * 1.8)
    assert max(power[upper].max(), power[lower].max()) > 20 * power[between].max()
