"""WAV and raw PCM from pipes, block by block."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from soundsift.audio.limits import RecordingLimits
from soundsift.audio.normalisation import LOUDEST
from soundsift.errors import SoundsiftError

_FORMATS = {"s16": 2, "s24": 3, "f32": 4}
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_DAMAGED = "the WAV file on standard input has a damaged header. Send it again."
# Size that programs write for a WAV of unknown length.
_ENDLESS = 0x7FFFF000
_LONGEST_CHUNK, _MOST_CHUNKS = 2**24, 100
# Between two looks at a pipe that does not block.
_WAIT_SECONDS = 0.005


@dataclass(frozen=True)
class PipeFormat:
    """Format of a pipe's samples: interleaved, little-endian.

    Attributes:
        sample_rate: Samples per second.
        channels: Number of channels.
        sample_format: "s16", "s24" or "f32".
        length: Samples per channel; None if unknown.
    """

    sample_rate: int
    channels: int
    sample_format: str
    length: int | None = None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * _FORMATS[self.sample_format]


def read_wav_header(pipe: BinaryIO) -> PipeFormat:
    """Read a WAV header, up to the first sample.

    Args:
        pipe: The pipe; need not be seekable.

    Raises:
        SoundsiftError: Not a WAV file, or another sample format than 16 or 24 bits or 32-bit
            floats.
    """
    head = _exactly(pipe, 12)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        raise SoundsiftError(
            "standard input is no WAV file. Send WAV, or name the format of raw samples with "
            "--format s16le or f32le, --rate and --channels."
        )
    form: PipeFormat | None = None
    long_size = None
    for _ in range(_MOST_CHUNKS):
        name, size = struct.unpack("<4sI", _exactly(pipe, 8))
        if name == b"data":
            break
        if size > _LONGEST_CHUNK:
            raise SoundsiftError(
                "the WAV file on standard input has a damaged header. Send it again."
            )
        body = _exactly(pipe, size + size % 2)
        if name == b"fmt ":
            form = _parse_format(body)
        elif name == b"ds64" and len(body) >= 16:
            long_size = struct.unpack_from("<Q", body, 8)[0]
    else:
        raise SoundsiftError(_DAMAGED)
    if form is None:
        raise SoundsiftError("the WAV file on standard input has no format chunk. Send it again.")
    if size == 0xFFFFFFFF and long_size:
        size = long_size
    # A streamed RF64 has a long size of 0.
    elif size == 0 or size >= _ENDLESS:
        return form
    return PipeFormat(form.sample_rate, form.channels, form.sample_format, size // form.frame_bytes)


def read_blocks(pipe: BinaryIO, form: PipeFormat, seconds: float) -> Iterator[np.ndarray]:
    """Read samples until the pipe is closed or the stated length is reached.

    Args:
        pipe: The open pipe; may be non-blocking.
        form: Format of the samples.
        seconds: Length of a block; the last one may be shorter.

    Yields:
        float32 `(channels, samples)`, full scale ±1. An incomplete last sample is dropped.

    Raises:
        SoundsiftError: A sample is NaN, infinite, or larger than 2**32.
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
    # Comparisons with NaN are false.
    if not peak <= LOUDEST:
        raise SoundsiftError(
            f"standard input holds a sample of {peak:g} shortly after {start:.2f} s, "
            "where full scale is 1. Check its format (--format, --rate and --channels)."
        )


def from_bytes(data: bytes, form: PipeFormat) -> np.ndarray:
    """Interleaved samples as float32 `(channels, samples)`, full scale ±1."""
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
        raise SoundsiftError(_DAMAGED)
    tag, channels, rate, _, align, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = struct.unpack_from("<H", body, 24)[0]
    known = {(_PCM, 16): "s16", (_PCM, 24): "s24", (_FLOAT, 32): "f32"}
    if (tag, bits) not in known or not channels or not rate or align != channels * bits // 8:
        raise SoundsiftError(
            f"the WAV file on standard input has samples of type {tag} with {bits} bits, "
            f"{channels} channels at {rate} Hz. Send 16 or 24 bits or 32-bit floats."
        )
    RecordingLimits().check_kind("the WAV file on standard input", rate, channels)
    return PipeFormat(rate, channels, known[tag, bits])


def _exactly(pipe: BinaryIO, count: int) -> bytes:
    data = _up_to(pipe, count)
    if len(data) < count:
        raise SoundsiftError(
            "standard input ended before there was any sound. Send a whole WAV file."
        )
    return data


def _up_to(pipe: BinaryIO, count: int) -> bytes:
    """Read this many bytes, fewer only at the end of the pipe."""
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
