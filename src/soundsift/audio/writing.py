"""WAV writer.

The header is written here rather than by a library: libsndfile puts the time of day into float
WAVs, and equal separations must give equal bytes.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from soundsift.audio.atomic import atomic_file
from soundsift.audio.extras import Extras, broadcast_chunk
from soundsift.audio.layouts import wave_mask
from soundsift.audio.pcm import SAMPLE_FORMATS, to_steps
from soundsift.audio.tags import info_chunk

_BYTES = {"s16": 2, "s24": 3, "f32": 4}
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
# Front centre; front left and front right.
_PLAIN_MASKS = {1: 0b100, 2: 0b011}
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")

# Frames converted at a time, so that a long recording isn't held in memory twice.
_BLOCK = 2**18


@dataclass(frozen=True)
class SoundFacts:
    """Properties of a sound that headers need.

    Attributes:
        channels: Number of channels.
        sample_rate: Samples per second.
        length: Samples per channel; None while unknown.
        layout: FFmpeg's name of the channel layout, None where unknown.
        tags: Title, artist and other tags.
        extras: Cover, chapters and a broadcast wave's time stamp.
    """

    channels: int
    sample_rate: int
    length: int | None = None
    layout: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    extras: Extras = field(default_factory=Extras)


class WavFile:
    """WAV file, written block by block.

    Args:
        file: The file or pipe; the header is written at once.
        facts: Properties of the sound. Without a length, the header has the size that programs
            take for "until the end of the pipe".
        sample_format: "s16", "s24" or "f32".

    Attributes:
        clipped: Number of samples clipped so far.

    Raises:
        ValueError: Unknown sample format.
    """

    def __init__(self, file: BinaryIO, facts: SoundFacts, sample_format: str) -> None:
        if sample_format not in SAMPLE_FORMATS:
            raise ValueError(f"expected one of {', '.join(SAMPLE_FORMATS)}, not {sample_format!r}")
        self.clipped = 0
        self._file, self._facts, self._format = file, facts, sample_format
        self._count = 0
        mask = wave_mask(facts.layout, facts.channels)
        info = broadcast_chunk(facts.extras.broadcast) + info_chunk(facts.tags)
        file.write(
            _header(facts.channels, facts.length, facts.sample_rate, sample_format, mask, info)
        )

    def write(self, block: np.ndarray) -> None:
        """Write samples `(channels, samples)`, full scale ±1.

        Raises:
            ValueError: NaN or infinite values, or a wrong number of channels.
        """
        if block.ndim != 2 or block.shape[0] != self._facts.channels:
            raise ValueError(f"expected {self._facts.channels} channels, not {block.shape}")
        data, clipped = encode_samples(block, self._format)
        self._file.write(data)
        self.clipped += clipped
        self._count += block.shape[1]

    def finish(self) -> None:
        """Write the padding at the end.

        Raises:
            ValueError: The length differs from that in the header.
        """
        if self._facts.length not in (None, self._count):
            raise ValueError(f"expected {self._facts.length} samples, not {self._count}")
        size = self._count * self._facts.channels * _BYTES[self._format]
        # Chunks are padded to an even number of bytes.
        self._file.write(b"\0" * (size % 2))


def write(
    path: str | Path,
    samples: np.ndarray,
    sample_rate: int,
    sample_format: str,
    overwrite: bool = False,
    *,
    layout: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> int:
    """Write a WAV file atomically: other programs see the whole file or none.

    Missing folders are made. Integer formats round to the nearest step without dither, so that
    target and residual still sum to the mixture, and clip at full scale. float32 does not clip.

    Args:
        path: The file.
        samples: `(channels, samples)`, full scale ±1.
        sample_rate: Samples per second.
        sample_format: "s16", "s24" or "f32".
        overwrite: Whether to replace an existing file.
        layout: FFmpeg's name of the channel layout; mono and stereo need none.
        tags: Title, artist and other tags; WAV has a place for some of them.

    Returns:
        Number of samples clipped; 0 for "f32".

    Raises:
        SoundsiftError: The file exists and `overwrite` is off, the folder can't be written, or the
            disk is full.
        ValueError: Samples of another shape, NaN among them, or an unknown sample format.
    """
    if samples.ndim != 2 or samples.shape[0] == 0:
        raise ValueError(f"expected samples of shape (channels, samples), not {samples.shape}")
    channels, count = samples.shape
    facts = SoundFacts(channels, sample_rate, count, layout, tags or {})
    with atomic_file(path, overwrite=overwrite) as file:
        wav = WavFile(file, facts, sample_format)
        for start in range(0, count, _BLOCK):
            wav.write(samples[:, start : start + _BLOCK])
        wav.finish()
    return wav.clipped


def encode_samples(samples: np.ndarray, sample_format: str) -> tuple[bytes, int]:
    """Interleaved little-endian bytes, and the number of samples clipped.

    Args:
        samples: `(channels, samples)`, full scale ±1.
        sample_format: "s16", "s24" or "f32".

    Raises:
        ValueError: NaN or infinite samples.
    """
    if not np.isfinite(samples).all():
        raise ValueError("NaN or infinite values among the samples to be written")
    if sample_format == "f32":
        return samples.T.astype("<f4").tobytes(), 0
    steps, clipped = to_steps(samples.T, sample_format)
    if sample_format == "s16":
        return steps.astype("<i2").tobytes(), clipped
    # Three low bytes of each little-endian 32-bit number.
    steps = np.ascontiguousarray(steps, dtype="<i4")
    return steps.view(np.uint8).reshape(-1, 4)[:, :3].tobytes(), clipped


def _header(
    channels: int,
    count: int | None,
    rate: int,
    sample_format: str,
    mask: int = 0,
    info: bytes = b"",
) -> bytes:
    """Header of a WAV file; RF64 if it is larger than four gigabytes."""
    unknown = 0xFFFFFFFF
    width = _BYTES[sample_format]
    tag = _FLOAT if sample_format == "f32" else _PCM
    # More than two channels, and fewer that belong to unusual loudspeakers, need the extensible
    # header; for mono and stereo the plain one is understood more widely.
    extensible = channels > 2 or mask not in (0, _PLAIN_MASKS.get(channels))
    block = channels * width
    fmt = struct.pack(
        "<HHIIHH",
        _EXTENSIBLE if extensible else tag,
        channels,
        rate,
        rate * block,
        block,
        8 * width,
    )
    if extensible:
        fmt += struct.pack("<HHIH", 22, 8 * width, mask, tag) + _GUID_TAIL
    elif tag == _FLOAT:
        fmt += struct.pack("<H", 0)
    chunks = struct.pack("<4sI", b"fmt ", len(fmt)) + fmt
    if tag == _FLOAT:
        chunks += struct.pack(
            "<4sII", b"fact", 4, unknown if count is None else min(count, unknown)
        )
    chunks += info
    if count is None:
        return (
            struct.pack("<4sI4s", b"RIFF", unknown, b"WAVE")
            + chunks
            + struct.pack("<4sI", b"data", unknown)
        )
    size = count * block
    total = 4 + len(chunks) + 8 + size + size % 2
    if total < 2**32:
        return (
            struct.pack("<4sI4s", b"RIFF", total, b"WAVE")
            + chunks
            + struct.pack("<4sI", b"data", size)
        )
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, total + 36, size, count, 0)
    return (
        struct.pack("<4sI4s", b"RF64", unknown, b"WAVE")
        + sizes
        + chunks
        + struct.pack("<4sI", b"data", unknown)
    )
