"""Frogs and mammals: pulses, tremor and size."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import animals

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize("seed", range(2))
def test_a_cat_purrs_21_to_33_times_a_second(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    assert 18 < measure.beat(made(animals.cat_purring, 5, seed), 15, 40) < 36


@pytest.mark.parametrize("seed", range(2))
def test_a_sheep_trembles(made: Make, measure: SimpleNamespace, seed: int) -> None:
    wave = made(animals.sheep, 0.6, seed)
    assert 5 < measure.beat(wave[9600:], 5, 20) < 15


@pytest.mark.parametrize("seed", range(2))
def test_a_cow_is_lower_than_a_cat(made: Make, measure: SimpleNamespace, seed: int) -> None:
    assert measure.centroid(made(animals.cow, 3, seed)) < measure.centroid(
        made(animals.cat, 3, seed)
    )


@pytest.mark.parametrize("seed", range(2))
def test_barks_are_short(made: Make, measure: SimpleNamespace, seed: int) -> None:
    wave = made(animals.dog_barking, 6, seed)
    level = measure.envelope(wave, 0.01)
    loud = level > 0.3 * level.max()
    changes = np.flatnonzero(np.diff(loud.astype(int)) != 0)
    lengths = np.diff(changes)[::2] * 0.01
    assert np.median(lengths) < 0.3
    assert len(measure.onsets(wave, dead=0.15)) >= 3


@pytest.mark.parametrize("seed", range(2))
def test_a_wolf_howls_for_seconds(made: Make, measure: SimpleNamespace, seed: int) -> None:
    level = measure.envelope(made(animals.wolf, 6, seed), 0.1)
    assert np.sum(level > 0.2 * level.max()) * 0.1 > 1.2


@pytest.mark.parametrize("seed", range(2))
def test_frogs_croak_in_pulses(made: Make, measure: SimpleNamespace, seed: int) -> None:
    wave = made(animals.frogs, 4, seed)
    assert 300 < measure.peak_hertz(wave) < 6500
