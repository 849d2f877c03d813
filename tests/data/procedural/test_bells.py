"""Bells, bars and glasses: their partials and decay."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import bells

Make = Callable[..., np.ndarray]


def late_level(wave: np.ndarray, measure: SimpleNamespace) -> float:
    """Level of the last tenth beside the loudest tenth, in dB."""
    level = measure.envelope(wave, len(wave) / measure.rate / 10)
    return float(20 * np.log10(level[-1] / level.max()))


@pytest.mark.parametrize("seed", range(2))
def test_a_church_bell_has_a_minor_third(measure: SimpleNamespace, seed: int) -> None:
    from soundsift.data.procedural.events import CHURCH_BELL, struck_body

    wave = struck_body(
        np.random.default_rng(seed), 400, CHURCH_BELL, 6, 2 * measure.rate, measure.rate, spread=0
    )
    for ratio in (0.5, 1.0, 1.2, 1.5, 2.0):
        near = measure.peak_hertz(wave, 400 * ratio - 30, 400 * ratio + 30)
        assert near == pytest.approx(400 * ratio, abs=2)


def test_a_church_bell_rings_on(made: Make, measure: SimpleNamespace) -> None:
    assert late_level(made(bells.church_bell, 5, 1), measure) > -25
    assert measure.peak_hertz(made(bells.church_bell, 5, 1)) < 2500


@pytest.mark.parametrize("seed", range(2))
def test_a_door_chime_falls(made: Make, measure: SimpleNamespace, seed: int) -> None:
    wave = made(bells.doorbell, 1.7, seed)
    times = measure.onsets(wave, dead=0.3, rise=1.5)
    assert len(times) >= 1
    first = measure.peak_hertz(wave[: int(0.35 * measure.rate)], 300, 1100)
    last = measure.peak_hertz(wave[int(1.1 * measure.rate) :], 300, 1100)
    assert 1.15 < first / last < 1.55


def test_wood_is_shorter_than_steel(made: Make, measure: SimpleNamespace) -> None:
    def mean_level(generate: Callable[..., np.ndarray]) -> float:
        level = measure.envelope(made(generate, 5, 3))
        return float(np.mean(level) / level.max())

    assert mean_level(bells.xylophone) < 0.6 * mean_level(bells.glockenspiel)


def test_a_marimba_is_lower_than_a_glockenspiel(made: Make, measure: SimpleNamespace) -> None:
    assert measure.centroid(made(bells.marimba, 3, 2)) < measure.centroid(
        made(bells.glockenspiel, 3, 2)
    )


def test_a_rubbed_glass_is_nearly_a_pure_tone(made: Make, measure: SimpleNamespace) -> None:
    wave = made(bells.wine_glass, 4, 2)
    hertz = measure.peak_hertz(wave)
    assert 340 < hertz < 1110
    assert measure.share(wave, hertz * 0.97, hertz * 1.03) > 0.9


@pytest.mark.parametrize("seed", range(2))
def test_a_crossing_bell_is_struck_again_and_again(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    assert 1.1 < measure.beat(made(bells.crossing_bell, 8, seed), 1, 4.5) < 4.4
