"""Building blocks against closed forms."""

import numpy as np
import pytest

from soundsift.data.procedural import synthesis as s

RATE = 48_000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_a_harmonic_tone_is_the_sum_of_sines() -> None:
    time = np.arange(4800) / RATE
    gains = (1.0, 0.5, 0.25)
    expected = sum(g * np.sin(2 * np.pi * 300 * (k + 1) * time) for k, g in enumerate(gains))
    assert np.allclose(s.harmonic_tone(300.0, gains, 4800, RATE), expected, atol=1e-8)


def test_harmonics_near_half_the_rate_are_left_out() -> None:
    tone = s.harmonic_tone(9000.0, [0, 0, 1, 1, 1], 4800, RATE)
    assert np.abs(tone).max() == 0


def test_a_glide_passes_every_frequency() -> None:
    hertz = np.linspace(1000, 2000, RATE)
    phase = s.cycles(hertz, RATE, RATE)
    assert phase[-1] == pytest.approx(1500, abs=1)


def test_shaped_noise_has_the_given_levels_and_goes_on_falling(rng: np.random.Generator) -> None:
    wave = s.shaped_noise(rng, 4 * RATE, RATE, ((100, -20.0), (1000, 0.0), (2000, -12.0)))
    power = np.abs(np.fft.rfft(wave)) ** 2
    hertz = np.fft.rfftfreq(len(wave), 1 / RATE)

    def level(centre: float) -> float:
        band = (hertz > centre * 0.97) & (hertz < centre * 1.03)
        return float(10 * np.log10(power[band].mean()))

    top = level(1000)
    assert level(100) - top == pytest.approx(-20, abs=2)
    assert level(2000) - top == pytest.approx(-12, abs=1.5)
    assert level(4000) - top == pytest.approx(-24, abs=1.5)
    assert np.sqrt(np.mean(wave**2)) == pytest.approx(1)


def test_an_exponential_decay_reaches_60_db_at_its_time() -> None:
    decay = s.decay(RATE, RATE, 0.5)
    assert 20 * np.log10(decay[RATE // 2]) == pytest.approx(-60, abs=0.01)


def test_a_resonance_passes_its_centre_and_little_else() -> None:
    at_centre = s.resonance(s.sine(1000.0, RATE, RATE), 1000, 50, RATE)
    away = s.resonance(s.sine(2000.0, RATE, RATE), 1000, 50, RATE)
    assert np.abs(at_centre[RATE // 2 :]).max() == pytest.approx(1, abs=0.15)
    assert np.abs(away[RATE // 2 :]).max() < 0.05


def test_a_drift_is_smooth_and_of_unit_deviation(rng: np.random.Generator) -> None:
    curve = s.drift(rng, 60 * 1000, 1000, 5.0)
    assert 0.6 < curve.std() < 1.2
    spectrum = np.abs(np.fft.rfft(curve - curve.mean())) ** 2
    hertz = np.fft.rfftfreq(len(curve), 1 / 1000)
    assert spectrum[hertz > 15].sum() < 0.01 * spectrum.sum()


def test_morphing_begins_and_ends_with_its_waves() -> None:
    one, two = np.ones(10), np.full(10, 3.0)
    mixed = s.morph([one, two], np.linspace(0, 1, 10))
    assert mixed[0] == pytest.approx(1)
    assert mixed[-1] == pytest.approx(3)


def test_what_passes_is_higher_before_than_after(rng: np.random.Generator) -> None:
    gain, doppler = s.passing(rng, RATE, RATE, 30.0)
    assert doppler[0] > 1.03 > 0.97 > doppler[-1]
    assert np.all(np.diff(doppler) <= 1e-12)
    assert 0.3 * RATE < np.argmax(gain) < 0.7 * RATE


def test_finish_fades_and_scales(rng: np.random.Generator) -> None:
    wave = s.finish(rng.standard_normal(RATE) * 7 + 2, RATE)
    assert wave.dtype == np.float32
    assert np.abs(wave).max() == pytest.approx(s.PEAK)
    assert abs(wave[0]) < 1e-6


def test_a_room_adds_the_given_energy(rng: np.random.Generator) -> None:
    click = np.zeros(RATE)
    click[0] = 1
    wet = s.room(rng, click, RATE, 0.6, 0.5)
    assert np.sum(wet[1:] ** 2) == pytest.approx(0.5, rel=0.01)
    late, early = np.sum(wet[RATE // 2 :] ** 2), np.sum(wet[1 : RATE // 10] ** 2)
    assert late < 1e-2 * early
