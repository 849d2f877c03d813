"""Tasks of the decoder process: outlines of a marked object in a video."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from soundsift.studio.records import FOLLOWED, STOP
from soundsift.video.boxes import Box
from soundsift.video.points import Point


def outline(
    source: str, place: str, points: list[dict[str, Any]], boxes: list[dict[str, Any]]
) -> dict[str, Any]:
    """Store the outlines of a marked object.

    Args:
        source: video file.
        place: JSON file to write: a list of `soundsift.segmentation.outlines.Outline`.
        points: arguments of each `soundsift.video.Point`.
        boxes: arguments of each `soundsift.video.Box`, with a moment and no span.

    Raises:
        SoundsiftError: see `soundsift.segmentation.outlines.outlines`.
    """
    # Imported here: OpenCV is optional.
    from soundsift.segmentation.outlines import outlines
    from soundsift.segmentation.pictures import opencv

    opencv().setNumThreads(1)
    found = [asdict(one) for one in outlines(source, *_marks(points, boxes))]
    Path(place).write_text(json.dumps(found), encoding="ascii")
    return {}


def _marks(
    points: list[dict[str, Any]], boxes: list[dict[str, Any]]
) -> tuple[list[Point], list[Box]]:
    return [Point(**one) for one in points], [Box(**one) for one in boxes]


class _StoppedError(Exception):
    pass


def follow(
    source: str,
    folder: str,
    points: list[dict[str, Any]],
    boxes: list[dict[str, Any]],
    around: float,
) -> dict[str, Any]:
    """Follow a marked object.

    Args:
        source: video file.
        folder: folder for the file `FOLLOWED`: a `soundsift.segmentation.outline_stream.Film` as a
            line of JSON, then a `FollowedOutline` per line, each written when it is found. A file
            `STOP` that appears there ends the work.
        points: arguments of each `soundsift.video.Point`.
        boxes: arguments of each `soundsift.video.Box`, with a moment and no span.
        around: seconds before the first and after the last of them in which it is followed.

    Raises:
        SoundsiftError: see `soundsift.segmentation.outline_stream.stream_outlines`.
    """
    # Imported here: OpenCV is optional.
    from soundsift.segmentation.outline_stream import stream_outlines
    from soundsift.segmentation.pictures import opencv

    opencv().setNumThreads(1)
    place = Path(folder)

    def check() -> None:
        if (place / STOP).exists():
            raise _StoppedError

    with (place / FOLLOWED).open("w", encoding="ascii") as file, suppress(_StoppedError):

        def send(line: Any) -> None:
            file.write(json.dumps(asdict(line), separators=(",", ":")) + "\n")
            file.flush()

        stream_outlines(source, *_marks(points, boxes), around, place, send, check)
    return {}
