"""People: rates and pitches of what they do."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import people
from soundsift.data.procedural.voice import VOWELS, formants, glottal_source

Make = Callable[..., np.ndarray]


def test_a_vowel_has_its_formants(measure: SimpleNamespace) -> None:
    noise = np.random.default_rng(0).standard_normal(4 * measure.rate)
    voice = formants(noise, VOWELS["i"], measure.rate)
    for hertz in VOWELS["i"][:3]:
        assert measure.share(voice, hertz - 50, hertz + 50) > 0.02
    # Between the first formant and the second of this vowel there is a gap of 2 kHz.
    assert measure.share(voice, 1000, 1500) < 0.2 * measure.share(voice, 2040, 2540)


def test_a_voice_has_the_pitch_that_is_asked_for(measure: SimpleNamespace) -> None:
    source = glottal_source(np.random.default_rng(1), np.full(measure.rate, 150.0), measure.rate)
    assert measure.peak_hertz(source, 100, 200) == pytest.approx(150, abs=3)


@pytest.mark.parametrize("seed", range(2))
def test_a_heart_beats_55_to_130_times_a_minute(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    wave = made(people.heartbeat, 12, seed)
    assert measure.share(wave, 0, 250) > 0.9
    onsets = measure.onsets(wave, dead=0.42, rise=3)
    assert 0.43 < np.median(np.diff(onsets)) < 1.2


@pytest.mark.parametrize("seed", range(2))
def test_snores_follow_the_breath(made: Make, measure: SimpleNamespace, seed: int) -> None:
    assert 0.2 < measure.beat(made(people.snoring, 20, seed), 0.15, 1.2) < 1.0


@pytest.mark.parametrize("seed", range(2))
def test_applause_is_dense_and_clapping_is_not(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    def spread(wave: np.ndarray) -> float:
        level = measure.envelope(wave)
        return float(level.std() / level.mean())

    assert spread(made(people.applause, 6, seed)) < spread(made(people.hand_claps, 6, seed))


@pytest.mark.parametrize("seed", range(2))
def test_a_whistled_tune_is_nearly_pure(made: Make, measure: SimpleNamespace, seed: int) -> None:
    wave = made(people.whistling, 4, seed)
    assert measure.share(wave, 600, 3200) > 0.9


@pytest.mark.parametrize("seed", range(2))
def test_babies_cry_high(made: Make, measure: SimpleNamespace, seed: int) -> None:
    wave = made(people.baby_crying, 5, seed)
    assert measure.share(wave, 0, 200) < 0.02
    assert 2 <= len(measure.onsets(wave, dead=0.4, rise=2)) <= 14


@pytest.mark.parametrize("seed", range(2))
def test_a_crowd_lies_in_the_range_of_speech(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    assert measure.share(made(people.crowd_murmur, 4, seed), 80, 4000) > 0.9
