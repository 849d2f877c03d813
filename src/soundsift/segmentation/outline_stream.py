"""Outlines of a marked object in the pictures around the marks, each as soon as it is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from soundsift.segmentation.flow_segmenter import follow_by_flow
from soundsift.segmentation.outlines import Polygons, exact_seconds, polygons_of
from soundsift.segmentation.pictures import WORKING_SIDE, WorkingPictures
from soundsift.segmentation.seeds import find_seeds
from soundsift.segmentation.track import State
from soundsift.video.boxes import Box
from soundsift.video.frames import VideoFrame, read_video
from soundsift.video.points import Point


@dataclass(frozen=True)
class Film:
    """The pictures in which the object is followed.

    Attributes:
        width, height: of each in pixels.
        pictures: how many.
        start: when the first one is shown, in seconds on the recording clock.
        end: when the one after the last is shown; None if the video ends before.
    """

    width: int
    height: int
    pictures: int
    start: float
    end: float | None


@dataclass(frozen=True)
class FollowedOutline:
    """The followed object in one picture.

    Attributes:
        start: when the picture is shown, in seconds on the recording clock.
        end: when the next one is shown; None for the video's last picture.
        score: how well the mask agrees with the marked one, 0 (lost) to 1.
        state: how the mask came about.
        polygons: the object's parts; none where it is lost.
    """

    start: float
    end: float | None
    score: float
    state: State
    polygons: Polygons


def stream_outlines(
    video: str | Path,
    points: Sequence[Point],
    boxes: Sequence[Box],
    around: float,
    folder: Path,
    send: Callable[[Film | FollowedOutline], None],
    check: Callable[[], None] = lambda: None,
) -> None:
    """Follow an object with the offline segmenter, as `follow_object` does, near the marks.

    Args:
        video: A file with moving pictures.
        points: Clicks on the object and, with `positive=False`, beside it.
        boxes: Around the whole object, at a moment.
        around: Seconds before the first and after the last of them in which it is followed.
        folder: For the pictures at working size, about 40 kB each.
        send: Receives the film, then the outlines, those after the first mark before those
            before it. A picture between two marks may come twice: the later one counts.
        check: Called for each picture that is read or followed; may raise to stop.

    Raises:
        SoundsiftError: As for `follow_object`.
    """
    times = [*(point.time for point in points), *(box.begin for box in boxes)]
    part = _Part(video, min(times) - around, max(times) + around, check)
    with WorkingPictures.of(part.frames(), folder=folder) as pictures:
        shape = pictures[0].shape[:2]
        seeds = find_seeds(points, boxes, pictures.times, pictures.size, shape)
        height, width = pictures.size
        ends = [*pictures.times[1:], part.end]
        seconds = [None if end is None else float(end) for end in ends]
        send(Film(width, height, len(pictures), float(pictures.times[0]), seconds[-1]))

        def found(index: int, mask: np.ndarray, score: float, state: State) -> None:
            check()
            start = float(pictures.times[index])
            polygons = polygons_of(mask, width, height)
            send(FollowedOutline(start, seconds[index], round(float(score), 3), state, polygons))

        follow_by_flow(pictures, seeds, found=found)


class _Part:
    """The pictures of a video that are shown between two times, in seconds.

    Attributes:
        end: once they are read, when the next one is shown; None if the video ends before.
    """

    def __init__(
        self, video: str | Path, start: float, last: float, check: Callable[[], None]
    ) -> None:
        self._video, self._check = video, check
        self._start, self._last = exact_seconds(max(0.0, start)), exact_seconds(last)
        self.end: Fraction | None = None

    def frames(self) -> Iterator[VideoFrame]:
        """Read them."""
        frame: VideoFrame | None = None
        since = float(self._start)
        for following in read_video(self._video, since=since, threads=1, side=WORKING_SIDE):
            self._check()
            if frame is not None and following.time > self._start:
                yield frame
                if following.time > self._last:
                    self.end = following.time
                    return
            frame = following
        if frame is not None:
            yield frame
