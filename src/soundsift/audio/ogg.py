"""Ogg files: their links, which FFmpeg and libsndfile do not both read, and Ogg Vorbis."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from soundsift.audio.layouts import VORBIS_ORDER

_PAGE_HEADER = 27
_BEGINS_STREAM = 2
_SEARCHED = 1 << 16


def ogg_links(path: Path) -> list[tuple[int, int]]:
    """Byte ranges of the links of a chained Ogg file, one after the other.

    A link is a complete Ogg file (RFC 3533); radio recordings have one for each song.

    Args:
        path: an Ogg file.

    Returns:
        (start, end) of each link; a single one for most files.
    """
    starts: list[int] = []
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        position, in_header = 0, False
        while position < size:
            file.seek(position)
            header = file.read(_PAGE_HEADER)
            if len(header) < _PAGE_HEADER:
                break
            if header[:4] != b"OggS":
                position = _next_page(file, position + 1)
                continue
            begins = bool(header[5] & _BEGINS_STREAM)
            # A link may begin several streams, sound and picture.
            if begins and not in_header:
                starts.append(position)
            in_header = begins
            position += _PAGE_HEADER + header[26] + sum(file.read(header[26]))
    starts = starts or [0]
    return list(zip(starts, [*starts[1:], size], strict=True))


def _next_page(file: BinaryIO, position: int) -> int:
    """Where the next page begins, or nearly so; the end of the file if nowhere."""
    while True:
        file.seek(position)
        data = file.read(_SEARCHED)
        found = data.find(b"OggS")
        if found >= 0:
            return position + found
        if len(data) < _SEARCHED:
            return position + len(data)
        position += len(data) - 3


def sound_pages(path: Path, link: tuple[int, int]) -> int:
    """Pages of a link that end with sound, up to two."""
    count = 0
    with path.open("rb") as file:
        position = link[0]
        while position < link[1] and count < 2:
            file.seek(position)
            header = file.read(_PAGE_HEADER)
            if len(header) < _PAGE_HEADER or header[:4] != b"OggS":
                break
            granule = struct.unpack_from("<q", header, 6)[0]
            count += granule > 0
            position += _PAGE_HEADER + header[26] + sum(file.read(header[26]))
    return count


class FilePart(io.RawIOBase):
    """A range of bytes of a file, read as a file.

    Args:
        path: the file.
        start: first byte.
        end: byte after the last.
    """

    def __init__(self, path: Path, start: int, end: int) -> None:
        self._file = path.open("rb")
        self._start, self._size, self._position = start, end - start, 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a position in the range."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = min(max(0, base + offset), self._size)
        return self._position

    def tell(self) -> int:
        """Position in the range."""
        return self._position

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill a buffer; returns how many bytes there were."""
        self._file.seek(self._start + self._position)
        data = self._file.read(min(len(buffer), self._size - self._position))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def vorbis_blocks(file: soundfile.SoundFile) -> Iterator[np.ndarray]:
    """Sound of an Ogg Vorbis file by libsndfile, a second at a time.

    Yields:
        float32 `(channels, samples)`, channels in the order of FFmpeg's layouts.
    """
    # libsndfile leaves the channels in the order in which Vorbis stores them.
    order = VORBIS_ORDER.get(file.channels, slice(None))
    for block in file.blocks(int(file.samplerate), dtype="float32", always_2d=True):
        # A copy: the next block is read into the same memory.
        yield block.T[order].copy()
