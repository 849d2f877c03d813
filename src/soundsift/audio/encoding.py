"""FLAC, AIFF, MP3, Opus and AAC encoding through PyAV, with covers and chapters."""

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
from soundsift.audio.extras import add_cover, chapter_comments
from soundsift.audio.formats import FormatName, Output
from soundsift.audio.layouts import USUAL, fitting
from soundsift.audio.pcm import to_steps
from soundsift.audio.writing import SoundFacts
from soundsift.errors import SoundsiftError

_BLOCK = 2**16
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}

_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_AAC_RATES = (7350, *_MP3_RATES, 64000, 88200, 96000)
_VORBIS_RATES = (*_MP3_RATES, 64000, 88200, 96000, 176_400, 192_000)
_FEW = ("mono", "stereo")
_OPUS = (*_FEW, "3.0", "quad", "5.0", "5.1")
_AAC = (*_FEW, "2.1", "3.0", "4.0", "quad", "5.0", "5.1")


@dataclass(frozen=True)
class Coder:
    """FFmpeg's encoder of one format, and its limits.

    Attributes:
        name: Name for messages.
        container: FFmpeg's name of the container.
        codec: FFmpeg's name of the encoder.
        samples: FFmpeg's name of the encoder's sample format.
        rates: Sample rates that the encoder takes, rising; empty for all.
        layouts: Channel layouts that the encoder takes; empty for all with up to `channels`.
        channels: Maximum number of channels.
        kilobits: Maximum kilobits per second and channel of encoders that refuse higher bit rates;
            None for encoders that lower them on their own.
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
        """The bit rate asked for, at most the encoder's maximum."""
        asked = output.bits_per_second(channels)
        return asked if self.kilobits is None else min(asked, 1000 * self.kilobits * channels)

    def rate(self, wanted: int) -> int:
        """The sample rate to write: `wanted`, or the next higher one, or the highest."""
        return next((r for r in self.rates if r >= wanted), max(self.rates, default=wanted))

    def layout(self, own: str | None, channels: int) -> str:
        """The channel layout to write.

        Args:
            own: Layout of the recording, None where unknown.
            channels: Number of channels.

        Raises:
            SoundsiftError: The format has no such layout.
        """
        possible = self.layouts or tuple({*USUAL.values(), *([own] if own else [])})
        found = fitting(own, channels, possible) if channels <= self.channels else None
        if found is None:
            layout = f" ({own})" if own else ""
            choices = ", ".join(self.layouts) or f"at most {self.channels} channels"
            raise SoundsiftError(
                f"{self.name} can't hold {channels} channels{layout}, only {choices}. Use another "
                "format, such as wav."
            )
        return found


AAC = Coder("AAC", "ipod", "aac", "fltp", _AAC_RATES, _AAC, 6)
OPUS = Coder("Opus", "ogg", "libopus", "flt", (48000,), _OPUS, 6, 256)
#: Written by `soundsift.audio.vorbis`.
VORBIS = Coder("Ogg Vorbis", "ogg", "vorbis", "flt", _VORBIS_RATES, tuple(USUAL.values()))
_PCM = {"s16": "pcm_s16be", "s24": "pcm_s24be", "f32": "pcm_f32be"}
_CODERS: dict[FormatName, Coder] = {
    "flac": Coder("FLAC", "flac", "flac", ""),
    "aiff": Coder("AIFF", "aiff", "pcm", "", channels=6),
    "ogg": VORBIS,
    "mp3": Coder("MP3", "mp3", "libmp3lame", "fltp", _MP3_RATES, _FEW, 2),
    "opus": OPUS,
    "m4a": AAC,
}


def coder(output: Output, suffix: str) -> Coder | None:
    """Encoder of a format; None for WAV.

    Args:
        output: The format.
        suffix: Suffix of the file; it decides for videos.
    """
    if output.format == "video":
        return OPUS if suffix == ".webm" else AAC
    return _CODERS.get(output.format)


Refusals = Callable[[], AbstractContextManager[None]]
"""Creates a context that turns FFmpeg's errors into a `SoundsiftError`."""


