"""Outlines of the marked object in the marked pictures alone, before it is followed."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from soundsift.segmentation.clicked import object_at
from soundsift.segmentation.flow_segmenter import MOTION_STEP
from soundsift.segmentation.pictures import opencv, shrink
from soundsift.segmentation.seeds import find_seeds
from soundsift.video.boxes import Box
from soundsift.video.frames import VideoFrame, read_video
from soundsift.video.points import Point

#: Largest distance of an outline from the mask's edge, in pixels of the working size.
_TOLERANCE = 0.7

Polygons = tuple[tuple[tuple[float, float], ...], ...]
"""Parts of an object, each with corners (x, y) in pixels of the picture."""


@dataclass(frozen=True)
class Outline:
    """The marked object in one picture.

    Attributes:
        start: when the picture is shown, in seconds on the recording clock.
        end: when the next one is shown; None for the last picture.
        width, height: of the picture in pixels.
        polygons: its parts; none in a picture whose points all say where the object is not.
    """

    start: float
    end: float | None
    width: int
    height: int
    polygons: Polygons


@dataclass(frozen=True)
class _Shown:
    """The picture that is shown at a time, with its neighbours."""

    before: tuple[VideoFrame, ...]
    picture: VideoFrame
    after: tuple[VideoFrame, ...]

    @property
    def end(self) -> Fraction | None:
        return self.after[0].time if self.after else None

    @property
    def moved(self) -> VideoFrame | None:
        """A picture shortly after or before, for motion."""
        if len(self.after) == MOTION_STEP:
            return self.after[-1]
        return self.before[0] if self.before else None


def outlines(
    video: str | Path, points: Sequence[Point] = (), boxes: Sequence[Box] = ()
) -> list[Outline]:
    """The object's outline in each picture with points or a box, by the offline segmenter.

    Args:
        video: A file with moving pictures.
        points: Clicks on the object or beside it.
        boxes: Around the whole object, at a moment.

    Returns:
        Outlines in order of time, one for each picture that has points or a box.

    Raises:
        SoundsiftError: The file has no pictures, a point or box lies outside of them, a picture has
            two boxes, nothing is on the object, nothing is found there, or OpenCV is missing.
    """
    opencv()
    times = sorted([*(point.time for point in points), *(box.begin for box in boxes)])
    any_inside = bool(boxes) or any(point.positive for point in points)
    found = []
    while times:
        start = times[0]
        shown = _shown_at(video, exact_seconds(start))
        times = [] if shown.end is None else [t for t in times if exact_seconds(t) >= shown.end]
        last = times[0] if times else math.inf
        own = [point for point in points if start <= point.time < last]
        own_boxes = [box for box in boxes if start <= box.begin < last]
        height, width = shown.picture.pixels.shape[:2]
        mask = None
        if any_inside and not own_boxes and not any(point.positive for point in own):
            for point in own:
                point.place(height, width)
        else:
            mask = _mask(shown, own, own_boxes)
        found.append(
            Outline(
                float(shown.picture.time),
                None if shown.end is None else float(shown.end),
                width,
                height,
                () if mask is None else polygons_of(mask, width, height),
            )
        )
    return found


def _mask(shown: _Shown, points: Sequence[Point], boxes: Sequence[Box]) -> np.ndarray:
    picture = shrink(shown.picture.pixels)
    size = shown.picture.pixels.shape[:2]
    seeds = find_seeds(points, boxes, [shown.picture.time], size, picture.shape[:2])
    other = None if shown.moved is None else shrink(shown.moved.pixels)
    return object_at(picture, seeds[0], other=other)


def _shown_at(video: str | Path, time: Fraction) -> _Shown:
    """The picture at a time, the first one before it begins and the last one after its end."""
    kept: deque[VideoFrame] = deque(maxlen=MOTION_STEP + 1)
    after: list[VideoFrame] = []
    # A second earlier, for the pictures before.
    for frame in read_video(video, since=max(0.0, float(time) - 1), threads=1):
        if kept and frame.time > time:
            after.append(frame)
            if len(after) == MOTION_STEP:
                break
        else:
            kept.append(frame)
    *before, picture = kept
    return _Shown(tuple(before), picture, tuple(after))


def exact_seconds(time: float) -> Fraction:
    """A time as it is written."""
    # By way of decimals: 0.28 as a binary float lies before the picture at 7 / 25 s.
    return Fraction(str(time))


def polygons_of(mask: np.ndarray, width: int, height: int) -> Polygons:
    """The parts of a mask, without their holes.

    Args:
        mask: `(rows, columns)`, bool, of any size.
        width: Of the picture in pixels.
        height: Of the picture in pixels.
    """
    cv2 = opencv()
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    across, down = width / mask.shape[1], height / mask.shape[0]
    rings = [cv2.approxPolyDP(contour, _TOLERANCE, True)[:, 0] for contour in contours]
    return tuple(
        # Corners are the middles of pixels.
        tuple((round((x + 0.5) * across, 1), round((y + 0.5) * down, 1)) for x, y in ring.tolist())
        for ring in rings
        if len(ring) >= 3
    )
