"""Keyboards and mice: strokes per second and their length."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import office

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize("seed", range(2))
def test_typists_strike_several_keys_a_second(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    times = measure.onsets(made(office.typing, 8, seed), dead=0.05, rise=2)
    assert 1.5 < len(times) / 8 < 14


@pytest.mark.parametrize("seed", range(2))
def test_mouse_clicks_last_milliseconds(made: Make, measure: SimpleNamespace, seed: int) -> None:
    wave = made(office.mouse_clicks, 4, seed)
    level = measure.envelope(wave, 0.002)
    assert np.mean(level > 0.2 * level.max()) < 0.1
    assert measure.share(wave, 800, 24_000) > 0.8


def test_a_typewriter_is_heard_longer_than_a_mouse(made: Make, measure: SimpleNamespace) -> None:
    typewriter = measure.envelope(made(office.typewriter, 4, 1))
    mouse = measure.envelope(made(office.mouse_clicks, 4, 1))
    assert np.mean(typewriter) / typewriter.max() > np.mean(mouse) / mouse.max()
