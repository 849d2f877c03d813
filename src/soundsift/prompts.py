"""What the user asks for: a phrase, and spans of time where the sound is or is not heard."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from soundsift.errors import SoundsiftError

if TYPE_CHECKING:
    from soundsift.video import VisualPrompt

NULL, POSITIVE, NEGATIVE, PAD = 0, 1, 2, 3
"""Anchor ids per frame: not marked, sound heard, not heard, beyond the clip's end in a batch."""

OPEN = 3
"""Anchor id in models that have four kinds (the default one): what is marked elsewhere is an
example, and here the sound may be heard or not. Padding is 4 there."""

FRAME_RATE = 25
MAX_TEXT = 200

# Times count in whole microseconds: finer than a sample at any usual rate, coarse enough to swallow
# what binary floats add to decimals (0.04 * 7 is 0.28000000000000003, which would round up to the
# next frame).
_MICRO = 1_000_000

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
                raise SoundsiftError(f"span {self}: {time} is no time; seconds were expected.")
            if time < 0:
                raise SoundsiftError(
                    f"span {self}: {_seconds(time)} s lies before the beginning; times from 0 on "
                    "were expected."
                )
        if _micro(self.end) < _micro(self.start):
            raise SoundsiftError(
                f"span {self} is reversed: the start, then the end was expected, as in "
                f"{_seconds(self.end)}-{_seconds(self.start)}."
            )
        if _micro(self.end) == _micro(self.start):
            raise SoundsiftError(f"span {self} is empty: an end after the start was expected.")

    def __str__(self) -> str:
        return f"{_seconds(self.start)}-{_seconds(self.end)}"

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
                f"span {text!r} can't be read; start-end in seconds or minutes was expected, as "
                "in 1.2-2.5 or 1:02.5-1:10."
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
        first, stop = (-(-_micro(time) * frame_rate // _MICRO) for time in (self.start, self.end))
        if first == stop:
            first -= 1
        return first, stop


@dataclass(frozen=True)
class Prompt:
    """What to lift out of a recording, in one or several ways.

    Attributes:
        text: a short noun or verb phrase; lowercased, in Unicode's composed form, white space
            collapsed; None if empty.
        spans: in the order given; where two overlap, the later one wins.
        visual: where the object is in the accompanying video; for models with a video branch.

    Raises:
        SoundsiftError: the text is over 200 characters, or has neither a letter nor a digit.
    """

    text: str | None = None
    spans: tuple[Span, ...] = ()
    visual: VisualPrompt | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", normalise_text(self.text))
        object.__setattr__(self, "spans", tuple(self.spans))

    def described(self) -> dict[str, Any]:
        """The same for settings files."""
        return {
            "text": self.text,
            "spans": [asdict(span) for span in self.spans],
            "visual": None if self.visual is None else self.visual.described(),
        }

    def check(self, duration: float | None) -> None:
        """Refuse a prompt that asks for nothing, or for times outside the recording.

        A span may end up to one frame (0.04 s) after the recording does, since lengths are shown
        rounded.

        Args:
            duration: length of the recording in seconds; None where nobody knows yet.

        Raises:
            SoundsiftError: there is neither text nor span nor region, or a span lies outside the
                recording.
        """
        if self.text is None and not self.spans and self.visual is None:
            raise SoundsiftError(
                "the prompt is empty: a text such as 'dog barking', or a span such as 1.2-2.5, "
                "was expected."
            )
        for span in self.spans if duration is not None else ():
            assert duration is not None
            latest = _micro(duration) + _MICRO // FRAME_RATE
            if _micro(span.start) >= _micro(duration) or _micro(span.end) > latest:
                raise SoundsiftError(
                    f"span {span} lies outside the recording; times between 0 and "
                    f"{_seconds(round(duration, 3))} s were expected."
                )


SpanLike = Span | tuple[float, float] | str
"""A span as users give it: a `Span`, (start, end) in seconds, or "1.2-2.5"."""


def make_prompt(
    text: str | None,
    spans: Sequence[SpanLike] = (),
    not_spans: Sequence[SpanLike] = (),
    visual: VisualPrompt | None = None,
) -> Prompt:
    """A prompt from what users write.

    Args:
        text: the sound, as a phrase.
        spans: when it is heard.
        not_spans: when it is not.
        visual: where it is seen.

    Raises:
        SoundsiftError: for a text or span that cannot be read.
    """
    heard = [_as_span(span, True) for span in spans]
    not_heard = [replace(_as_span(span, False), positive=False) for span in not_spans]
    return Prompt(text, (*heard, *not_heard), visual)


def _as_span(span: SpanLike, positive: bool) -> Span:
    if isinstance(span, Span):
        return span
    return Span.parse(span, positive) if isinstance(span, str) else Span(*span, positive)


def normalise_text(text: str | None) -> str | None:
    """Bring a text prompt into the one form that the model is trained on.

    Args:
        text: as typed.

    Returns:
        Lowercase, Unicode NFC, control characters and runs of white space as single spaces; None if
        nothing is left.

    Raises:
        SoundsiftError: over 200 characters, or neither a letter nor a digit in it.
    """
    if text is None:
        return None
    printable = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)
    clean = " ".join(unicodedata.normalize("NFC", printable.lower()).split())
    if not clean:
        return None
    if len(clean) > MAX_TEXT:
        raise SoundsiftError(
            f"the text prompt has {len(clean)} characters; a short phrase of at most {MAX_TEXT} "
            "was expected."
        )
    if not any(c.isalnum() for c in clean):
        raise SoundsiftError(
            f"the text prompt {clean!r} has no word in it; a phrase such as 'dog barking' was "
            "expected."
        )
    return clean


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
        int64, (frames,): NULL 0, POSITIVE 1, NEGATIVE 2. PAD 3 is for whoever puts clips into a
        batch.
    """
    anchors = np.full(frames, unmarked, dtype=np.int64)
    for span in spans:
        first, stop = span.frames(frame_rate)
        # A span that starts in the last frame and ends (within tolerance) after it.
        if first == frames < stop and _micro(span.start) * frame_rate < frames * _MICRO:
            first -= 1
        anchors[first:stop] = POSITIVE if span.positive else NEGATIVE
    return anchors


def _micro(seconds: float) -> int:
    return round(Decimal(repr(float(seconds))) * _MICRO)


def _seconds(time: float) -> str:
    """A time for messages: 1.5, 12, 0.28."""
    return f"{time:.6f}".rstrip("0").rstrip(".") if math.isfinite(time) else str(time)


def _parse_time(time: str, text: str) -> float:
    negative = time[0] in "-−"
    *larger, seconds = time.lstrip("-−").split(":")
    total = Decimal(0)
    for index, part in enumerate([*larger, seconds]):
        value = Decimal(part)
        if index > 0 and value >= 60:
            raise SoundsiftError(
                f"span {text!r} can't be read: {part} after a colon; a number below 60 was "
                "expected."
            )
        total = total * 60 + value
    return float(-total if negative else total)
