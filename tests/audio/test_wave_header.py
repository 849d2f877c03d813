"""WAV files whose samples have fewer valid bits than they take room."""

import struct
from pathlib import Path

import numpy as np
import pytest

from soundsift.audio import examine, read
from soundsift.audio.wave_header import PatchedFile, with_plain_header
from soundsift.errors import SoundsiftError

RATE = 48_000
GUID = bytes.fromhex("000000001000800000aa00389b71")
W64_TAIL = {
    b"riff": bytes.fromhex("2e91cf11a5d628db04c10000"),
    b"wave": bytes.fromhex("f3acd3118cd100c04f8edb8a"),
    b"fmt ": bytes.fromhex("f3acd3118cd100c04f8edb8a"),
    b"data": bytes.fromhex("f3acd3118cd100c04f8edb8a"),
}


def extensible(channels: int, width: int, bits: int, valid: int, mask: int = 0) -> bytes:
    align = channels * width // 8
    fmt = struct.pack("<HHIIHH", 0xFFFE, channels, RATE, RATE * align, align, bits)
    return fmt + struct.pack("<HHIH", 22, valid, mask, 1) + GUID


def riff(fmt: bytes, data: bytes, before: bytes = b"") -> bytes:
    chunks = before + struct.pack("<4sI", b"fmt ", len(fmt)) + fmt
    body = b"WAVE" + chunks + struct.pack("<4sI", b"data", len(data)) + data
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def rf64(fmt: bytes, data: bytes) -> bytes:
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, 0, len(data), 0, 0)
    chunks = sizes + struct.pack("<4sI", b"fmt ", len(fmt)) + fmt
    return b"RF64" + b"\xff" * 4 + b"WAVE" + chunks + b"data" + b"\xff" * 4 + data


def w64(fmt: bytes, data: bytes) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        size = struct.pack("<Q", 24 + len(body))
        return name + W64_TAIL[name] + size + body + b"\0" * (-len(body) % 8)

    body = b"wave" + W64_TAIL[b"wave"] + chunk(b"fmt ", fmt) + chunk(b"data", data)
    return b"riff" + W64_TAIL[b"riff"] + struct.pack("<Q", 24 + len(body)) + body


def steps(channels: int, valid: int) -> np.ndarray:
    """Samples `(samples, channels)` in the upper bits of 32."""
    wave = 0.2 * np.random.default_rng(0).normal(size=(RATE // 4, channels))
    return (np.rint(wave * 2 ** (valid - 1)).astype("<i8") << (32 - valid)).astype("<i4")


@pytest.mark.parametrize("form", [riff, rf64, w64])
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(("bits", "valid"), [(32, 24), (32, 20), (32, 16), (32, 31), (24, 24)])
def test_valid_bits_in_32(tmp_path: Path, form, channels: int, bits: int, valid: int) -> None:
    expected = steps(channels, valid)
    path = tmp_path / "a.wav"
    path.write_bytes(form(extensible(channels, 32, bits, valid), expected.tobytes()))
    recording = read(path)
    assert recording.sample_rate == RATE
    np.testing.assert_array_equal(recording.samples, (expected / 2**31).T.astype(np.float32))
    assert recording.sample_format == ("f32" if valid == 31 else "s24")


@pytest.mark.parametrize(
    ("valid", "size"),
    [(24, 4), (20, 4), (16, 4), (8, 4), (32, 4), (20, 3), (24, 3), (16, 3), (12, 2), (16, 2)],
)
@pytest.mark.parametrize(("channels", "mask"), [(1, 4), (2, 3), (6, 0x3F)])
def test_any_number_of_bits(
    tmp_path: Path, valid: int, size: int, channels: int, mask: int
) -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(-(2 ** (valid - 1)), 2 ** (valid - 1), (4000, channels))
    wide = (values << (8 * size - valid)).astype("<i4")
    data = wide.view(np.uint8).reshape(-1, 4)[:, :size].tobytes()
    path = tmp_path / "a.wav"
    path.write_bytes(riff(extensible(channels, 8 * size, 8 * size, valid, mask), data))
    recording = read(path)
    assert np.array_equal(recording.samples, (values.T / 2 ** (valid - 1)).astype(np.float32))
    assert recording.layout == {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    assert recording.sample_format == ("f32" if valid == 32 else "s16" if size == 2 else "s24")
    assert examine(path).length == 4000
    path.write_bytes(path.read_bytes()[: -2000 * channels * size])
    with pytest.raises(SoundsiftError, match=r"truncated.*promises 0\.08 s"):
        read(path)


def test_20_valid_bits_in_24(tmp_path: Path) -> None:
    wide = steps(2, 20)
    data = wide.view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
    path = tmp_path / "a.wav"
    path.write_bytes(riff(extensible(2, 24, 24, 20), data, before=b"junk\x03\0\0\0abc\0"))
    np.testing.assert_array_equal(read(path).samples, (wide / 2**31).T.astype(np.float32))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        b"RIFF\0\0\0\0WAVE",
        riff(extensible(2, 32, 32, 32), b""),
        riff(extensible(2, 32, 32, 0), b""),
        riff(extensible(2, 24, 24, 24), b""),
        riff(extensible(2, 24, 24, 20)[:30], b""),
        riff(struct.pack("<HHIIHH", 1, 2, RATE, RATE * 8, 8, 24), b"\0" * 80),
        riff(extensible(0, 32, 32, 24), b""),
        b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 100_000,
        w64(extensible(2, 32, 32, 24), b"").replace(b"fmt ", b"xxx "),
    ],
)
def test_other_headers_stay_as_they_are(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    assert with_plain_header(path) is None


def test_bytes_are_replaced_wherever_a_read_begins(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(range(20)))
    expected = bytes([*range(5), 100, 101, 102, *range(8, 20)])
    with PatchedFile(path, 5, bytes([100, 101, 102])) as file:
        for start in range(20):
            for size in range(1, 21 - start):
                file.seek(start)
                assert file.read(size) == expected[start : start + size]
        assert file.seek(-1) == -1 and file.seek(2**80) == -1
