"""Prompts: the sound to lift out, by text, by spans and by a region of the video."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from soundsift.config import FRAME_RATE
from soundsift.errors import SoundsiftError
from soundsift.languages.codes import check_language
from soundsift.languages.translation import Translation, translate
from soundsift.phrases import Phrases, read_phrases, refuse_removal
from soundsift.spans import MICRO, Span, SpanLike, format_seconds, microseconds

if TYPE_CHECKING:
    from soundsift.video import VisualPrompt

MAX_TEXT = 200
"""Characters of a text prompt, at most."""


@dataclass(frozen=True)
class Prompt:
    """What to lift out of a recording, in one or several ways.

    Attributes:
        text: noun or verb phrases, "dog barking" or "dog, drums" or "everything but voice", made
            of what is given (`soundsift.phrases`); None if empty.
        spans: in the order given; where two overlap, the later one wins.
        visual: where the object is in the accompanying video; for models with a video branch.
        language: of the text as given, a key of `soundsift.languages.codes.LANGUAGES` or "en"; None
            to find out. Afterwards "en", which the text has become.
        translation: how a text in another language than English was read; None if it is English.

    Raises:
        SoundsiftError: the text is over 200 characters, has neither a letter nor a digit, or a
            negation that is not understood; or the language is unknown.
    """

    text: str | None = None
    spans: tuple[Span, ...] = ()
    visual: VisualPrompt | None = None
    language: str | None = field(default=None, compare=False)
    translation: Translation | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        text = normalise_text(self.text)
        check_language(self.language)
        if text is not None and (read := translate(text, self.language)) is not None:
            object.__setattr__(self, "translation", read)
            text = read.english
        # Copies with other spans or single phrases are not translated again.
        object.__setattr__(self, "language", "en")
        object.__setattr__(self, "text", None if text is None else str(read_phrases(text)))
        object.__setattr__(self, "spans", tuple(self.spans))

    @cached_property
    def phrases(self) -> Phrases | None:
        """The sounds that the text names; None without text."""
        return None if self.text is None else read_phrases(self.text)

    @property
    def inverted(self) -> bool:
        """Whether the target is everything but what the text names."""
        return self.phrases is not None and self.phrases.inverted

    def parts(self) -> list[Prompt]:
        """A prompt for each phrase; together they are the target, or what it leaves out."""
        if self.phrases is None:
            return [self]
        return [replace(self, text=sound) for sound in self.phrases.sounds]

    def described(self) -> dict[str, Any]:
        """The same for settings files."""
        read = self.translation
        return {
            "text": self.text,
            "spans": [asdict(span) for span in self.spans],
            "visual": None if self.visual is None else self.visual.described(),
            **({} if read is None else {"translation": read.described()}),
        }

    def check(self, duration: float | None) -> None:
        """Refuse a prompt that asks for nothing, or for times outside the recording.

        A span may end up to one frame (0.04 s) after the recording does, since lengths are shown
        rounded.

        Args:
            duration: length of the recording in seconds; None while it is unknown.

        Raises:
            SoundsiftError: there is neither text nor span nor region, a span lies outside the
                recording, or everything but a sound is asked for and marked.
        """
        if self.text is None and not self.spans and self.visual is None:
            raise SoundsiftError(
                "The prompt is empty. Give a text such as 'dog barking', or a span such as 1.2-2.5."
            )
        if self.inverted and (self.spans or self.visual is not None):
            assert self.phrases is not None
            raise SoundsiftError(
                f"{self.text!r} can't be combined with a mark, which could belong to either part. "
                f"Ask for {', '.join(self.phrases.sounds)!r} with the mark, and take the residual."
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
    language: str | None = None,
) -> Prompt:
    """A prompt from what users write.

    Args:
        text: the sound, as a phrase.
        spans: when it is heard.
        not_spans: when it is not.
        visual: where it is seen.
        language: of the text, as for `Prompt`.

    Raises:
        SoundsiftError: for a text, span or language that cannot be read.
    """
    for name, given in (("spans", spans), ("not_spans", not_spans)):
        if isinstance(given, str | Span):
            raise SoundsiftError(f"Invalid {name} {str(given)!r}: expected a list of spans.")
    heard = [_as_span(span, True) for span in spans]
    not_heard = [replace(_as_span(span, False), positive=False) for span in not_spans]
    return Prompt(text, (*heard, *not_heard), visual, language)


def _as_span(span: SpanLike, positive: bool) -> Span:
    if isinstance(span, Span):
        return span
    if isinstance(span, str):
        return Span.parse(span, positive)
    try:
        start, end = (float(time) for time in span)
    except (TypeError, ValueError) as error:
        raise SoundsiftError(
            f"Invalid span {span!r}: expected (start, end) in seconds, or '1.2-2.5'."
        ) from error
    return Span(start, end, positive)


def normalise_text(text: str | None) -> str | None:
    """Bring a text into one form: lower case, composed, with single spaces.

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
    if not isinstance(text, str):
        raise SoundsiftError(
            f"Invalid text {text!r}: expected a phrase such as 'dog barking', or 'dog, drums' for "
            "several sounds."
        )
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


def check_removal(text: str | None, language: str | None = None) -> None:
    """Refuse a text that does not say clearly what is to be removed.

    Args:
        text: as for `Prompt`.
        language: as for `Prompt`.

    Raises:
        SoundsiftError: as for `Prompt`, or it asks to keep the sound ("only the voice"), or to be
            without it ("no music").
    """
    if (plain := normalise_text(text)) is not None:
        read = translate(plain, language)
        refuse_removal(plain if read is None else read.english)
