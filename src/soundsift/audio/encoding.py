"""FLAC, MP3, Opus and AAC files, through PyAV."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from soundsift.audio.blocks import Resampler, cut
from soundsift.audio.formats import FormatName, Output
from soundsift.audio.layouts import USUAL, fitting
from soundsift.audio.pcm import to_steps
from soundsift.audio.writing import SoundFacts
from soundsift.errors import SoundsiftError

_BLOCK = 2**16
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}

_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_AAC_RATES = (7350, *_MP3_RATES, 64000, 88200, 96000)
_FEW = ("mono", "stereo")
_OPUS = (*_FEW, "3.0", "quad", "5.0", "5.1")
_AAC = (*_FEW, "2.1", "3.0", "4.0", "quad", "5.0", "5.1")


@dataclass(frozen=True)
class Coder:
    """How FFmpeg codes one format.

    Attributes:
        name: for messages.
        container: FFmpeg's name of the kind of file.
        codec: FFmpeg's name of the encoder.
        samples: FFmpeg's name of the samples that it takes.
        rates: sample rates that it takes, rising; empty for all.
        layouts: arrangements of channels that it takes; empty for all of `channels`.
        channels: how many at most.
        kilobits: per second and channel at most; beyond that the encoder takes nothing, where
            others take the most that they have. None for no limit of that kind.
    """

    name: str
    container: str
    codec: str
    samples: str
    rates: tuple[int, ...] = ()
    layouts: tuple[str, ...] = ()
    channels: int = 8
    kilobits: int | None = None

    def bits_per_second(self, output: Output, channels: int) -> int:
        """What is asked for, or the most that the encoder takes."""
        asked = output.bits_per_second(channels)
        return asked if self.kilobits is None else min(asked, 1000 * self.kilobits * channels)

    def rate(self, wanted: int) -> int:
        """The sample rate to write: the same, or the next higher, or the highest that there is."""
        return next((r for r in self.rates if r >= wanted), max(self.rates, default=wanted))

    def layout(self, own: str | None, channels: int) -> str:
        """The arrangement of channels to write.

        Raises:
            SoundsiftError: this format can't hold that many, or not so arranged.
        """
        possible = self.layouts or tuple({*USUAL.values(), *([own] if own else [])})
        found = fitting(own, channels, possible) if channels <= self.channels else None
        if found is None:
            arranged = f" ({own})" if own else ""
            expected = ", ".join(self.layouts) or f"at most {self.channels} channels"
            raise SoundsiftError(
                f"{self.name} can't hold {channels} channels{arranged}; expected {expected}, "
                "or another --format, such as wav."
            )
        return found


AAC = Coder("AAC", "ipod", "aac", "fltp", _AAC_RATES, _AAC, 6)
OPUS = Coder("Opus", "ogg", "libopus", "flt", (48000,), _OPUS, 6, 256)
_CODERS: dict[FormatName, Coder] = {
    "flac": Coder("FLAC", "flac", "flac", ""),
    "mp3": Coder("MP3", "mp3", "libmp3lame", "fltp", _MP3_RATES, _FEW, 2),
    "opus": OPUS,
    "m4a": AAC,
}


def coder(output: Output, suffix: str) -> Coder | None:
    """How a format is coded; None for WAV, which is written as it is.

    Args:
        output: the format.
        suffix: of the file, which decides for videos.
    """
    if output.format == "video":
        return OPUS if suffix == ".webm" else AAC
    return _CODERS.get(output.format)


Refusals = Callable[[], AbstractContextManager[None]]
"""Makes a context in which errors of FFmpeg become a `SoundsiftError`."""


class SoundTrack:
    """A sound track in a file that is being written, block by block.

    The length is kept to the sample where the rate is. Rates that the format does not have are
    resampled to the next one that it has; Opus always to 48 kHz.

    Args:
        container: PyAV's, open for writing; nothing written yet.
        how: the coder.
        facts: of the sound.
        sample_format: of FLAC: "s16" or "s24".
        output: the format, and its bit rate.
        refusals: turns what FFmpeg complains about into what users are told.
        begin: when the sound begins, in seconds.

    Attributes:
        clipped: how many samples were clipped so far, in FLAC.

    Raises:
        SoundsiftError: the format can't hold so many channels, or not so arranged.
    """

    def __init__(
        self,
        container: Any,
        how: Coder,
        facts: SoundFacts,
        sample_format: str,
        output: Output,
        refusals: Refusals,
        *,
        begin: Fraction = Fraction(0),
    ) -> None:
        self.clipped = 0
        self._container, self._refusals = container, refusals
        self._steps = sample_format if output.lossless else None
        self._rate = facts.sample_rate if output.lossless else how.rate(facts.sample_rate)
        self._layout = how.layout(facts.layout, facts.channels)
        self._kind = {"s16": "s16", "s24": "s32"}[sample_format] if output.lossless else how.samples
        self._resampler = Resampler(facts.sample_rate, self._rate, facts.channels)
        self._time = round(begin * self._rate)
        self._stream = stream = container.add_stream(how.codec, rate=self._rate)
        stream.layout, stream.format = self._layout, self._kind
        stream.codec_context.time_base = Fraction(1, self._rate)
        if not output.lossless:
            stream.bit_rate = how.bits_per_second(output, facts.channels)

    def describe(self, tags: Mapping[str, str]) -> None:
        """Set language, title and other tags of the track; before anything is written."""
        self._stream.metadata.update(tags)

    def write(self, block: np.ndarray, before: Callable[[Fraction], None] | None = None) -> None:
        """Encode samples `(channels, samples)`, full scale ±1.

        Args:
            block: the samples.
            before: called with the time at which each piece of sound begins, before it is encoded.
        """
        with self._refusals():
            self._encode(self._resampler.convert(block), before)

    def finish(self, before: Callable[[Fraction], None] | None = None) -> None:
        """End the track; `before` as in `write`."""
        with self._refusals():
            self._encode(self._resampler.finish(), before)
            self._container.mux(self._stream.encode(None))

    def _encode(self, block: np.ndarray, before: Callable[[Fraction], None] | None) -> None:
        for piece in cut(block, _BLOCK):
            if before is not None:
                before(Fraction(self._time, self._rate))
            frame = self._frame(piece)
            frame.pts = self._time
            self._time += piece.shape[1]
            self._container.mux(self._stream.encode(frame))

    def _frame(self, wave: np.ndarray) -> Any:
        if self._steps is not None:
            wave, clipped = to_steps(wave, self._steps)
            self.clipped += clipped
            # FFmpeg keeps 24 bits in the upper ones of 32.
            wave = wave.astype(np.int16) if self._steps == "s16" else wave << 8
        planar = self._kind.endswith("p")
        data = np.ascontiguousarray(wave if planar else wave.T.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(data, self._kind, self._layout)
        frame.sample_rate, frame.time_base = self._rate, Fraction(1, self._rate)
        return frame


def refusing(reason: Callable[[Exception], str]) -> Refusals:
    """What turns FFmpeg's refusals to write a file into ours.

    Args:
        reason: what can't be done, from FFmpeg's error; ends where what was expected begins.
    """

    @contextmanager
    def refusals() -> Iterator[None]:
        try:
            yield
        except (av.FFmpegError, ValueError) as error:
            number = getattr(error, "errno", None)
            if number in _DISK_ERRORS:
                # No other format would help.
                raise OSError(number, os.strerror(number)) from error
            raise SoundsiftError(
                f"{reason(error)}another --format, such as wav, was expected."
            ) from error

    return refusals


@contextmanager
def coded_file(
    path: Path, facts: SoundFacts, sample_format: str, output: Output
) -> Iterator[SoundTrack]:
    """Write a coded audio file, block by block.

    Args:
        path: where to, hidden from others until it is complete.
        facts: of the sound.
        sample_format: of FLAC: "s16" or "s24".
        output: the format, and its bit rate.

    Yields:
        Takes the samples.

    Raises:
        SoundsiftError: the format can't hold the sound, or the file can't be written.
    """
    how = coder(output, path.suffix)
    if how is None:
        raise ValueError(f"{output.format} is not coded")
    rate = how.rate(facts.sample_rate)

    refusals = refusing(
        lambda error: (
            f"{how.name} can't be written ({facts.channels} channels at {rate} Hz: {error}); "
        )
    )
    with refusals():
        container = open_to_write(path, how.container)
    with closed_at_the_end(container, refusals):
        with refusals():
            container.metadata.update(facts.tags)
            track = SoundTrack(container, how, facts, sample_format, output, refusals)
        yield track
        track.finish()


def open_to_write(path: Path, kind: str) -> Any:
    """A file to put tracks into, FFmpeg's name of its kind given."""
    # Bit exact: no version and no random serial number, so the same sound is the same file.
    return av.open(str(path), "w", format=kind, options={"fflags": "bitexact"})


@contextmanager
def closed_at_the_end(container: Any, refusals: Refusals) -> Iterator[None]:
    """Close a file that was written; after an error, whatever else is wrong with it then."""
    try:
        yield
    except BaseException:
        with suppress(av.FFmpegError, ValueError):
            container.close()
        raise
    with refusals():
        container.close()
