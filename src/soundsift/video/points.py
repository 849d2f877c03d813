"""Points on the object, or beside it, at a moment of the video."""

import re
from dataclasses import dataclass
from math import isfinite
from typing import Self

from soundsift.errors import SoundsiftError
from soundsift.spans import parse_time

_NUMBER = r"\s*(\d+(?:\.\d*)?|\.\d+)\s*"
_POINT = re.compile(rf"([^,]+),{_NUMBER},{_NUMBER}(?:,\s*([+-])\s*)?")


@dataclass(frozen=True)
class Point:
    """A pixel of the picture that is shown at a time, and whether the object is there.

    Attributes:
        time: Seconds on the recording clock.
        x, y: Position from the left upper corner. If neither is above 1, they are fractions of the
            picture's width and height, otherwise pixels.
        positive: Whether the object is there; if not, it ends before the point.

    Raises:
        SoundsiftError: If a number is below 0 or not finite.
    """

    time: float
    x: float
    y: float
    positive: bool = True

    def __post_init__(self) -> None:
        numbers = (self.time, self.x, self.y)
        if not (all(map(isfinite, numbers)) and min(numbers) >= 0):
            raise SoundsiftError(f"Invalid point {self}: use a second, x and y from 0 on.")

    def __str__(self) -> str:
        return f"{self.time:g},{self.x:g},{self.y:g},{'+' if self.positive else '-'}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a point as people write it.

        Args:
            text: "second,x,y", as in "3.0,320,180" (pixels) or "1:02,0.5,0.4" (fractions), and
                "3.0,320,180,-" for a place where the object is not.

        Returns:
            The point.

        Raises:
            SoundsiftError: If the text is no point.
        """
        match = _POINT.fullmatch(text)
        if match is None:
            raise SoundsiftError(
                f"Invalid point {text!r}: write second,x,y in pixels or fractions of the picture, "
                "as in 3.0,320,180, and a - after it where the object is not: 3.0,320,180,-."
            )
        return cls(parse_time(match[1].strip()), float(match[2]), float(match[3]), match[4] != "-")

    def place(self, height: int, width: int) -> tuple[float, float]:
        """Row and column in a picture, in pixels.

        Raises:
            SoundsiftError: If the point lies outside the picture.
        """
        fractions = max(self.x, self.y) <= 1
        across, down = (width, height) if fractions else (1, 1)
        row, column = self.y * down, self.x * across
        if not (row <= height and column <= width):
            raise SoundsiftError(
                f"Point {self} is outside the picture, which is {width} pixels wide and {height} "
                "high."
            )
        return min(row, height - 1), min(column, width - 1)
