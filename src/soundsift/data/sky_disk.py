"""The disk of Beneath a Steel Sky: numbered entries, packed by Rob Northen's method.

The spoken lines have numbers from 50000 on: unsigned 8-bit samples at 11,025 Hz behind a header.
"""

from __future__ import annotations

import io
import struct
import wave
from functools import lru_cache
from pathlib import Path

_FIRST_LINE, _LAST_LINE = 50_000, 55_999
_RATE = 11_025
_HEADER = 22
_RNC_HEADER = 18


def spoken_lines(disk: Path) -> list[str]:
    """Names of the spoken lines, such as `50102.wav`, in the order of their numbers."""
    return [f"{number}.wav" for number in sorted(_table(disk))]


def read_line(disk: Path, name: str) -> bytes:
    """A spoken line as a WAV file.

    Raises:
        KeyError: if there is no such line.
        ValueError: if its bytes are not as expected.
    """
    offset, size = _table(disk)[int(name.removesuffix(".wav"))]
    with disk.open("rb") as file:
        file.seek(offset)
        entry = file.read(size)
    (length,) = struct.unpack_from("<H", entry, 12)
    samples = unpack(entry[_HEADER:]) if entry[_HEADER:].startswith(b"RNC") else entry[_HEADER:]
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setparams((1, 1, _RATE, 0, "NONE", ""))
        out.writeframes(samples[: length - _HEADER] if length > _HEADER else samples)
    return buffer.getvalue()


@lru_cache(maxsize=1)
def _table(disk: Path) -> dict[int, tuple[int, int]]:
    """Offset and size of each spoken line; the table lies beside the disk."""
    table = disk.with_suffix(".dnr").read_bytes()
    (count,) = struct.unpack_from("<I", table)
    found = {}
    for i in range(count):
        entry = table[4 + 8 * i :][:8]
        number = int.from_bytes(entry[:2], "little")
        place = int.from_bytes(entry[2:5], "little")
        offset = place & 0x7FFFFF
        if place & 0x800000:
            offset <<= 4
        if _FIRST_LINE <= number <= _LAST_LINE:
            found[number] = (offset, int.from_bytes(entry[5:8], "little") & 0x3FFFFF)
    return found


class _Bits:
    """Bits from the low end of 16-bit words, with bytes in between."""

    def __init__(self, data: bytes) -> None:
        self._data = data + bytes(4)
        self._at = 0
        self._held = int.from_bytes(self._data[:2], "little")
        self._count = 16

    def peek(self, count: int) -> int:
        return self._held & ((1 << count) - 1)

    def drop(self, count: int) -> None:
        self._held >>= count
        self._count -= count
        if self._count < 16:
            self._at += 2
            self._held |= int.from_bytes(self._data[self._at : self._at + 2], "little") << (
                self._count
            )
            self._count += 16

    def read(self, count: int) -> int:
        value = self.peek(count)
        self.drop(count)
        return value

    def copy(self, count: int) -> bytes:
        """Whole bytes, which lie behind the word that the current bits come from."""
        taken = self._data[self._at : self._at + count]
        self._at += count
        self._count -= 16
        self._held &= (1 << self._count) - 1
        self._held |= int.from_bytes(self._data[self._at : self._at + 2], "little") << self._count
        self._count += 16
        return taken


class _Codes:
    """A canonical prefix code, looked up by the next 16 bits."""

    def __init__(self, bits: _Bits) -> None:
        lengths = [bits.read(4) for _ in range(bits.read(5))]
        self._longest = max(lengths, default=0)
        self._table: list[tuple[int, int]] = [(0, 0)] * (1 << self._longest)
        code = 0
        for length in range(1, self._longest + 1):
            for symbol, own in enumerate(lengths):
                if own != length:
                    continue
                low = int(f"{code:0{length}b}"[::-1], 2)
                for high in range(1 << (self._longest - length)):
                    self._table[low | high << length] = (symbol, length)
                code += 1
            code <<= 1

    def read(self, bits: _Bits) -> int:
        symbol, length = self._table[bits.peek(self._longest)]
        bits.drop(length)
        return symbol if symbol < 2 else bits.read(symbol - 1) | 1 << (symbol - 1)


def unpack(data: bytes) -> bytes:
    """Undo Rob Northen's compression, method 1.

    Raises:
        ValueError: if the data are not of this method, or do not give the length they state.
    """
    if data[:4] != b"RNC\x01":
        raise ValueError("not packed by Rob Northen's method 1")
    (length,) = struct.unpack_from(">I", data, 4)
    pieces = data[17]
    bits = _Bits(data[_RNC_HEADER:])
    bits.drop(2)
    out = bytearray()
    for _ in range(pieces):
        literals, distances, counts = _Codes(bits), _Codes(bits), _Codes(bits)
        for left in range(bits.read(16) - 1, -1, -1):
            if run := literals.read(bits):
                out += bits.copy(run)
            if left:
                distance = distances.read(bits) + 1
                count = counts.read(bits) + 2
                start = len(out) - distance
                if distance >= count:
                    out += out[start : start + count]
                else:
                    for i in range(count):
                        out.append(out[start + i])
    if len(out) != length:
        raise ValueError(f"{length} bytes expected, {len(out)} unpacked")
    return bytes(out)
