from fractions import Fraction

import pytest

from soundsift.segmentation.seeds import find_seeds
from soundsift.video import Point


@pytest.mark.parametrize("point", [Point(0, 1, 1), Point(0, 1280, 720), Point(0, 1279.9, 719.9)])
def test_a_click_on_the_far_edge_is_in_the_last_pixel_of_a_smaller_picture(point: Point) -> None:
    (seeds,) = find_seeds([point], [], [Fraction(0)], (720, 1280), (216, 384)).values()
    ((row, column),) = seeds.inside
    assert (round(row), round(column)) == (215, 383)
