"""Doors: slams and knocks."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import doors

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize("seed", range(2))
def test_a_slam_is_low_and_over_at_once(made: Make, measure: SimpleNamespace, seed: int) -> None:
    wave = made(doors.door_slam, 1.2, seed)
    assert measure.share(wave, 0, 500) > 0.5
    level = measure.envelope(wave, 0.1)
    assert level[-2:].mean() < 0.1 * level.max()


@pytest.mark.parametrize("seed", range(2))
def test_knocks_come_in_groups(made: Make, measure: SimpleNamespace, seed: int) -> None:
    times = measure.onsets(made(doors.door_knock, 4, seed), dead=0.1, rise=2)
    assert 2 <= len(times) <= 20
    assert np.diff(times).min() < 0.4


@pytest.mark.parametrize("seed", range(2))
def test_a_creak_is_a_train_of_slips(made: Make, seed: int) -> None:
    wave = made(doors.door_creak, 3, seed)
    kurtosis = np.mean(wave**4) / np.mean(wave**2) ** 2
    assert kurtosis > 3.5  # noise has 3
