"""The region of a visual prompt, picture by picture, however it was marked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from soundsift.segmentation.follow import follow_object
from soundsift.segmentation.track import ObjectTrack
from soundsift.video.frames import VideoFrame, read_video
from soundsift.video.masks import mark_masks
from soundsift.video.prompt import VisualPrompt


@dataclass(frozen=True)
class Region:
    """The region that a visual prompt marks in a video.

    An object that is to be followed is followed once, when its masks are first asked for.

    Attributes:
        prompt: The visual prompt.
        recording: The file to take the video from if the prompt names none.
    """

    prompt: VisualPrompt
    recording: Path | None

    @property
    def video(self) -> Path:
        """The video file.

        Raises:
            SoundsiftError: There is none.
        """
        return self.prompt.path(self.recording)

    @cached_property
    def track(self) -> ObjectTrack | None:
        """The followed object; None where boxes or masks are the region themselves.

        Raises:
            SoundsiftError: It can't be followed (`follow_object`).
        """
        if not self.prompt.followed:
            return None
        return follow_object(
            self.video, self.prompt.points, self.prompt.boxes, self.prompt.segmenter
        )

    def frames(self) -> Iterator[VideoFrame]:
        """The object alone, all other pixels black; errors as for `marked`."""
        return (frame.within(mask) for frame, mask in self.marked())

    def marked(self, side: int | None = None) -> Iterator[tuple[VideoFrame, np.ndarray]]:
        """Pictures with their masks `(height, width)`, bool.

        Args:
            side: Longest side in pixels that is enough for the caller. Pictures of a followed
                object are made smaller to it; others keep the size in which they are marked.

        Raises:
            SoundsiftError: There is no video, the region does not fit it, or the object can't be
                followed.
        """
        if self.track is None:
            return self.prompt.marked(self.recording)
        return mark_masks(read_video(self.video, side=side), self.track.masks(side))
