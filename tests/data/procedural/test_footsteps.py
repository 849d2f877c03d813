"""Footsteps: cadence, and what the ground does to them."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import footsteps

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize("seed", range(4))
def test_people_walk_or_run(seed: int) -> None:
    times = footsteps.step_times(np.random.default_rng(seed), 10)
    assert 1.4 < 1 / np.median(np.diff(times)) < 3.5


@pytest.mark.parametrize("seed", range(2))
def test_loose_ground_is_brighter_than_wood(
    made: Make, measure: SimpleNamespace, seed: int
) -> None:
    wood = measure.centroid(made(footsteps.footsteps_on_wood, 4, seed))
    snow = measure.centroid(made(footsteps.footsteps_in_snow, 4, seed))
    leaves = measure.centroid(made(footsteps.footsteps_in_leaves, 4, seed))
    assert wood < leaves
    assert snow < leaves


def test_metal_rings_longer_than_concrete(made: Make, measure: SimpleNamespace) -> None:
    def rest(generate: Callable[..., np.ndarray]) -> float:
        levels = [measure.envelope(made(generate, 4, seed)) for seed in range(4)]
        return float(np.mean([np.median(level) / level.max() for level in levels]))

    assert rest(footsteps.footsteps_on_metal) > 1.5 * rest(footsteps.footsteps_on_concrete)
