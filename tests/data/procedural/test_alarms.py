"""Sirens and alarms: ranges of their sweeps and rhythms."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import alarms

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize("seed", range(2))
def test_a_police_siren_stays_in_its_range(made: Make, measure: SimpleNamespace, seed: int) -> None:
    wave = made(alarms.police_siren, 4, seed)
    assert measure.share(wave, 0, 250) < 0.05
    peaks = [measure.peak_hertz(part) for part in np.array_split(wave, 12)]
    assert min(peaks) > 380
    assert measure.share(wave, 380, 6000) > 0.85


def test_a_motor_siren_follows_its_rotor_up_and_down(made: Make, measure: SimpleNamespace) -> None:
    wave = made(alarms.air_raid_siren, 10, 1)
    peaks = np.array([measure.peak_hertz(part, 100, 700) for part in np.array_split(wave, 40)])
    assert peaks.max() > 1.5 * peaks.min()
    assert np.median(np.abs(np.diff(np.log2(peaks)))) < 0.15


@pytest.mark.parametrize("seed", range(2))
def test_a_smoke_alarm_beeps_near_three_kilohertz(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    wave = made(alarms.smoke_alarm, 5, seed)
    assert 2600 < measure.peak_hertz(wave) < 3600


@pytest.mark.parametrize("seed", range(2))
def test_a_reversing_truck_beeps_half_the_time(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    wave = made(alarms.reversing_beeper, 8, seed)
    level = measure.envelope(wave)
    assert 0.35 < np.mean(level > 0.4 * level.max()) < 0.65
    assert 0.8 < measure.beat(wave, 0.5, 3) < 1.5
    assert 950 < measure.peak_hertz(wave) < 1500


def test_the_hammer_of_a_bell_strikes_faster_than_ten_times_a_second(
    made: Make, measure: SimpleNamespace
) -> None:
    assert 11 < measure.beat(made(alarms.alarm_bell, 4, 2), 8, 40) < 27
