"""Machines: lines of mains and motors, slopes of noise."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import machines

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize("seed", range(2))
def test_hum_consists_of_harmonics_of_the_mains(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    hertz = measure.peak_hertz(made(machines.electric_hum, 4, seed))
    offs = [abs(hertz / mains - round(hertz / mains)) * mains for mains in (50, 60)]
    assert min(offs) < 1.5


@pytest.mark.parametrize("seed", range(2))
def test_noise_is_steady(made: Make, measure: SimpleNamespace, seed: int) -> None:
    level = measure.envelope(made(machines.white_noise, 4, seed), 0.1)
    assert level.std() < 0.25 * level.mean()


@pytest.mark.parametrize("seed", range(2))
def test_a_dryer_is_brighter_than_a_fan(made: Make, measure: SimpleNamespace, seed: int) -> None:
    assert measure.centroid(made(machines.hair_dryer, 4, seed)) > measure.centroid(
        made(machines.fan, 4, seed)
    )


@pytest.mark.parametrize("seed", range(2))
def test_a_printer_moves_to_and_fro(made: Make, measure: SimpleNamespace, seed: int) -> None:
    assert 0.7 < measure.beat(made(machines.printer, 8, seed), 0.7, 6.5) < 6.3


def test_a_drill_runs_up(made: Make, measure: SimpleNamespace) -> None:
    level = measure.envelope(made(machines.drill, 5, 1), 0.05)
    assert level.min() < 0.1 * level.max()
