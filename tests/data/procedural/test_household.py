"""Objects at home: bounces, shards, knocks."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from soundsift.data.procedural import household

Make = Callable[..., np.ndarray]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("generate", [household.glass_breaking, household.coins, household.keys])
def test_glass_and_small_metal_are_bright(
    made: Make, measure: SimpleNamespace, generate: Make, seed: int
) -> None:
    assert measure.share(made(generate, 2, seed), 1400, 24_000) > 0.75


def test_pops_are_short(made: Make, measure: SimpleNamespace) -> None:
    level = measure.envelope(made(household.pops, 0.35, 2))
    assert np.sum(level > 0.1 * level.max()) * 0.005 < 0.2


def test_a_page_is_softer_than_torn_paper(made: Make, measure: SimpleNamespace) -> None:
    assert measure.centroid(made(household.page_turning, 2, 1)) < measure.centroid(
        made(household.ripping_paper, 2, 1)
    )
