"""Span prompts: when the sound is heard and when it is not, and their anchor ids per frame."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from soundsift.config import FRAME_RATE
from soundsift.errors import SoundsiftError

if TYPE_CHECKING:
    import numpy as np

NULL, POSITIVE, NEGATIVE, OPEN = 0, 1, 2, 3
"""Anchor ids of a frame: not marked, sound heard, sound not heard, and (only in models with four
kinds of frame, such as the default one) open: an example prompt says what the sound is, and this
frame may hold it or not. Padding in a batch has the id after the model's last kind."""

#: Marked frames of an example prompt, and frames shown on either side of them, at most.
LONGEST_MARK, AROUND = 51, 37

# Times are counted in whole microseconds: finer than a sample at any usual rate, and coarse enough
# to absorb the error of decimals in binary (0.04 * 7 is 0.28000000000000003, which would round up
# to the next frame).
MICRO = 1_000_000

_TIME = r"[-−]?(?:\d+:){0,2}\d+(?:\.\d+)?"
_SPAN = re.compile(rf"\s*({_TIME})\s*s?\s*(?:\.\.|-|–|—|to)\s*({_TIME})\s*s?\s*")


@dataclass(frozen=True)
class Span:
    """A stretch of time in which the wanted sound is heard (+), or is not (-).

    Attributes:
        start: seconds from the beginning.
        end: seconds, after the start.
        positive: True where the sound is heard, False where it is not.

    Raises:
        SoundsiftError: a time is negative or not a number, or the end is not after the start.
    """

    start: float
    end: float
    positive: bool = True

    def __post_init__(self) -> None:
        # Numbers of other kinds, NumPy's say, have no place in settings files.
        object.__setattr__(self, "start", float(self.start))
        object.__setattr__(self, "end", float(self.end))
        for time in (self.start, self.end):
            if not math.isfinite(time):
                raise SoundsiftError(
                    f"Invalid span time {time}: expected a number of seconds, 0 or more."
                )
            if time < 0:
                raise SoundsiftError(
                    f"Invalid span {self}: {format_seconds(time)} s is before the beginning of the "
                    "recording. Use times from 0 on."
                )
        if microseconds(self.end) < microseconds(self.start):
            raise SoundsiftError(
                f"Invalid span {self}: it ends before it starts. Write the start first: "
                f"{format_seconds(self.end)}-{format_seconds(self.start)}."
            )
        if microseconds(self.end) == microseconds(self.start):
            raise SoundsiftError(f"Invalid span {self}: it is empty. Use an end after the start.")

    def __str__(self) -> str:
        return f"{format_seconds(self.start)}-{format_seconds(self.end)}"

    @classmethod
    def parse(cls, text: str, positive: bool = True) -> Span:
        """Read a span as people write it.

        Args:
            text: "1.2-2.5", "1.2..2.5", "1.2 to 2.5" in seconds, "1:02.5-1:10" in minutes,
                "1:00:00-1:00:05" in hours.
            positive: whether the sound is heard there.

        Returns:
            The span.

        Raises:
            SoundsiftError: the text is no span, or the span is reversed, empty or negative.
        """
        match = _SPAN.fullmatch(text)
        if match is None:
            raise SoundsiftError(
                f"Invalid span {text!r}: write start-end in seconds or minutes, such as 1.2-2.5 "
                "or 1:02.5-1:10."
            )
        start, end = (_parse_time(time, text) for time in match.groups())
        return cls(start, end, positive)

    def frames(self, frame_rate: int = FRAME_RATE) -> tuple[int, int]:
        """The frames that the span covers, from ceil(start * rate) up to before ceil(end * rate).

        A span too short to reach the next frame's beginning covers the frame that it starts in,
        rather than none.

        Args:
            frame_rate: frames per second.

        Returns:
            First frame and the frame after the last.
        """
        first, stop = (
            -(-microseconds(time) * frame_rate // MICRO) for time in (self.start, self.end)
        )
        if first == stop:
            first -= 1
        return first, stop


SpanLike = Span | tuple[float, float] | str
"""A span as users give it: a `Span`, (start, end) in seconds, or "1.2-2.5"."""


def frame_anchors(
    spans: Sequence[Span], frames: int, frame_rate: int = FRAME_RATE, unmarked: int = NULL
) -> np.ndarray:
    """Spans as one anchor id per latent frame.

    Frame indices are exact: 0.28 s is frame 7 at 25 Hz. The authors' code computes them in float32,
    where 0.28 s becomes frame 8 and about half of all edges that lie on a frame come out one late.

    Args:
        spans: in order; where two overlap, the later one wins.
        frames: frames in the clip; what a span covers beyond is dropped.
        frame_rate: frames per second.
        unmarked: id of the frames without a mark, NULL or OPEN.

    Returns:
        int64, (frames,): NULL 0, POSITIVE 1, NEGATIVE 2. The padding of a
        batch has the id after the model's last kind.
    """
    # Imported here: `soundsift --help` doesn't wait for NumPy.
    import numpy as np

    anchors = np.full(frames, unmarked, dtype=np.int64)
    for span in spans:
        first, stop = span.frames(frame_rate)
        # A span that starts in the last frame and ends (within tolerance) after it.
        if first == frames < stop and microseconds(span.start) * frame_rate < frames * MICRO:
            first -= 1
        anchors[first:stop] = POSITIVE if span.positive else NEGATIVE
    return anchors


def marked_stretch(
    anchors: np.ndarray, around: int = AROUND, longest: int = LONGEST_MARK
) -> tuple[int, int] | None:
    """The longest marked moment, or its beginning, with a little around it: an example prompt.

    Args:
        anchors: `(frames,)`, of the whole recording.
        around: frames on either side, at most.
        longest: marked frames, at most.

    Returns:
        (start, end) in frames; None if nothing is marked.
    """
    import numpy as np

    edges = np.flatnonzero(np.diff(anchors == POSITIVE, prepend=False, append=False))
    if not len(edges):
        return None
    starts, ends = edges[::2], edges[1::2]
    run = int(np.argmax(ends - starts))  # the first of several of one length
    start, end = int(starts[run]), int(min(ends[run], starts[run] + longest))
    return max(0, start - around), min(len(anchors), end + around)


def microseconds(seconds: float) -> int:
    """A time in whole microseconds."""
    return round(Decimal(repr(float(seconds))) * MICRO)


def format_seconds(time: float) -> str:
    """A time in seconds as messages show it: 1.5, 12, 0.28."""
    return f"{time:.6f}".rstrip("0").rstrip(".") if math.isfinite(time) else str(time)


def parse_time(text: str) -> float:
    """A time in seconds from "12.5", "1:02.5" or "1:00:05".

    Raises:
        SoundsiftError: it is none.
    """
    if re.fullmatch(_TIME, text.strip()) is None:
        raise SoundsiftError(
            f"Invalid time {text!r}: write seconds or minutes, such as 12.5 or 1:02.5."
        )
    return _parse_time(text.strip(), text)


def _parse_time(time: str, text: str) -> float:
    negative = time[0] in "-−"
    *larger, seconds = time.lstrip("-−").split(":")
    total = Decimal(0)
    for index, part in enumerate([*larger, seconds]):
        value = Decimal(part)
        if index > 0 and value >= 60:
            raise SoundsiftError(
                f"Invalid time in {text!r}: {part} follows a colon. Use a number below 60 there."
            )
        total = total * 60 + value
    return float(-total if negative else total)
