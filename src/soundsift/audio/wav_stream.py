"""Sound through pipes: PCM samples or a WAV file, as they arrive and as they are ready."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from soundsift.audio.normalisation import LOUDEST
from soundsift.errors import SoundsiftError

_FORMATS = {"s16": 2, "s24": 3, "f32": 4}
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
# What programs write as the size of a WAV whose end they don't know yet.
_ENDLESS = 0x7FFFF000
_LONGEST_CHUNK, _MOST_CHUNKS = 2**24, 100
_LEAST_RATE, _MOST_RATE, _MOST_CHANNELS = 1000, 768_000, 64
# Between two looks at a pipe that does not block.
_WAIT_SECONDS = 0.005


@dataclass(frozen=True)
class PipeFormat:
    """How the samples in a pipe are written: interleaved, little-endian.

    Attributes:
        sample_rate: samples per second.
        channels: how many.
        sample_format: "s16", "s24" or "f32".
        length: samples per channel; None for as many as come.
    """

    sample_rate: int
    channels: int
    sample_format: str
    length: int | None = None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one moment, all channels."""
        return self.channels * _FORMATS[self.sample_format]


def read_wav_header(pipe: BinaryIO) -> PipeFormat:
    """Read a WAV file up to its first sample.

    Args:
        pipe: that it comes from; need not be seekable.

    Raises:
        SoundsiftError: it is no WAV, or none of 16 or 24 bits or 32-bit floats.
    """
    head = _exactly(pipe, 12)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        raise SoundsiftError(
            "what arrives on standard input is no WAV file; WAV, or --format s16le or f32le with "
            "--rate and --channels, was expected."
        )
    form: PipeFormat | None = None
    long_size = None
    for _ in range(_MOST_CHUNKS):
        name, size = struct.unpack("<4sI", _exactly(pipe, 8))
        if name == b"data":
            break
        if size > _LONGEST_CHUNK:
            raise SoundsiftError("the WAV file on standard input has a damaged header.")
        body = _exactly(pipe, size + size % 2)
        if name == b"fmt ":
            form = _parse_format(body)
        elif name == b"ds64" and len(body) >= 16:
            long_size = struct.unpack_from("<Q", body, 8)[0]
    else:
        raise SoundsiftError("the WAV file on standard input has no sound after its header.")
    if form is None:
        raise SoundsiftError("the WAV file on standard input does not say what its samples are.")
    if size == 0xFFFFFFFF and long_size:
        size = long_size
    # RF64 that is streamed has a long size as well, of 0.
    elif size == 0 or size >= _ENDLESS:
        return form
    return PipeFormat(form.sample_rate, form.channels, form.sample_format, size // form.frame_bytes)


def read_blocks(pipe: BinaryIO, form: PipeFormat, seconds: float) -> Iterator[np.ndarray]:
    """Samples as they arrive, until the pipe is closed or all that was announced is there.

    Args:
        pipe: open; may be non-blocking.
        form: of the samples.
        seconds: length of a block; the last one may be shorter.

    Yields:
        float32 `(channels, samples)`, full scale ±1. A last sample that is cut off is dropped.

    Raises:
        SoundsiftError: a sample is NaN, infinite, or far beyond what sound can be.
    """
    size = max(1, round(seconds * form.sample_rate)) * form.frame_bytes
    left = None if form.length is None else form.length * form.frame_bytes
    done = 0
    while left is None or left > 0:
        data = _up_to(pipe, size if left is None else min(size, left))
        if whole := len(data) // form.frame_bytes * form.frame_bytes:
            block = from_bytes(data[:whole], form)
            _check_samples(block, done / form.sample_rate)
            done += block.shape[1]
            yield block
        if len(data) < size:
            return
        left = None if left is None else left - len(data)


def _check_samples(block: np.ndarray, start: float) -> None:
    peak = float(np.abs(block).max())
    # NaN is not below anything.
    if not peak <= LOUDEST:
        raise SoundsiftError(
            f"standard input holds a sample of {peak:g} shortly after {start:.2f} s, "
            "where full scale is 1. Check its format (--format, --rate and --channels)."
        )


def from_bytes(data: bytes, form: PipeFormat) -> np.ndarray:
    """Interleaved samples as float32 `(channels, samples)`, full scale ±1; whole moments only."""
    if form.sample_format == "f32":
        return np.frombuffer(data, "<f4").reshape(-1, form.channels).T.astype(np.float32)
    if form.sample_format == "s16":
        steps, scale = np.frombuffer(data, "<i2"), 2.0**-15
    else:
        # Into the upper three bytes of 32 bits.
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        steps, scale = wide.view("<i4")[:, 0] >> 8, 2.0**-23
    return steps.reshape(-1, form.channels).T.astype(np.float32) * np.float32(scale)


def _parse_format(body: bytes) -> PipeFormat:
    if len(body) < 16:
        raise SoundsiftError("the WAV file on standard input has a damaged header.")
    tag, channels, rate, _, align, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = struct.unpack_from("<H", body, 24)[0]
    known = {(_PCM, 16): "s16", (_PCM, 24): "s24", (_FLOAT, 32): "f32"}
    if (tag, bits) not in known or not channels or not rate or align != channels * bits // 8:
        raise SoundsiftError(
            f"the WAV file on standard input has samples of kind {tag} with {bits} bits, "
            f"{channels} channels at {rate} Hz; 16 or 24 bits or 32-bit floats were expected."
        )
    if not _LEAST_RATE <= rate <= _MOST_RATE or channels > _MOST_CHANNELS:
        raise SoundsiftError(
            f"the WAV file on standard input has {channels} channels at {rate} Hz. Send at most "
            f"{_MOST_CHANNELS} channels, at {_LEAST_RATE} to {_MOST_RATE} Hz."
        )
    return PipeFormat(rate, channels, known[tag, bits])


def _exactly(pipe: BinaryIO, count: int) -> bytes:
    data = _up_to(pipe, count)
    if len(data) < count:
        raise SoundsiftError(
            "standard input ended before there was any sound; a WAV file was expected."
        )
    return data


def _up_to(pipe: BinaryIO, count: int) -> bytes:
    """This many bytes, fewer only where the pipe ends."""
    parts = []
    while count > 0:
        part: bytes | None = pipe.read(count)
        if part is None:
            # A parent process made the pipe non-blocking, and nothing is there yet.
            time.sleep(_WAIT_SECONDS)
        elif part:
            parts.append(part)
            count -= len(part)
        else:
            break
    return b"".join(parts)
