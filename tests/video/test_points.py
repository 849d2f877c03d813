"""Points as people write them."""

import pytest

from soundsift.errors import SoundsiftError
from soundsift.video import Box, Point, VisualPrompt


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("3.0,320,180", Point(3, 320, 180)),
        ("3.0,320,180,+", Point(3, 320, 180)),
        ("1:02,0.5,.25,-", Point(62, 0.5, 0.25, positive=False)),
        (" 0, 1 ,2 , - ", Point(0, 1, 2, positive=False)),
    ],
)
def test_points_are_read(text: str, point: Point) -> None:
    assert Point.parse(text) == point
    assert Point.parse(str(point)) == point


@pytest.mark.parametrize("text", ["", "3", "3,4", "3,4,5,6", "3,4,-5", "x,4,5", "3,4,5,+,-"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(SoundsiftError, match="Invalid"):
        Point.parse(text)


def test_numbers_up_to_one_are_fractions() -> None:
    assert Point(0, 0.5, 0.25).place(200, 400) == (50, 200)
    assert Point(0, 1, 1).place(200, 400) == (199, 399)  # the last pixel
    assert Point(0, 2, 1).place(200, 400) == (1, 2)


def test_a_box_at_a_moment_is_followed() -> None:
    box = Box.parse("120,40,200,180@3.5")
    assert box.moment == 3.5
    assert str(box) == "120,40,200,180@3.5"
    assert VisualPrompt(boxes=(box,)).followed
    assert not VisualPrompt(boxes=(Box.parse("120,40,200,180@3-4"),)).followed


def test_prompts_say_what_they_hold() -> None:
    prompt = VisualPrompt(points=(Point(3, 320, 180),), segmenter="sam2")
    assert prompt.described() == "3,320,180,+ by sam2"


def test_marks_that_exclude_each_other_are_refused() -> None:
    point, box = Point(0, 1, 1), Box(1, 2, 3, 4)
    with pytest.raises(SoundsiftError, match="Masks can't be combined"):
        VisualPrompt(points=(point,), masks="m.mkv")
    with pytest.raises(SoundsiftError, match=r"Add the second .* as in 1,2,3,4@3"):
        VisualPrompt(points=(point,), boxes=(box,))
    with pytest.raises(SoundsiftError, match="needs points, boxes or masks"):
        VisualPrompt()
