"""FLAC, MP3, Opus and AAC files, through PyAV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from soundsift.audio.formats import FormatName, Output
from soundsift.audio.grid import to_steps
from soundsift.audio.layouts import USUAL, fitting
from soundsift.audio.resampling import resample
from soundsift.errors import SoundsiftError

_BLOCK = 2**16

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
    """

    name: str
    container: str
    codec: str
    samples: str
    rates: tuple[int, ...] = ()
    layouts: tuple[str, ...] = ()
    channels: int = 8

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
OPUS = Coder("Opus", "ogg", "libopus", "flt", (48000,), _OPUS, 6)
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


def encode(
    path: Path,
    samples: np.ndarray,
    sample_rate: int,
    sample_format: str,
    output: Output,
    *,
    layout: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> int:
    """Write a coded audio file.

    The length is kept to the sample where the rate is. Rates that the format does not have are
    resampled to the next one that it has; Opus always to 48 kHz.

    Args:
        path: where to, hidden from others until it is complete.
        samples: (channels, samples), full scale ±1.
        sample_rate: samples per second.
        sample_format: of FLAC: "s16" or "s24".
        output: the format, and its bit rate.
        layout: FFmpeg's name of the channels' arrangement, None where unknown.
        tags: title, artist and so on.

    Returns:
        How many samples were clipped, in FLAC.

    Raises:
        SoundsiftError: the format can't hold so many channels, or the file can't be written.
    """
    how = coder(output, path.suffix)
    if how is None:
        raise ValueError(f"{output.format} is not coded")
    channels = samples.shape[0]
    written = how.layout(layout, channels)
    rate = how.rate(sample_rate)
    clipped = 0
    if output.lossless:
        steps, clipped = to_steps(samples, sample_format)
        # FFmpeg keeps 24 bits in the upper ones of 32.
        wave = steps.astype(np.int16) if sample_format == "s16" else steps << 8
        kind = "s16" if sample_format == "s16" else "s32"
    else:
        wave, kind = resample(samples, sample_rate, rate), how.samples
    try:
        # Bit exact: no version and no random serial number, so the same sound is the same file.
        with av.open(
            str(path), "w", format=how.container, options={"fflags": "bitexact"}
        ) as container:
            container.metadata.update(tags or {})
            bits = None if output.lossless else output.bits_per_second(channels)
            stream = add_sound(container, how.codec, rate, written, kind, bits)
            for frame in frames(wave, rate, written, kind):
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except (av.FFmpegError, ValueError) as error:
        raise SoundsiftError(
            f"{how.name} can't be written ({channels} channels at {rate} Hz: {error}); another "
            "--format, such as wav, was expected."
        ) from error
    return clipped


def add_sound(
    container: Any, codec: str, rate: int, layout: str, kind: str, bits_per_second: int | None
) -> Any:
    """A sound track in a file that is being written.

    Args:
        container: the open file.
        codec: FFmpeg's name of the encoder.
        rate: samples per second.
        layout: FFmpeg's name of the channels' arrangement.
        kind: FFmpeg's name of the samples' format.
        bits_per_second: None for lossless codecs.
    """
    stream = container.add_stream(codec, rate=rate)
    stream.layout, stream.format = layout, kind
    stream.codec_context.time_base = Fraction(1, rate)
    if bits_per_second is not None:
        stream.bit_rate = bits_per_second
    return stream


def frames(wave: np.ndarray, rate: int, layout: str, kind: str, *, first: int = 0) -> Iterator[Any]:
    """Samples in blocks, as encoders take them.

    Args:
        wave: (channels, samples), in the type of `kind`.
        rate: samples per second.
        layout: FFmpeg's name of the channels' arrangement.
        kind: FFmpeg's name of the samples' format.
        first: time of the first sample, in samples.
    """
    for start in range(0, wave.shape[1], _BLOCK):
        block = wave[:, start : start + _BLOCK]
        planar = kind.endswith("p")
        data = np.ascontiguousarray(block if planar else block.T.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(data, kind, layout)
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = first + start
        yield frame
