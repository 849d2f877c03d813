"""Integers that fill only a part of their bytes."""

import struct
from pathlib import Path

import numpy as np
import pytest

from soundsift.audio import examine, read
from soundsift.audio.wav_padding import has_padded_samples
from soundsift.errors import SoundsiftError

GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
MASKS = {1: 4, 2: 3, 6: 0x3F}


def wav(path: Path, steps: np.ndarray, valid: int, size: int) -> Path:
    """Integers `(samples, channels)`, left-justified in `size` bytes, `valid` of the bits used."""
    channels = steps.shape[1]
    bits = steps.astype("<i8") << (8 * size - valid)
    data = bits.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :size].tobytes()
    form = struct.pack(
        "<HHIIHH", 0xFFFE, channels, 8000, 8000 * size * channels, size * channels, 8 * size
    )
    form += struct.pack("<HHIH", 22, valid, MASKS[channels], 1) + GUID_TAIL
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)
    return path


@pytest.mark.parametrize(
    ("valid", "size"),
    [(24, 4), (20, 4), (16, 4), (8, 4), (32, 4), (20, 3), (24, 3), (16, 3), (12, 2), (16, 2)],
)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_integers_come_through_exactly(tmp_path, valid, size, channels):
    rng = np.random.default_rng(0)
    steps = rng.integers(-(2 ** (valid - 1)), 2 ** (valid - 1), (4000, channels))
    path = wav(tmp_path / "a.wav", steps, valid, size)
    assert has_padded_samples(path) == (valid <= 8 * (size - 1))
    recording = read(path)
    assert np.array_equal(recording.samples, (steps.T / 2 ** (valid - 1)).astype(np.float32))
    assert recording.layout == {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    assert recording.sample_format == ("f32" if valid == 32 else "s16" if size == 2 else "s24")
    assert examine(path).length == 4000
    path.write_bytes(path.read_bytes()[: -2000 * channels * size])
    with pytest.raises(SoundsiftError, match=r"truncated.*promises 0\.50 s"):
        read(path)
