"""Birds: their registers and intervals."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import birds

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("generate", "low", "high"),
    [
        (birds.bird_chirping, 1300, 9500),
        (birds.bird_trill, 1700, 7500),
        (birds.falling_song, 2000, 9000),
        (birds.owl, 200, 530),
        (birds.cuckoo, 420, 760),
        (birds.pigeon, 230, 640),
        (birds.seagull, 400, 4500),
        (birds.crow, 200, 3500),
        (birds.duck, 130, 3500),
        (birds.rooster, 300, 4000),
    ],
)
def test_a_bird_sings_in_its_register(
    made: Make, measure: SimpleNamespace, generate: Make, low: float, high: float, seed: int
) -> None:
    assert low < measure.peak_hertz(made(generate, 4, seed)) < high


@pytest.mark.parametrize("seed", range(2))
def test_a_cuckoo_calls_two_notes(made: Make, measure: SimpleNamespace, seed: int) -> None:
    wave = made(birds.cuckoo, 6, seed)
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2
    hertz = np.fft.rfftfreq(len(wave), 1 / measure.rate)
    one = measure.peak_hertz(wave, 400, 760)
    ratio = hertz / one
    third = ((ratio > 1.13) & (ratio < 1.32)) | ((ratio > 1 / 1.32) & (ratio < 1 / 1.13))
    assert power[third].max() > 0.02 * power.max()


@pytest.mark.parametrize("seed", range(2))
def test_a_woodpecker_drums_fast(made: Make, measure: SimpleNamespace, seed: int) -> None:
    assert 8 < measure.beat(made(birds.woodpecker, 5, seed), 8, 40) < 32


@pytest.mark.parametrize("seed", range(2))
def test_wings_beat(made: Make, measure: SimpleNamespace, seed: int) -> None:
    assert 3.5 < measure.beat(made(birds.wings, 4, seed), 3, 16) < 15
