"""Event processes and ringing bodies."""

import numpy as np
import pytest

from soundsift.data.procedural import events as e

RATE = 48_000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(4)


def test_density_tells_when_events_happen(rng: np.random.Generator) -> None:
    density = np.concatenate([np.full(RATE, 100.0), np.full(RATE, 300.0)])
    times = e.times_by_density(rng, density, RATE)
    assert len(times) == pytest.approx(400, rel=0.2)
    assert np.sum(times > 1) / np.sum(times < 1) == pytest.approx(3, rel=0.3)
    assert np.all(np.diff(times) >= 0)


@pytest.mark.parametrize("seconds", [0.01, 0.4, 3.0])
def test_periodic_events_have_their_period_and_are_never_none(
    rng: np.random.Generator, seconds: float
) -> None:
    times = e.regular_times(rng, seconds, 0.25)
    assert len(times) >= 1
    assert np.allclose(np.diff(times), 0.25)
    assert np.all((times >= 0) & (times < seconds))


def test_scattered_grains_add_up_where_they_fall() -> None:
    wave = e.scatter(10, 10, np.array([0.2, 0.3, 0.9, 5.0]), [np.array([1.0, 2.0])], 0.5)
    assert wave.tolist() == [0, 0, 0.5, 1.5, 1.0, 0, 0, 0, 0, 0.5]


def test_a_mode_rings_at_its_frequency_and_decays_in_its_time() -> None:
    wave = e.modal([440.0], [0.4], [1.0], RATE, RATE)
    hertz = np.argmax(np.abs(np.fft.rfft(wave)))
    assert hertz == pytest.approx(440, abs=2)
    start = np.abs(wave[:200]).max()
    later = np.abs(wave[int(0.2 * RATE) : int(0.2 * RATE) + 200]).max()
    assert 20 * np.log10(later / start) == pytest.approx(-30, abs=1)


def test_a_bar_has_the_partials_of_a_bar(rng: np.random.Generator) -> None:
    wave = e.struck_body(rng, 500, e.FREE_BAR[:3], 1.0, RATE, RATE, spread=0, hardness=1e5)
    power = np.abs(np.fft.rfft(wave))
    for ratio in (1.0, 2.756, 5.404):
        near = int(500 * ratio)
        assert abs(np.argmax(power[near - 100 : near + 100]) - 100) <= 2


@pytest.mark.parametrize("radius", [0.001, 0.005])
def test_a_bubble_sings_at_three_by_its_radius(rng: np.random.Generator, radius: float) -> None:
    wave = np.pad(e.bubble(rng, radius, RATE, rise=0.0), (0, RATE))[:RATE]
    assert np.argmax(np.abs(np.fft.rfft(wave))) == pytest.approx(3 / radius, rel=0.05)


def test_a_rising_bubble_ends_higher(rng: np.random.Generator) -> None:
    wave = e.bubble(rng, 0.004, RATE, rise=0.3)
    crossings = np.flatnonzero(np.diff(np.sign(wave)) > 0)
    periods = np.diff(crossings)
    assert periods[-1] < 0.9 * periods[1]
