"""Tools: blows and strokes per second."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import tools

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("generate", "low", "high"),
    [
        (tools.hammering, 1.2, 3.8),
        (tools.blacksmith, 0.7, 2.3),
        (tools.chopping_wood, 0.4, 1.5),
        (tools.scissors, 0.9, 3.3),
    ],
)
def test_blows_come_in_a_rhythm(
    made: Make, measure: SimpleNamespace, generate: Make, low: float, high: float, seed: int
) -> None:
    times = measure.onsets(made(generate, 8, seed), dead=0.26)
    assert low < 1 / np.median(np.diff(times)) < high * 1.1


@pytest.mark.parametrize("seed", range(2))
def test_a_jackhammer_strikes_15_to_30_times_a_second(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    assert 14 < measure.beat(made(tools.jackhammer, 4, seed), 12, 34) < 31


@pytest.mark.parametrize("seed", range(2))
def test_a_saw_goes_to_and_fro(made: Make, measure: SimpleNamespace, seed: int) -> None:
    assert 0.8 < measure.beat(made(tools.sawing, 8, seed), 0.7, 5.2) < 5.2


def test_an_anvil_rings_longer_than_wood(made: Make, measure: SimpleNamespace) -> None:
    anvil = measure.envelope(made(tools.blacksmith, 4, 1))
    wood = measure.envelope(made(tools.chopping_wood, 4, 1))
    assert np.median(anvil) / anvil.max() > np.median(wood) / wood.max()
