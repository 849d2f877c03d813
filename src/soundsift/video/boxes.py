"""Rectangles around the object, and a video of what is in them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import isfinite

import numpy as np

from soundsift.errors import SoundsiftError
from soundsift.spans import Span, format_seconds, parse_time
from soundsift.video.frames import VideoFrame

_NUMBER = r"\s*(-?\d+(?:\.\d*)?|-?\.\d+)\s*"
_BOX = re.compile(rf"{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}(?:@(.*))?")


@dataclass(frozen=True)
class Box:
    """A rectangle around the object, for all of the video or a part of it.

    Attributes:
        x, y: Left and upper edge. If all four numbers are at most 1, they are fractions of the
            picture's width and height, otherwise pixels.
        width, height: Size, in the same units.
        span: When the object is there; None: always.
        moment: Instead of a span, the second at which the object is in the box; it is then
            followed from there (`soundsift.segmentation`), and the box is no region by itself.

    Raises:
        SoundsiftError: If the box is empty or begins outside the picture.
    """

    x: float
    y: float
    width: float
    height: float
    span: Span | None = None
    moment: float | None = None

    def __post_init__(self) -> None:
        numbers = (self.x, self.y, self.width, self.height)
        if not (all(map(isfinite, numbers)) and min(numbers[:2]) >= 0 < min(numbers[2:])):
            raise SoundsiftError(
                f"Invalid box {self}: use x and y from 0 on, and a width and height above 0."
            )

    def __str__(self) -> str:
        numbers = ",".join(f"{n:g}" for n in (self.x, self.y, self.width, self.height))
        if self.moment is not None:
            return f"{numbers}@{format_seconds(self.moment)}"
        return numbers if self.span is None else f"{numbers}@{self.span}"

    @property
    def begin(self) -> float:
        """The first second at which the object is in the box."""
        if self.moment is not None:
            return self.moment
        return 0.0 if self.span is None else self.span.start

    @classmethod
    def parse(cls, text: str) -> "Box":
        """Read a box as people write it.

        Args:
            text: "x,y,width,height", as in "120,40,200,180" (pixels) or "0.25,0.1,0.5,0.6"
                (fractions), "120,40,200,180@1.5-3" for a part of the video, and
                "120,40,200,180@1.5" for an object that is to be followed from there.

        Returns:
            The box.

        Raises:
            SoundsiftError: If the text is no box, or an impossible one.
        """
        match = _BOX.fullmatch(text)
        if match is None:
            raise SoundsiftError(
                f"Invalid box {text!r}: write x,y,width,height in pixels or fractions of the "
                "picture, as in 120,40,200,180 or 0.25,0.1,0.5,0.6@1.5-3."
            )
        x, y, width, height = map(float, match.groups()[:4])
        time = match[5]
        if time is not None and re.fullmatch(r"\s*[\d:.]+\s*", time):
            return cls(x, y, width, height, moment=parse_time(time))
        return cls(x, y, width, height, None if time is None else Span.parse(time))

    def at(self, moment: float) -> "Box":
        """The same box at a moment."""
        return replace(self, span=None, moment=moment)

    def covers(self, time: Fraction) -> bool:
        """Whether the box counts at a time in seconds; a span's end is not part of it."""
        # By way of decimals: 0.28 as a binary float lies after the frame that is shown at 7 / 25 s.
        span = self.span
        return span is None or Fraction(str(span.start)) <= time < Fraction(str(span.end))

    def area(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns of the box in a picture, at least one of each.

        Raises:
            SoundsiftError: If the box reaches beyond the picture.
        """
        fractions = max(self.x, self.y, self.width, self.height) <= 1
        across, down = (width, height) if fractions else (1, 1)
        left, right = round(self.x * across), round((self.x + self.width) * across)
        top, bottom = round(self.y * down), round((self.y + self.height) * down)
        if right > width or bottom > height or left >= width or top >= height:
            raise SoundsiftError(
                f"box {self} reaches beyond the picture, which is {width} pixels wide and {height} "
                "high."
            )
        return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def keep_boxes(frames: Iterable[VideoFrame], boxes: Sequence[Box]) -> Iterator[VideoFrame]:
    """Blacken everything outside of the boxes that count at a frame's time.

    Args:
        frames: The video.
        boxes: One or several; where no box counts, the object is not in view and the whole picture
            black.

    Returns:
        The video of the object alone.

    Raises:
        SoundsiftError: While reading, if a box reaches beyond the picture; at the end, if the video
            has no picture in the time of one.
    """
    return (frame.within(mask) for frame, mask in mark_boxes(frames, boxes))


def mark_boxes(
    frames: Iterable[VideoFrame], boxes: Sequence[Box]
) -> Iterator[tuple[VideoFrame, np.ndarray]]:
    """The same as pictures with masks of the boxes, `(height, width)`, bool.

    Raises:
        SoundsiftError: As for `keep_boxes`.
    """
    unused = list(boxes)
    for frame in frames:
        mask = np.zeros(frame.pixels.shape[:2], bool)
        for box in boxes:
            if box.covers(frame.time):
                mask[box.area(*frame.pixels.shape[:2])] = True
                unused = [b for b in unused if b is not box]
        yield frame, mask
    if unused:
        raise SoundsiftError(f"box {unused[0]}: the video has no picture in that time.")
