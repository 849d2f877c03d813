"""Drums: their registers and decays."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import drums

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize("seed", range(2))
def test_each_drum_has_its_register(made: Make, measure: SimpleNamespace, seed: int) -> None:
    assert 30 < measure.peak_hertz(made(drums.kick_drum, 3, seed)) < 200
    assert 60 < measure.peak_hertz(made(drums.tom_drum, 3, seed)) < 500
    assert measure.share(made(drums.hi_hat, 3, seed), 1500, 20_000) > 0.9
    snare = made(drums.snare_drum, 3, seed)
    assert measure.share(snare, 100, 1000) > 0.02
    assert measure.share(snare, 1000, 20_000) > 0.2


def test_a_crash_rings_longer_than_a_hi_hat(made: Make, measure: SimpleNamespace) -> None:
    crash = measure.envelope(made(drums.crash_cymbal, 3, 2))
    hat = measure.envelope(made(drums.hi_hat, 3, 2))
    assert np.mean(crash) / crash.max() > np.mean(hat) / hat.max()


def test_a_beat_has_low_and_high_strokes(made: Make, measure: SimpleNamespace) -> None:
    wave = made(drums.drum_kit, 6, 1)
    assert measure.share(wave, 20, 200) > 0.1
    assert measure.share(wave, 2000, 20_000) > 0.02
    assert len(measure.onsets(wave)) > 8
