"""The length that a container states, to notice files that were cut off.

Only what the container itself promises counts: a number of samples or bytes in its header. What
FFmpeg estimates from the bit rate, or reads from the last page present, is no promise; nor is what
programs write that do not know the length yet.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av

from soundsift.audio.tracks import seconds

# Containers whose stream duration is a number of samples in the header.
_COUNTS_SAMPLES = {"mov", "flac", "tta", "wv", "ape"}

# More chunks than any recording has.
_MOST_CHUNKS = 100_000

_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def stated_seconds(container: Any, stream: Any) -> Fraction | None:
    """Length of a sound track by its header, counted from its first sample; None if not stated.

    MP3 is left to `mp3_seconds`, which needs to know the first packet.
    """
    kinds = set(container.format.name.split(","))
    if kinds & _COUNTS_SAMPLES:
        return seconds(stream.duration or None, stream.time_base)
    if "matroska" not in kinds:
        return None
    whole = Fraction(container.duration, av.time_base) if container.duration else None
    end = _clock_time(stream.metadata.get("DURATION", ""))
    if end is None:
        # The container's own length is that of its longest track, which may be the picture.
        end = whole if len(container.streams) == 1 else None
    elif whole is not None:
        # A tag that an earlier version of the file left behind promises nothing.
        end = min(end, whole)
    # It is when the track ends, and a track may begin later than the file.
    begin = max(Fraction(0), seconds(stream.start_time, stream.time_base) or Fraction(0))
    return None if end is None else end - begin


def _clock_time(text: str) -> Fraction | None:
    try:
        hours, minutes, rest = text.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(rest)
    except (ValueError, ZeroDivisionError):
        return None


# --- MP3 ------------------------------------------------------------------------------------------

_MP3_KILOBITS = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MP3_RATES = (44100, 48000, 32000)
_LONGEST_MP3_FRAME = 1441


def mp3_seconds(path: Path, first_packet: int | None) -> Fraction | None:
    """Length of an MP3 by its Xing, Info or VBRI header; None if it has none.

    Args:
        path: the file.
        first_packet: where the first frame of sound begins; the header is in the frame before.
    """
    if not first_packet:
        return None
    with path.open("rb") as file:
        start = max(0, first_packet - _LONGEST_MP3_FRAME)
        file.seek(start)
        data = file.read(first_packet - start)
    for at in range(len(data) - 4):
        if data[at] == 0xFF and (found := _mp3_header(data[at:])) is not None:
            return found
    return None


def _mp3_header(frame: bytes) -> Fraction | None:
    """Length by a header frame that is exactly these bytes; None if they are no such frame."""
    version, layer = frame[1] >> 3 & 3, frame[1] >> 1 & 3
    kilobits, rate = frame[2] >> 4, frame[2] >> 2 & 3
    if frame[1] >> 5 != 7 or version == 1 or layer != 1 or kilobits in (0, 15) or rate == 3:
        return None
    full = version == 3
    sample_rate = _MP3_RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    per_frame = 1152 if full else 576
    size = per_frame * 125 * _MP3_KILOBITS[full][kilobits] // sample_rate + (frame[2] >> 1 & 1)
    if size != len(frame):
        return None
    mono = frame[3] >> 6 == 3
    side = (17 if mono else 32) if full else (9 if mono else 17)
    frames = trimmed = 0
    xing = frame[4 + side :]
    if xing[:4] in (b"Xing", b"Info") and len(xing) >= 12:
        flags, frames = struct.unpack_from(">II", xing, 4)
        frames = frames if flags & 1 else 0
        # Behind numbers of frames and bytes, table of contents and quality, as far as present.
        lame = 8 + 4 * bool(flags & 1) + 4 * bool(flags & 2) + 100 * bool(flags & 4)
        lame += 4 * bool(flags & 8)
        if len(xing) >= lame + 24 and xing[lame : lame + 4] in (b"LAME", b"Lavc", b"Lavf"):
            delays = int.from_bytes(xing[lame + 21 : lame + 24], "big")
            trimmed = (delays >> 12) + (delays & 0xFFF)
    elif frame[36:40] == b"VBRI" and len(frame) >= 54:
        (frames,) = struct.unpack_from(">I", frame, 50)
    samples = frames * per_frame - trimmed
    return Fraction(samples, sample_rate) if frames and samples > 0 else None


# --- share of the announced bytes -----------------------------------------------------------------


def share_present(path: Path, container_name: str) -> Fraction:
    """How much of the sound data that its container announces a file holds, in bytes.

    Args:
        path: the file.
        container_name: FFmpeg's name of the container.

    Returns:
        0 to 1; 1 where nothing is announced.
    """
    counters = [_COUNTERS[name] for name in container_name.split(",") if name in _COUNTERS]
    if not counters:
        return Fraction(1)
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        try:
            announced, present = counters[0](file, size)
        except (struct.error, OSError, OverflowError):
            # The header itself is cut off, or names places that no file has.
            return Fraction(1)
    return Fraction(present, announced) if 0 < present < announced else Fraction(1)


Counter = Callable[[BinaryIO, int], tuple[int, int]]
"""From a file and its size to the bytes of sound that are announced, and those that are there."""

_NOTHING = (0, 0)


def _is_placeholder(size: int) -> bool:
    """Whether a length of 32 bits is what programs write that do not know it yet."""
    return size == 0 or 0x7FFFF000 <= size <= 0x80000100 or size >= 0xFFFFF000


def _unpack(file: BinaryIO, layout: str) -> tuple[Any, ...]:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))


def _wav(file: BinaryIO, size: int) -> tuple[int, int]:
    magic = file.read(4)
    order = ">" if magic == b"RIFX" else "<"
    file.seek(12)
    long_size = None
    for _ in range(_MOST_CHUNKS):
        name, length = _unpack(file, f"{order}4sI")
        body = file.tell()
        if name == b"ds64":
            long_size = _unpack(file, "<QQ")[1]
        if name == b"data":
            if length == 0xFFFFFFFF and long_size:
                length = long_size
            elif _is_placeholder(length):
                return _NOTHING
            return length, size - body
        file.seek(body + length + length % 2)
    return _NOTHING


def _w64(file: BinaryIO, size: int) -> tuple[int, int]:
    file.seek(40)
    for _ in range(_MOST_CHUNKS):
        start = file.tell()
        name, length = _unpack(file, "<16sQ")
        if name == _W64_DATA:
            # The length includes the chunk's own header.
            known = 24 < length < 1 << 62
            return (length - 24, size - start - 24) if known else _NOTHING
        file.seek(start + max(24, length + -length % 8))
    return _NOTHING


def _iff(data: bytes) -> Counter:
    """AIFF and other big-endian IFF files."""

    def count(file: BinaryIO, size: int) -> tuple[int, int]:
        file.seek(12)
        for _ in range(_MOST_CHUNKS):
            name, length = _unpack(file, ">4sI")
            body = file.tell()
            if name == data:
                return _NOTHING if _is_placeholder(length) else (length, size - body)
            file.seek(body + length + length % 2)
        return _NOTHING

    return count


def _caf(file: BinaryIO, size: int) -> tuple[int, int]:
    file.seek(8)
    for _ in range(_MOST_CHUNKS):
        name, length = _unpack(file, ">4sq")
        body = file.tell()
        if name == b"data":
            return (length, size - body) if length > 0 else _NOTHING
        file.seek(body + max(0, length))
    return _NOTHING


def _au(file: BinaryIO, size: int) -> tuple[int, int]:
    _, start, length = _unpack(file, ">4sII")
    return _NOTHING if _is_placeholder(length) else (length, size - start)


def _voc(file: BinaryIO, size: int) -> tuple[int, int]:
    file.seek(20)
    (position,) = _unpack(file, "<H")
    announced = present = 0
    for _ in range(_MOST_CHUNKS):
        file.seek(position)
        header = file.read(4)
        if len(header) < 4 or header[0] == 0:
            break
        length = int.from_bytes(header[1:], "little")
        announced += length
        present += min(length, size - position - 4)
        position += 4 + length
    return announced, present


def _avi(file: BinaryIO, size: int) -> tuple[int, int]:
    announced = present = 0
    for _ in range(_MOST_CHUNKS):
        header = file.read(12)
        if len(header) < 12:
            break
        name, length, kind = struct.unpack("<4sI4s", header)
        if name == b"RIFF":
            continue
        body = file.tell() - 4
        if name == b"LIST" and kind == b"movi":
            if _is_placeholder(length):
                return _NOTHING
            announced += length
            present += min(length, size - body)
        file.seek(body + length + length % 2)
    return announced, present


def _mp4(file: BinaryIO, size: int) -> tuple[int, int]:
    announced = present = 0
    for _ in range(_MOST_CHUNKS):
        start = file.tell()
        header = file.read(16)
        if len(header) < 8:
            break
        length, name = struct.unpack_from(">I4s", header)
        if length == 1 and len(header) == 16:
            (length,) = struct.unpack_from(">Q", header, 8)
        if length < 8:
            # 0: up to the end of the file.
            break
        if name == b"mdat":
            announced += length
            present += min(length, size - start)
        file.seek(start + length)
    return announced, present


def _matroska(file: BinaryIO, size: int) -> tuple[int, int]:
    for _ in range(_MOST_CHUNKS):
        name, length = _ebml_number(file, marker=True), _ebml_number(file, marker=False)
        if length is None:
            break
        if name == 0x18538067:
            return length, size - file.tell()
        file.seek(length, io.SEEK_CUR)
    return _NOTHING


def _ebml_number(file: BinaryIO, *, marker: bool) -> int | None:
    """A number of variable length; None where it is unknown (all ones) or cut off."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    extra = 8 - first[0].bit_length()
    rest = file.read(extra)
    value = int.from_bytes(first + rest, "big")
    bits = 7 * (extra + 1)
    if len(rest) < extra or (not marker and value & (1 << bits) - 1 == (1 << bits) - 1):
        return None
    return value if marker else value & (1 << bits) - 1


def _asf(file: BinaryIO, size: int) -> tuple[int, int]:
    file.seek(30)
    for _ in range(_MOST_CHUNKS):
        start = file.tell()
        name, length = _unpack(file, "<16sQ")
        if name == _ASF_PROPERTIES:
            file.seek(start + 40)
            (announced,) = _unpack(file, "<Q")
            file.seek(start + 88)
            broadcast = _unpack(file, "<I")[0] & 1
            return _NOTHING if broadcast else (announced, size)
        file.seek(start + max(24, length))
    return _NOTHING


_COUNTERS: dict[str, Counter] = {
    "wav": _wav,
    "w64": _w64,
    "aiff": _iff(b"SSND"),
    "iff": _iff(b"BODY"),
    "caf": _caf,
    "au": _au,
    "voc": _voc,
    "avi": _avi,
    "mov": _mp4,
    "matroska": _matroska,
    "asf": _asf,
}
