"""Prompts: the sound to lift out, by text, by spans and by a region of the video."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from soundsift.config import FRAME_RATE
from soundsift.errors import SoundsiftError
from soundsift.spans import MICRO, Span, SpanLike, format_seconds, microseconds

if TYPE_CHECKING:
    from soundsift.video import VisualPrompt

MAX_TEXT = 200
"""Characters of a text prompt, at most."""


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
            duration: length of the recording in seconds; None while it is unknown.

        Raises:
            SoundsiftError: there is neither text nor span nor region, or a span lies outside the
                recording.
        """
        if self.text is None and not self.spans and self.visual is None:
            raise SoundsiftError(
                "The prompt is empty. Give a text such as 'dog barking', or a span such as 1.2-2.5."
            )
        for span in self.spans if duration is not None else ():
            assert duration is not None
            latest = microseconds(duration) + MICRO // FRAME_RATE
            if (
                microseconds(span.start) >= microseconds(duration)
                or microseconds(span.end) > latest
            ):
                raise SoundsiftError(
                    f"Span {span} is outside the recording. Use times from 0 to "
                    f"{format_seconds(round(duration, 3))} s."
                )


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
            f"The text prompt has {len(clean)} characters. Use a short phrase of at most "
            f"{MAX_TEXT}."
        )
    if not any(c.isalnum() for c in clean):
        raise SoundsiftError(
            f"The text prompt {clean!r} has no word in it. Use a phrase such as 'dog barking'."
        )
    return clean
