"""Water: bubbles and resonances that rise."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import water

Make = Callable[..., np.ndarray]


def test_a_vessel_that_fills_rises_in_pitch(made: Make, measure: SimpleNamespace) -> None:
    rises = 0
    for seed in range(6):
        wave = made(water.pouring, 4, seed)
        early, late = wave[10_000:48_000], wave[len(wave) // 2 : len(wave) * 4 // 5]
        rises += measure.peak_hertz(late, 200, 5000) > measure.peak_hertz(early, 200, 5000)
    assert rises >= 5


@pytest.mark.parametrize("seed", range(2))
def test_drops_fall_one_by_one(made: Make, measure: SimpleNamespace, seed: int) -> None:
    wave = made(water.dripping, 6, seed)
    assert 3 <= len(measure.onsets(wave)) <= 60
    assert 300 < measure.peak_hertz(wave) < 4000


@pytest.mark.parametrize("seed", range(2))
def test_blown_bubbles_are_lower_than_a_stream(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    assert measure.centroid(made(water.bubbles, 4, seed)) < measure.centroid(
        made(water.stream, 4, seed)
    )


@pytest.mark.parametrize("seed", range(2))
def test_surf_comes_and_goes(made: Make, measure: SimpleNamespace, seed: int) -> None:
    level = measure.envelope(made(water.ocean_waves, 15, seed), 0.5)
    assert level.max() > 2 * level.min()
    assert 0.08 < measure.beat(made(water.ocean_waves, 30, seed), 0.08, 1) < 0.45


def test_a_flush_rushes_first_and_fills_later(made: Make, measure: SimpleNamespace) -> None:
    level = measure.envelope(made(water.toilet_flush, 8, 2), 0.5)
    assert level[2:6].mean() > 2 * level[-4:].mean()
