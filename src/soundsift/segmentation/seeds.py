"""Clicks and boxes, sorted to the pictures that they mark, in pixels of the working size."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from soundsift.errors import SoundsiftError
from soundsift.spans import format_seconds
from soundsift.video.boxes import Box
from soundsift.video.points import Point

#: Refusal of points of which none is on the object.
ONLY_OUTSIDE = (
    "All points say where the object is not. Add one on the object, with a + or nothing after it."
)
#: Masks of fewer pixels are nothing.
SMALLEST = 12
#: A click so many seconds after the last picture's time still means that picture.
_HOLD = 0.5


@dataclass(frozen=True)
class Seeds:
    """What is marked in one picture.

    Attributes:
        inside: Places on the object, (row, column) in pixels.
        outside: Places beside it.
        box: Rows and columns of a rectangle around it.
    """

    inside: tuple[tuple[float, float], ...] = ()
    outside: tuple[tuple[float, float], ...] = ()
    box: tuple[slice, slice] | None = None

    @property
    def begin(self) -> bool:
        """Whether they are enough to find the object without a mask of another picture."""
        return bool(self.inside) or self.box is not None


def find_seeds(
    points: Sequence[Point],
    boxes: Sequence[Box],
    times: Sequence[Fraction],
    size: tuple[int, int],
    working_size: tuple[int, int],
) -> dict[int, Seeds]:
    """The pictures that are marked, and what is marked in them.

    Args:
        points: Clicks.
        boxes: Rectangles, each at a moment or in a span, of which the beginning counts; without
            either, in the first picture.
        times: Of the pictures, in order.
        size: Height and width of the video's pictures, in which points and boxes are given.
        working_size: The same, in which the object is followed.

    Returns:
        Seeds by the number of the picture, in order; at least one of them has an inside or a box.

    Raises:
        SoundsiftError: A point or box lies outside the picture or the video, a box is too small,
            two boxes are in one picture, or nothing says where the object is.
    """
    found: dict[int, Seeds] = {}
    down, across = working_size[0] / size[0], working_size[1] / size[1]
    for point in points:
        row, column = point.place(*size)
        # A click on the far edge still lies in the last pixel.
        place = (min(row * down, working_size[0] - 1), min(column * across, working_size[1] - 1))
        index = _shown_at(point.time, times, f"Point {point}")
        own = found.get(index, Seeds())
        if point.positive:
            own = Seeds((*own.inside, place), own.outside, own.box)
        else:
            own = Seeds(own.inside, (*own.outside, place), own.box)
        found[index] = own
    for box in boxes:
        index = _shown_at(box.begin, times, f"Box {box}")
        own = found.get(index, Seeds())
        if own.box is not None:
            raise SoundsiftError(
                f"Box {box} marks a picture that has another box. Use one box around the whole "
                "object."
            )
        found[index] = Seeds(own.inside, own.outside, box_area(box, size, working_size))
    if not any(seeds.begin for seeds in found.values()):
        raise SoundsiftError(ONLY_OUTSIDE)
    return dict(sorted(found.items()))


def box_area(box: Box, size: tuple[int, int], working_size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of a box in the size in which an object is followed.

    Args:
        box: A rectangle around the object.
        size: Height and width of the video's pictures, in which it is given.
        working_size: The same, in which the object is followed.

    Raises:
        SoundsiftError: It reaches beyond the picture, or is too small to hold an object.
    """
    rows, columns = (
        _scaled(along, working / whole, working)
        for along, whole, working in zip(box.area(*size), size, working_size, strict=True)
    )
    if (rows.stop - rows.start) * (columns.stop - columns.start) < SMALLEST:
        raise SoundsiftError(f"Box {box} is too small. Draw it around the whole object.")
    return rows, columns


def _shown_at(time: float, times: Sequence[Fraction], what: str) -> int:
    """The number of the picture that is shown at a time."""
    # By way of decimals: 0.28 as a binary float lies before the picture at 7 / 25 s.
    exact = Fraction(str(time))
    index = bisect_right(times, exact) - 1
    if exact > times[-1] + Fraction(str(_HOLD)):
        raise SoundsiftError(
            f"{what} is after the end of the video, whose last picture is shown at "
            f"{format_seconds(round(float(times[-1]), 3))} s."
        )
    return max(index, 0)


def _scaled(along: slice, factor: float, most: int) -> slice:
    start = min(round(along.start * factor), most - 1)
    return slice(start, max(start + 1, min(round(along.stop * factor), most)))
