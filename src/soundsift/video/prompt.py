"""Where the object that is heard can be seen: the visual prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from soundsift.errors import SoundsiftError
from soundsift.video.boxes import Box, mark_boxes
from soundsift.video.fingerprint import fingerprint
from soundsift.video.frames import VideoFrame, read_video
from soundsift.video.masks import mark_masks, read_masks
from soundsift.video.points import Point


@dataclass(frozen=True)
class VisualPrompt:
    """Where the object that is heard can be seen.

    Attributes:
        boxes: around the object; those at a moment begin where it is to be followed from.
        masks: a path for `read_masks`, or an array `(frames, height, width)`; instead of boxes.
        video: the file; None: that of the recording.
        points: clicks on the object or beside it, from which it is followed through the video.
        segmenter: what follows it (`soundsift.segmentation.SEGMENTERS`).

    Raises:
        SoundsiftError: If nothing marks the object, or two things do that exclude each other.
    """

    boxes: tuple[Box, ...] = ()
    masks: str | Path | np.ndarray | None = None
    video: str | Path | None = None
    points: tuple[Point, ...] = ()
    segmenter: str = "opencv"

    def __post_init__(self) -> None:
        if not (self.boxes or self.points or self.masks is not None):
            raise SoundsiftError(
                "A visual prompt needs points, boxes or masks that mark the object. Give one of "
                "them."
            )
        if self.masks is not None and (self.boxes or self.points):
            raise SoundsiftError(
                "Masks can't be combined with boxes or points, which mark the object, too. Give "
                "one of them."
            )
        fixed = [box for box in self.boxes if box.moment is None]
        if fixed and len(fixed) < len(self.boxes) + len(self.points):
            raise SoundsiftError(
                f"Box {fixed[0]} is a region by itself and can't be combined with points and boxes "
                f"from which the object is followed. Add the second at which the object is in it, "
                f"as in {fixed[0].at(3)}."
            )

    @property
    def followed(self) -> bool:
        """Whether the object is to be followed from points or boxes at a moment."""
        return bool(self.points) or any(box.moment is not None for box in self.boxes)

    def described(self) -> str:
        """In a line, for settings; with fingerprints of files, which change while paths don't."""
        return self._described

    @cached_property
    def _described(self) -> str:
        # Once: files may be long, and a run describes its prompts again and again.
        words = [*map(str, self.points), *map(str, self.boxes)]
        if self.followed:
            words += ["by", self.segmenter]
        if self.masks is not None:
            name = "" if isinstance(self.masks, np.ndarray) else str(self.masks)
            words = ["masks", name, fingerprint(self.masks) or ""]
        if self.video is not None:
            words += ["in", str(self.video), fingerprint(self.video) or ""]
        return " ".join(filter(None, words))

    def path(self, recording: Path | None) -> Path:
        """The video file.

        Args:
            recording: the file to take if none was named.

        Raises:
            SoundsiftError: If there is none.
        """
        path = self.video or recording
        if path is None:
            raise SoundsiftError("A visual prompt needs a video; samples alone have none.")
        return Path(path)

    def frames(self, recording: Path | None) -> Iterator[VideoFrame]:
        """The object alone, picture by picture; arguments and errors as for `marked`."""
        return (frame.within(mask) for frame, mask in self.marked(recording))

    def marked(self, recording: Path | None) -> Iterator[tuple[VideoFrame, np.ndarray]]:
        """Pictures with their masks `(height, width)`, bool.

        Args:
            recording: the file to take the video from if none was named.

        Raises:
            SoundsiftError: If there is no video, or the region does not fit it.
            ValueError: If the object is to be followed, which `soundsift.segmentation` does first.
        """
        if self.followed:
            raise ValueError("points have no region before the object was followed")
        frames = read_video(self.path(recording))
        if self.masks is None:
            return mark_boxes(frames, self.boxes)
        masks = self.masks if isinstance(self.masks, np.ndarray) else read_masks(self.masks)
        return mark_masks(frames, masks)
