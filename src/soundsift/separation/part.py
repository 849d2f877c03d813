"""A part of a recording: only it is separated, and the rest comes through bit for bit."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from soundsift.audio import Recording, RecordingFile
from soundsift.audio.normalisation import Normalisation
from soundsift.config import FRAME_RATE
from soundsift.errors import SoundsiftError
from soundsift.prompts import Prompt
from soundsift.spans import Span, format_seconds


@dataclass(frozen=True)
class RecordingPart:
    """Part of a recording, to be separated as if it were one.

    Attributes:
        whole: the recording.
        start: first sample.
        stop: sample after the last.
    """

    whole: Recording | RecordingFile
    start: int
    stop: int

    @property
    def path(self) -> Path | None:
        """The recording's file, if any."""
        return self.whole.path

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return self.whole.sample_rate

    @property
    def sample_format(self) -> str:
        """The recording's."""
        return self.whole.sample_format

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.whole.channels

    @property
    def length(self) -> int:
        """Samples per channel."""
        return self.stop - self.start

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.length / self.sample_rate

    @property
    def normalisation(self) -> Normalisation:
        """The recording's."""
        return self.whole.normalisation

    def blocks(self) -> Generator[np.ndarray, None, None]:
        """Samples in blocks, `(channels, samples)`."""
        cut = BlockCutter(self.whole.blocks())
        for _ in cut.up_to(self.start):
            pass
        yield from cut.up_to(self.stop)

    def own(self, prompt: Prompt) -> Prompt:
        """A prompt with the times of its spans counted from the part's beginning.

        Raises:
            SoundsiftError: a span lies outside the part.
        """
        begin, end = self.start / self.sample_rate, self.stop / self.sample_rate
        spans = []
        for span in prompt.spans:
            first, last = max(span.start, begin), min(span.end, end)
            if last <= first:
                raise SoundsiftError(
                    f"Span {span} is outside the part from {format_seconds(begin)} s to "
                    f"{format_seconds(end)} s. Use times within it."
                )
            spans.append(Span(first - begin, last - begin, span.positive))
        return replace(prompt, spans=tuple(spans))


def find_part(
    whole: Recording | RecordingFile, start: float | None, end: float | None
) -> RecordingPart | None:
    """The part between two times; None if neither is given.

    Args:
        whole: the recording.
        start: seconds on the recording clock; None for its beginning.
        end: seconds; None for its end.

    Raises:
        SoundsiftError: the times are reversed, outside the recording, or less than a frame apart.
    """
    if start is None and end is None:
        return None
    first = 0.0 if start is None else float(start)
    last = whole.duration if end is None else float(end)
    # The length is shown rounded: a frame more is as good as the end.
    if not 0 <= first < whole.duration or not last <= whole.duration + 1 / FRAME_RATE:
        raise SoundsiftError(
            f"The part from {format_seconds(first)} s to {format_seconds(last)} s is outside the "
            f"recording. Use times from 0 to {format_seconds(round(whole.duration, 3))} s."
        )
    if not last - first >= 1 / FRAME_RATE:
        raise SoundsiftError(
            f"The part from {format_seconds(first)} s to {format_seconds(last)} s is empty or too "
            "short. Use an end at least 0.04 s after the start."
        )
    rate = whole.sample_rate
    return RecordingPart(whole, round(first * rate), min(round(last * rate), whole.length))


class BlockCutter:
    """Blocks cut at chosen samples.

    Args:
        blocks: `(channels, samples)`, of any lengths.
    """

    def __init__(self, blocks: Iterator[np.ndarray]) -> None:
        self._blocks, self._held = blocks, np.zeros((0, 0), np.float32)
        self._position = 0

    def up_to(self, stop: int | None) -> Iterator[np.ndarray]:
        """The blocks before a sample; None: all that are left."""
        while stop is None or self._position < stop:
            if not self._held.shape[1]:
                following = next(self._blocks, None)
                if following is None:
                    return
                self._held = following
            size = self._held.shape[1]
            if stop is not None:
                size = min(size, stop - self._position)
            block, self._held = self._held[:, :size], self._held[:, size:]
            self._position += size
            yield block
