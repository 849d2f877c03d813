"""Where the object that is heard can be seen: the visual prompt."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from soundsift.errors import SoundsiftError
from soundsift.video.boxes import Box, keep_boxes
from soundsift.video.fingerprint import fingerprint
from soundsift.video.frames import VideoFrame, read_video
from soundsift.video.masks import keep_masks, read_masks


@dataclass(frozen=True)
class VisualPrompt:
    """Where the object that is heard can be seen.

    Attributes:
        boxes: around the object.
        masks: a path for `read_masks`, or an array `(frames, height, width)`; instead of boxes.
        video: the file; None: that of the recording.

    Raises:
        SoundsiftError: If there are neither boxes nor masks, or both.
    """

    boxes: tuple[Box, ...] = ()
    masks: str | Path | np.ndarray | None = None
    video: str | Path | None = None

    def __post_init__(self) -> None:
        if bool(self.boxes) == (self.masks is not None):
            raise SoundsiftError(
                "A visual prompt takes either boxes or masks that mark the object. Give exactly "
                "one of the two."
            )

    def described(self) -> str:
        """In a line, for settings; with fingerprints of files, which change while paths don't."""
        return self._described

    @cached_property
    def _described(self) -> str:
        # Once: files may be long, and a run describes its prompts again and again.
        words = [str(box) for box in self.boxes]
        if self.masks is not None:
            name = "" if isinstance(self.masks, np.ndarray) else str(self.masks)
            words = ["masks", name, fingerprint(self.masks) or ""]
        if self.video is not None:
            words += ["in", str(self.video), fingerprint(self.video) or ""]
        return " ".join(filter(None, words))

    def frames(self, recording: Path | None) -> Iterator[VideoFrame]:
        """The object alone, picture by picture.

        Args:
            recording: the file to take the video from if none was named.

        Raises:
            SoundsiftError: If there is no video, or the region does not fit it.
        """
        path = self.video or recording
        if path is None:
            raise SoundsiftError("a visual prompt needs a video; samples alone have none.")
        frames = read_video(path)
        if self.masks is None:
            return keep_boxes(frames, self.boxes)
        masks = self.masks if isinstance(self.masks, np.ndarray) else read_masks(self.masks)
        return keep_masks(frames, masks)
