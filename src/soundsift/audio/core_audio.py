"""Loudspeakers of CAF, AIFF and QuickTime files, from their own channel layout chunk.

FFmpeg reads it, too; but where channels are stored in an order of their own, PyAV frees FFmpeg's
list of them twice and the process ends. So the list is read here, FFmpeg is told the number of
channels only, and the channels are put into FFmpeg's order.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from soundsift.audio.layouts import SPEAKER_BITS, native_order
from soundsift.audio.tracks import codec_name
from soundsift.errors import SoundsiftError

_DESCRIPTIONS, _BITMAP = 0, 1

# Loudspeakers of Apple's channel layout tags without their lower 16 bits, the number of channels
# (CoreAudioBaseTypes.h).
_TAGS = {
    100: "FC",
    101: "FL FR",
    103: "DL DR",
    108: "FL FR SL SR",
    109: "FL FR SL SR FC",
    113: "FL FR FC",
    114: "FC FL FR",
    115: "FL FR FC BC",
    116: "FC FL FR BC",
    117: "FL FR FC SL SR",
    118: "FL FR SL SR FC",
    119: "FL FC FR SL SR",
    120: "FC FL FR SL SR",
    121: "FL FR FC LFE SL SR",
    122: "FL FR SL SR FC LFE",
    123: "FL FC FR SL SR LFE",
    124: "FC FL FR SL SR LFE",
    125: "FL FR FC LFE SL SR BC",
    126: "FL FR FC LFE BL BR FLC FRC",
    127: "FC FLC FRC FL FR SL SR LFE",
    128: "FL FR FC LFE SL SR BL BR",
    129: "FL FR SL SR FC LFE FLC FRC",
    131: "FL FR BC",
    132: "FL FR SL SR",
    133: "FL FR LFE",
    134: "FL FR LFE BC",
    135: "FL FR LFE SL SR",
    136: "FL FR FC LFE",
    137: "FL FR FC LFE BC",
    138: "FL FR SL SR LFE",
    139: "FL FR FC SL SR BC",
    140: "FL FR FC SL SR BC LFE",
    141: "FC LFE",
    142: "FC FL FR SL SR BC",
}

# Labels of single channels: the first 18 are those of a WAV header's mask, one by one.
_LABELS = {bit + 1: name for name, bit in SPEAKER_BITS.items() if bit < 18} | {
    33: "BL",
    34: "BR",
    38: "DL",
    39: "DR",
}

# A table of contents is no longer than this.
_MOST_BYTES = 1 << 26
_MOST_CHUNKS = 10_000
_LONGEST_LIST = 24 + 20 * 512

Chunks = Iterator[tuple[bytes, bytes]]


def settle_layout(path: Path, container: Any, stream: Any) -> tuple[str | None, list[int]] | None:
    """Make a track safe to decode that may store its channels in an order of their own.

    To be called before anything is decoded.

    Args:
        path: the file.
        container: PyAV's, open for reading.
        stream: the sound track, with a decoder.

    Returns:
        For raw samples with a list of loudspeakers, FFmpeg's layout (None where it is unknown) and
        for each of its channels, which decoded one it is. Otherwise None.

    Raises:
        SoundsiftError: the header is damaged.
    """
    found = stored_speakers(path, container.format.name, stream.index)
    if found is None:
        return None
    channels, speakers = found
    if not channels:
        raise SoundsiftError(f"{path} is damaged: its header states 0 channels.")
    layout, order = native_order(speakers)
    # FFmpeg's own list may be one that PyAV frees twice, whatever is in the file.
    stream.codec_context.layout = layout or f"{channels} channels"
    # Other decoders than PCM have an order of their own.
    return (layout, order) if (codec_name(stream) or "").startswith("pcm_") else None


def stored_speakers(path: Path, container_name: str, index: int) -> tuple[int, list[str]] | None:
    """The loudspeakers of a track's channels in the order in which they are stored.

    Args:
        path: a file.
        container_name: FFmpeg's name of the container.
        index: number of the track in the file.

    Returns:
        Number of channels, and FFmpeg's names, "?" for channels without; None where the file has no
        such list, or is of another kind.
    """
    for kind, read in _READERS.items():
        if kind in container_name.split(","):
            with path.open("rb") as file, suppress(struct.error, OSError, OverflowError):
                channels, found = read(file, index)
                if found:
                    return channels, _speakers(found, channels)
    return None


def _caf(file: BinaryIO, index: int) -> tuple[int, bytes]:  # noqa: ARG001
    file.seek(8)
    chunks = dict(_chunks(file, ">4sq", {b"desc", b"chan"}))
    return struct.unpack_from(">24xI", chunks.get(b"desc", b""))[0], chunks.get(b"chan", b"")


def _aiff(file: BinaryIO, index: int) -> tuple[int, bytes]:  # noqa: ARG001
    file.seek(12)
    chunks = dict(_chunks(file, ">4sI", {b"COMM", b"CHAN"}))
    return struct.unpack_from(">H", chunks.get(b"COMM", b""))[0], chunks.get(b"CHAN", b"")


def _mov(file: BinaryIO, index: int) -> tuple[int, bytes]:
    movies = [body for name, body in _boxes(file) if name == b"moov"]
    tracks = [
        body for movie in movies for name, body in _boxes(io.BytesIO(movie)) if name == b"trak"
    ]
    track = tracks[index] if index < len(tracks) else b""
    _, _, description = track.partition(b"stsd")
    version, channels = struct.unpack_from(">8x16xH6xH", description)
    if version == 2:
        (channels,) = struct.unpack_from(">8x16x36xI", description)
    # The list lies at the end of the description, perhaps within another box; version and flags
    # come first.
    before, _, body = description.partition(b"chan")
    size = int.from_bytes(before[-4:], "big")
    return channels, body[4:size] if 24 <= size <= _LONGEST_LIST else b""


_READERS: dict[str, Callable[[BinaryIO, int], tuple[int, bytes]]] = {
    "caf": _caf,
    "aiff": _aiff,
    "mov": _mov,
}


def _chunks(file: BinaryIO, layout: str, names: set[bytes]) -> Chunks:
    """Chunks of these names, up to the first that is damaged: name and body."""
    size, start = struct.calcsize(layout), file.tell()
    end = file.seek(0, io.SEEK_END)
    file.seek(start)
    for _ in range(_MOST_CHUNKS):
        header = file.read(size)
        if len(header) < size:
            return
        name, length = struct.unpack(layout, header)
        body = file.tell()
        if name in names:
            yield name, file.read(min(max(0, length), _MOST_BYTES))
        if not 0 <= length <= end - body:
            return
        file.seek(body + length + (length % 2 if layout == ">4sI" else 0))


def _boxes(file: BinaryIO) -> Chunks:
    """Boxes of an MP4 or QuickTime file that may hold others: name and body."""
    end = file.seek(0, io.SEEK_END)
    position = 0
    for _ in range(_MOST_CHUNKS):
        file.seek(position)
        header = file.read(8)
        if len(header) < 8:
            return
        length, name = struct.unpack(">I4s", header)
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8))
        body = file.tell()
        if name in (b"moov", b"trak"):
            yield name, file.read(min(max(0, position + length - body), _MOST_BYTES))
        if length < 8 or length > end - position:
            return
        position += length


def _speakers(data: bytes, channels: int) -> list[str]:
    """Names of the loudspeakers by a channel layout, a "?" for each where it does not fit."""
    names: list[str] = []
    tag, bitmap, count = struct.unpack_from(">III", data.ljust(12, b"\0"))
    if tag == _DESCRIPTIONS and count == channels and len(data) >= 12 + 20 * count:
        labels = (struct.unpack_from(">I", data, 12 + 20 * i)[0] for i in range(count))
        names = [_LABELS.get(label, "?") for label in labels]
    elif tag == _BITMAP:
        names = [name for name, bit in SPEAKER_BITS.items() if bitmap >> bit & 1]
    elif tag >> 16 and tag & 0xFFFF == channels:
        names = _TAGS.get(tag >> 16, "").split()
    return names if len(names) == channels else ["?"] * channels
