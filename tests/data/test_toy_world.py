"""The toy world: named sounds that are what they are called."""

import numpy as np
import pytest

from soundsift.data.toy_world import SOUNDS, toy_mixture, toy_sound


@pytest.mark.parametrize("name", SOUNDS)
def test_sounds_have_their_level_and_lie_below_560_hertz(name: str) -> None:
    wave = toy_sound(name, 12_000, 4000, np.random.default_rng(0))
    assert wave.dtype == np.float32
    heard = np.abs(wave) > 0
    assert 0.15 < heard.mean() < 0.75
    level = 10 * np.log10(np.mean(np.square(wave[heard])))
    assert level == pytest.approx(-20, abs=4)
    power = np.abs(np.fft.rfft(wave)) ** 2
    hertz = np.fft.rfftfreq(len(wave), 1 / 4000)
    assert power[hertz < 600].sum() > 0.98 * power.sum()


def test_seed_and_number_decide_a_mixture() -> None:
    first, again = (toy_mixture(1, 5, 2.0, 1200) for _ in range(2))
    assert first.phrase == again.phrase
    assert np.array_equal(first.target, again.target)
    assert not np.array_equal(first.target, toy_mixture(1, 6, 2.0, 1200).target)
    assert first.spans and all(0 <= span.start < span.end <= 2 for span in first.spans)
    inside = np.concatenate(
        [first.target[round(s.start * 1200) : round(s.end * 1200)] for s in first.spans]
    )
    assert np.square(inside).sum() > 0.99 * np.square(first.target).sum()
