"""Aircraft: blades and passing."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import aircraft

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize("seed", range(2))
def test_a_helicopter_slaps(made: Make, measure: SimpleNamespace, seed: int) -> None:
    wave = made(aircraft.helicopter, 5, seed)
    assert 4 < measure.beat(wave, 4, 40) < 32
    assert measure.share(wave, 0, 1500) > 0.6


@pytest.mark.parametrize("seed", range(2))
def test_a_jet_that_passes_is_loudest_in_the_middle(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    level = measure.envelope(made(aircraft.jet_flyby, 7, seed), 0.35)
    assert 0.25 < np.argmax(level) / len(level) < 0.75
    assert max(level[0], level[-1]) < 0.7 * level.max()


@pytest.mark.parametrize("seed", range(2))
def test_a_propeller_is_a_series_of_harmonics(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    wave = made(aircraft.propeller_airplane, 4, seed)
    assert measure.share(wave, 25, 2000) > 0.7
