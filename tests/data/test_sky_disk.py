"""The spoken lines of Beneath a Steel Sky."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundsift.data.containers import is_container, members, read_member
from soundsift.data.sky_disk import unpack


class Writer:
    """Bits in 16-bit words, and bytes behind the word that the last bit went into."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.word, self.used = 0, 16

    def bits(self, value: int, count: int) -> None:
        for i in range(count):
            if self.used == 16:
                self.word, self.used = len(self.out), 0
                self.out += b"\0\0"
            self.out[self.word + self.used // 8] |= (value >> i & 1) << self.used % 8
            self.used += 1

    def codes(self, *lengths: int) -> None:
        self.bits(len(lengths), 5)
        for length in lengths:
            self.bits(length, 4)


def packed(repeats: int) -> bytes:
    """ "abc" as literals, then `repeats` more bytes copied from three back."""
    writer = Writer()
    writer.bits(0, 2)
    writer.codes(1, 0, 1)  # literals: no more, or two or three
    writer.codes(0, 0, 1)  # distances: three or four
    writer.codes(0, 0, 0, 1)  # counts: six to nine
    writer.bits(2, 16)
    writer.bits(0b11, 2)  # the second symbol of the code, and the lower bit of 3
    writer.out += b"abc"
    writer.bits(0, 2)  # the only symbol, and the lower bit of 2
    writer.bits(0, 1)
    writer.bits(repeats - 2 - 4, 2)
    writer.bits(0, 1)
    body = bytes(writer.out)
    return struct.pack(">4sIIHHBB", b"RNC\x01", 3 + repeats, len(body), 0, 0, 0, 1) + body


@pytest.mark.parametrize("repeats", [6, 7, 9])
def test_literals_and_repeats_are_unpacked(repeats: int) -> None:
    assert unpack(packed(repeats)) == (b"abc" * 4)[: 3 + repeats]


def test_what_is_not_packed_so_is_refused() -> None:
    with pytest.raises(ValueError, match="method 1"):
        unpack(b"RNC\x02" + bytes(20))
    with pytest.raises(ValueError, match="bytes expected"):
        unpack(packed(6)[:4] + struct.pack(">I", 99) + packed(6)[8:])


def test_spoken_lines_are_found_by_their_numbers(tmp_path: Path) -> None:
    samples = bytes(range(100, 200)) * 50
    header = struct.pack("<11H", 0x81, *([0] * 5), len(samples) + 22, *([0] * 4))
    plain, line = header + samples, struct.pack("<11H", *([0] * 6), 12 + 22, *([0] * 4)) + packed(9)
    disk = tmp_path / "sky.dsk"
    disk.write_bytes(b"picture, not speech" + bytes(13) + plain + bytes(6 + 4) + line)
    places = {60_100: (0, 19), 50_102: (32, len(plain)), 50_007: (32 + len(plain) + 10, len(line))}
    table = struct.pack("<I", len(places))
    for number, (offset, size) in places.items():
        place = offset >> 4 | 0x800000 if offset % 16 == 0 and offset else offset
        table += (
            struct.pack("<H", number) + place.to_bytes(3, "little") + size.to_bytes(3, "little")
        )
    assert not is_container(disk)  # without its table
    disk.with_suffix(".dnr").write_bytes(table)
    assert is_container(disk)
    assert members(disk) == ["50007.wav", "50102.wav"]
    wave, rate = soundfile.read(io.BytesIO(read_member(disk, "50102.wav")))
    assert rate == 11_025
    assert np.allclose(wave * 128 + 128, np.frombuffer(samples, np.uint8))
    assert len(soundfile.read(io.BytesIO(read_member(disk, "50007.wav")))[0]) == 12
