"""Boxes around the object."""

import numpy as np
import pytest
from tests.video.pictures import SQUARE, moving_square, video

from soundsift.errors import SoundsiftError
from soundsift.spans import Span
from soundsift.video import Box, keep_boxes


def test_box_keeps_the_object() -> None:
    """Inside the box the picture stays, outside it is black."""
    pictures = moving_square(3)
    for box in (Box(4, 8, 4, 4), Box.parse("4,8,4,4"), Box(4 / 30, 8 / 20, 4 / 30, 4 / 20)):
        kept = [frame.pixels for frame in keep_boxes(video(pictures), [box])]
        for number, picture in enumerate(kept):
            assert not picture[:8].any() and not picture[12:].any()
            assert not picture[:, :4].any() and not picture[:, 8:].any()
            np.testing.assert_array_equal(picture[8:12, 4:8], pictures[number][8:12, 4:8])
        assert (kept[2][8:12, 4:8] == SQUARE).all()


def test_boxes_that_follow_the_object() -> None:
    """Spans are half open and exact in decimals: 0.28 s is picture 7, which 0.04 * 7 is not."""
    boxes = [Box(0, 0, 10, 20, Span(0, 0.12)), Box(20, 0, 10, 20, Span(0.28, 0.36))]
    kept = list(keep_boxes(video(moving_square(10)), boxes))
    assert [bool(f.pixels[:, :10].any()) for f in kept] == [True] * 3 + [False] * 7
    assert [bool(f.pixels[:, 20:].any()) for f in kept] == [False] * 7 + [True] * 2 + [False]


def test_parse_box() -> None:
    assert Box.parse(" 0.25, .1,0.5 ,1 @0:01-2.5") == Box(0.25, 0.1, 0.5, 1, Span(1, 2.5))
    assert str(Box.parse("120,40,200,180@1.5-3")) == "120,40,200,180@1.5-3"


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1,2,3,4 1-2", "1 2 3 4"])
def test_text_that_is_no_box(text: str) -> None:
    with pytest.raises(SoundsiftError, match=r"Invalid box .*: write x,y,width,height"):
        Box.parse(text)


@pytest.mark.parametrize("numbers", [(-1, 0, 4, 4), (0, 0, 0, 4), (0, 0, 4, float("inf"))])
def test_impossible_boxes(numbers: tuple[float, float, float, float]) -> None:
    with pytest.raises(SoundsiftError, match="x and y from 0 on"):
        Box(*numbers)


@pytest.mark.parametrize("box", ["20,0,11,5", "0,16,5,5", "0.5,0,0.6,1", "30,0,1,1"])
def test_boxes_beyond_the_picture(box: str) -> None:
    with pytest.raises(SoundsiftError, match=f"box {box} .* 30 pixels wide and 20 high"):
        list(keep_boxes(video(moving_square(1)), [Box.parse(box)]))


def test_a_box_at_a_time_without_pictures() -> None:
    box = Box(0, 0, 4, 4, Span(3, 4))
    with pytest.raises(SoundsiftError, match="box 0,0,4,4@3-4: the video has no picture"):
        list(keep_boxes(video(moving_square(3)), [box]))
