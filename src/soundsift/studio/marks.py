"""What marks an object in a request: points and boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from soundsift.errors import SoundsiftError
from soundsift.optional import check_installed
from soundsift.segmentation.pictures import WORKING_SIDE
from soundsift.segmentation.seeds import ONLY_OUTSIDE, box_area
from soundsift.spans import Span, format_seconds
from soundsift.video.boxes import Box
from soundsift.video.frames import fitted
from soundsift.video.points import Point


@dataclass(frozen=True)
class Marks:
    """Points and boxes, as a `soundsift.video.VisualPrompt` takes them.

    Attributes:
        points: clicks on the object or beside it.
        boxes: around the object.
    """

    points: tuple[Point, ...] = ()
    boxes: tuple[Box, ...] = ()

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> Self:
        """Those of a request.

        Args:
            request: a dictionary with `points` and `boxes` as in the API. Requests of earlier
                versions have no points, and boxes without a `time`.

        Raises:
            SoundsiftError: a box has an invalid span.
        """
        clicks = request.get("points", ())
        points = [Point(one["time"], one["x"], one["y"], one["positive"]) for one in clicks]
        boxes = [
            Box(
                box["x"],
                box["y"],
                box["width"],
                box["height"],
                None if box.get("span") is None else Span(*box["span"]),
                box.get("time"),
            )
            for box in request.get("boxes", ())
        ]
        return cls(tuple(points), tuple(boxes))

    def __bool__(self) -> bool:
        return bool(self.points or self.boxes)

    @property
    def times(self) -> list[float]:
        """When the object is marked, in seconds."""
        return [*(point.time for point in self.points), *(box.begin for box in self.boxes)]

    def check(self, height: int, width: int, end: float, name: str) -> None:
        """Refuse what no picture of a recording has, as far as that is known without reading it.

        Args:
            height: of its pictures in pixels.
            width: of its pictures in pixels.
            end: of the recording in seconds.
            name: its name, for messages.

        Raises:
            SoundsiftError: a point or box is outside the picture or after the end, a box is too
                small, nothing is on the object, or OpenCV is missing.
        """
        followed = [box for box in self.boxes if box.moment is not None]
        if self.points or followed:
            check_installed("cv2", "visual prompts", "visual")
        for point in self.points:
            point.place(height, width)
            _check_time(point.time, end, f"Point {point}", name)
        for box in self.boxes:
            if box.moment is None:
                box.area(height, width)
            else:
                box_area(box, (height, width), fitted(height, width, WORKING_SIDE))
            _check_time(box.begin, end, f"Box {box}", name)
        if self.points and not self.boxes and not any(point.positive for point in self.points):
            raise SoundsiftError(ONLY_OUTSIDE)
        if (self.points or followed) and len(followed) < len(self.boxes):
            raise SoundsiftError(
                "A box without a time is a region by itself and can't be combined with points and "
                "boxes from which the object is followed. Give its time, the second at which the "
                "object is in it."
            )


def _check_time(time: float, end: float, what: str, name: str) -> None:
    if time > end:
        raise SoundsiftError(
            f"{what} is after the end of {name}, which has {format_seconds(round(end, 3))} s. Use "
            "an earlier time."
        )