class SoundTrack:
    """Sound track of a file, written block by block.

    The number of samples is exact if the sample rate is kept. A rate that the format does not have
    is resampled to the next higher one; Opus always has 48 kHz.

    Args:
        container: PyAV's output container, without any packets yet.
        how: The encoder.
        facts: Properties of the sound.
        sample_format: Sample format of FLAC and AIFF, "s16", "s24" or (AIFF) "f32".
        output: The format with its bit rate.
        refusals: Context that turns FFmpeg's errors into messages for users.
        begin: Start time of the sound in seconds.

    Attributes:
        clipped: Number of samples clipped so far, in FLAC.

    Raises:
        SoundsiftError: The format has no such channel layout.
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
        lossless = output.lossless
        self._steps = sample_format if lossless and sample_format != "f32" else None
        self._rate = facts.sample_rate if output.lossless else how.rate(facts.sample_rate)
        self._layout = how.layout(facts.layout, facts.channels)
        kinds = {"s16": "s16", "s24": "s32", "f32": "flt"}
        self._kind = kinds[sample_format] if lossless else how.samples
        self._resampler = Resampler(facts.sample_rate, self._rate, facts.channels)
        self._time = round(begin * self._rate)
        codec = _PCM[sample_format] if how.codec == "pcm" else how.codec
        self._stream = stream = container.add_stream(codec, rate=self._rate)
        stream.layout, stream.format = self._layout, self._kind
        stream.codec_context.time_base = Fraction(1, self._rate)
        if not output.lossless:
            stream.bit_rate = how.bits_per_second(output, facts.channels)

    def describe(self, tags: Mapping[str, str]) -> None:
        """Set language, title and other tags of the track; to be called before `write`."""
        self._stream.metadata.update(tags)

    def write(self, block: np.ndarray, before: Callable[[Fraction], None] | None = None) -> None:
        """Encode samples `(channels, samples)`, full scale ±1.

        Args:
            block: The samples.
            before: Called with the start time of each piece in seconds before it is encoded.
        """
        with self._refusals():
            self._encode(self._resampler.convert(block), before)

    def finish(self, before: Callable[[Fraction], None] | None = None) -> None:
        """Flush the encoder; `before` as in `write`."""
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


def refusing(reason: Callable[[str], str]) -> Refusals:
    """Context that turns FFmpeg's errors of writing into messages for users.

    Args:
        reason: Returns a sentence that names the problem, from FFmpeg's message.
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
            # The whole message would show the staging folder.
            cause = getattr(error, "strerror", None) or str(error)
            raise SoundsiftError(f"{reason(cause)} Use another format, such as wav.") from error

    return refusals


@contextmanager
def coded_file(
    path: Path, facts: SoundFacts, sample_format: str, output: Output
) -> Iterator[SoundTrack]:
    """Write an encoded audio file, block by block.

    Args:
        path: The file, in a staging folder.
        facts: Properties of the sound.
        sample_format: Sample format of FLAC, "s16" or "s24".
        output: The format with its bit rate.

    Yields:
        The writer.

    Raises:
        SoundsiftError: The format can't hold the sound, or FFmpeg can't write the file.
        OSError: The disk is full or fails.
    """
    how = coder(output, path.suffix)
    if how is None:
        raise ValueError(f"{output.format} has no encoder")
    rate = how.rate(facts.sample_rate)

    refusals = refusing(
        lambda cause: (
            f"{how.name} can't be written ({facts.channels} channels at {rate} Hz: {cause})."
        )
    )
    # FFmpeg's variant of MP4 for songs takes no covers.
    with_cover = how.container == "ipod" and facts.extras.cover is not None
    with refusals():
        container = open_to_write(path, "mp4" if with_cover else how.container)
    with closed_at_the_end(container, refusals):
        with refusals():
            container.metadata.update(facts.tags)
            track = SoundTrack(container, how, facts, sample_format, output, refusals)
            _add_extras(container, facts)
        yield track
        track.finish()


def _add_extras(container: Any, facts: SoundFacts) -> None:
    """Write cover and chapters, where the format has a place for them."""
    kind, cover = container.format.name, facts.extras.cover
    if kind in ("ogg", "flac"):
        container.metadata.update(chapter_comments(facts.extras.chapters))
    elif facts.extras.chapters and kind != "aiff":
        container.set_chapters(list(facts.extras.chapters))
    if cover is None or kind == "aiff":
        return
    if kind == "ogg":
        container.metadata["METADATA_BLOCK_PICTURE"] = cover.as_comment()
        return
    add_cover(container, cover)


def open_to_write(path: Path, kind: str) -> Any:
    """PyAV's output container.

    Args:
        path: The file.
        kind: FFmpeg's name of the container.
    """
    # Bit exact: no version and no random serial number, so the same sound is the same file.
    options = {"fflags": "bitexact"} | ({"write_id3v2": "1"} if kind == "aiff" else {})
    return av.open(str(path), "w", format=kind, options=options)


@contextmanager
def closed_at_the_end(container: Any, refusals: Refusals) -> Iterator[None]:
    """Close an output container; after an error, errors of closing are ignored."""
    try:
        yield
    except BaseException:
        with suppress(av.FFmpegError, ValueError):
            container.close()
        raise
    with refusals():
        container.close()
