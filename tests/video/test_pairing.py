"""Which picture reaches which latent frame."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.video.pictures import indices, numbered

from soundsift.video import pair_by_time, pair_evenly

DATA = Path(__file__).parents[1] / "data"


AUTHORS = json.loads((DATA / "video_index.json").read_text())


def test_by_time_as_the_authors() -> None:
    case = AUTHORS["by_time"]
    times = [n / Fraction(case["fps"]) for n in range(case["n"])]
    assert indices(pair_by_time(numbered(times), case["size"]), case["size"]) == case["idx"]


@pytest.mark.parametrize("case", AUTHORS["spread"], ids=lambda c: f"{c['n_frames']}-{c['size']}")
def test_evenly_as_the_authors(case: dict[str, list[int]]) -> None:
    count, size = case["n_frames"], case["size"]
    pictures = [np.full((1, 1, 3), n, np.uint8) for n in range(count)]
    assert indices(pair_evenly(pictures, size), size) == case["idx"]


def test_nearest_by_brute_force() -> None:
    """Uneven times, among them equal ones and ties, before the sound and after its end."""
    steps = np.random.default_rng(1).integers(0, 8, 60)
    times = [Fraction(int(t), 100) - Fraction(1, 5) for t in np.cumsum(steps)]
    wanted = [min(range(60), key=lambda n: abs(times[n] - Fraction(i, 25))) for i in range(40)]
    assert len(set(wanted)) > 20
    assert indices(pair_by_time(numbered(times), 40), 40) == wanted


def test_no_video_before_and_after() -> None:
    """Two pictures at 2 s and 2.04 s serve from 1 s to 3.08 s, the last one's end and a second."""
    index = indices(pair_by_time(numbered([Fraction(2), Fraction(51, 25)]), 100), 100)
    assert index == [None] * 25 + [0] * 26 + [1] * 27 + [None] * 22
    assert indices(pair_by_time(numbered([]), 3), 3) == [None] * 3
