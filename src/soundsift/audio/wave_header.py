"""WAV headers that FFmpeg misreads: samples with fewer valid bits than they take room.

WAVE_FORMAT_EXTENSIBLE says how many bits of a sample's container are valid; they are the upper
ones (Microsoft, "Enhanced audio formats"). Windows records 24 valid bits in 32. FFmpeg takes the
number of valid bits for the size of the container. So it is given the header with both equal.
"""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import BinaryIO

_EXTENSIBLE = 0xFFFE
_RIFF = {b"RIFF", b"RF64", b"BW64"}
_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
_W64_FORMAT = b"fmt \xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
# Chunks before the format; more are a damaged or a hostile file.
_MOST_CHUNKS = 1000


class PatchedFile(io.RawIOBase):
    """A file with some bytes replaced while it is read.

    Args:
        path: the file.
        offset: where the replacement begins.
        replacement: the bytes that are read there.
    """

    def __init__(self, path: Path, offset: int, replacement: bytes) -> None:
        self._file = io.FileIO(path)
        self._offset, self._replacement = offset, replacement

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: object, /) -> int:
        """Read into a buffer; how many bytes."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        start = self._file.tell()
        count = self._file.readinto(view) or 0
        first = max(start, self._offset)
        last = min(start + count, self._offset + len(self._replacement))
        if first < last:
            part = self._replacement[first - self._offset : last - self._offset]
            view[first - start : last - start] = part
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place; -1 if there is none such, as a damaged header may ask for."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, OverflowError):
            return -1

    def tell(self) -> int:
        """The place of the next byte."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()


def with_plain_header(path: Path) -> PatchedFile | None:
    """A WAV file as FFmpeg reads it right; None where the file itself does.

    Args:
        path: any file.
    """
    try:
        with path.open("rb") as file:
            found = _format_chunk(file)
            if found is None:
                return None
            position, size = found
            file.seek(position)
            body = file.read(min(size, 40))
    except OSError:
        return None
    if len(body) < 40:
        return None
    tag, channels, _, _, align, bits, _, valid = struct.unpack_from("<HHIIHHHH", body)
    if tag != _EXTENSIBLE or not channels or align % channels:
        return None
    width = 8 * align // channels
    if width not in (8, 16, 24, 32, 64) or (bits, valid) in ((width, width), (width, 0)):
        return None
    return PatchedFile(path, position + 14, struct.pack("<HHH", width, 22, width))


def _format_chunk(file: BinaryIO) -> tuple[int, int] | None:
    """Position and size of the body of a WAV file's format chunk."""
    head = file.read(40)
    if head[:4] in _RIFF and head[8:12] == b"WAVE":
        position, wide = 12, False
    elif head[:16] == _W64_RIFF:
        position, wide = 40, True
    else:
        return None
    for _ in range(_MOST_CHUNKS):
        file.seek(position)
        header = file.read(24 if wide else 8)
        if len(header) < (24 if wide else 8):
            return None
        if wide:
            # The size is that of the whole chunk; chunks begin at multiples of 8 bytes.
            size = max(0, struct.unpack_from("<Q", header, 16)[0] - 24)
            if header[:16] == _W64_FORMAT:
                return position + 24, size
            position += 24 + size + -size % 8
        else:
            size = struct.unpack_from("<I", header, 4)[0]
            if header[:4] == b"fmt ":
                return position + 8, size
            position += 8 + size + size % 2
        if position >= 2**63:
            return None
    return None
