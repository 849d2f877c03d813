"""Loudspeakers of CAF, AIFF and QuickTime files."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from soundsift.audio import read
from soundsift.audio.core_audio import stored_speakers
from soundsift.audio.layouts import native_order, wave_mask
from soundsift.errors import SoundsiftError


def caf(path: Path, channels: int, tag: int, labels: tuple[int, ...] = ()) -> Path:
    """Channel k holds an alternation of ±k thousandths."""
    values = np.arange(1, channels + 1) * 32
    steps = np.outer(np.where(np.arange(48_000) % 2, 1, -1), values).astype(">i2")
    description = struct.pack(">d4s5I", 48_000.0, b"lpcm", 0, 2 * channels, 1, channels, 16)
    layout = struct.pack(">III", tag, 0, len(labels))
    layout += b"".join(struct.pack(">II3f", label, 0, 0, 0, 0) for label in labels)
    data = struct.pack(">I", 0) + steps.tobytes()
    chunks = ((b"desc", description), (b"chan", layout), (b"data", data))
    path.write_bytes(
        b"caff\0\1\0\0" + b"".join(n + struct.pack(">q", len(body)) + body for n, body in chunks)
    )
    return path


def stored_order(path: Path) -> list[int]:
    samples = read(path).samples
    return [round(float(np.abs(row).max()) * 1024) - 1 for row in samples]


@pytest.mark.parametrize(
    ("tag", "labels", "layout", "order"),
    [
        (121 << 16 | 6, (), "5.1(side)", [0, 1, 2, 3, 4, 5]),
        (122 << 16 | 6, (), "5.1(side)", [0, 1, 4, 5, 2, 3]),
        (123 << 16 | 6, (), "5.1(side)", [0, 2, 1, 5, 3, 4]),
        (124 << 16 | 6, (), "5.1(side)", [1, 2, 0, 5, 3, 4]),
        (128 << 16 | 8, (), "7.1", [0, 1, 2, 3, 6, 7, 4, 5]),
        (0, (2, 1), "stereo", [1, 0]),
        (0, (1, 3, 2), "3.0", [0, 2, 1]),
        (0, (10, 11), "2 channels (SL+SR)", [0, 1]),
        # Names that have no loudspeaker of FFmpeg's: the order stays, the arrangement is unknown.
        (147 << 16 | 6, (), None, [0, 1, 2, 3, 4, 5]),
        (0, (1, 400, 2), None, [0, 1, 2]),
    ],
)
def test_channels_come_in_the_order_of_their_layout(tmp_path, tag, labels, layout, order):
    path = caf(tmp_path / "a.caf", len(order), tag, labels)
    assert read(path).layout == layout
    assert stored_order(path) == order


@pytest.mark.parametrize("suffix", [".mov", ".aiff"])
@pytest.mark.parametrize("tag", [121, 123])
def test_quicktime_and_aiff(tmp_path, suffix, tag):
    path = tmp_path / f"a{suffix}"
    steps = (np.outer(np.where(np.arange(4800) % 2, 1, -1), np.arange(1, 7)) * 32).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16be", rate=48_000, layout="5.1(side)")
        frame = av.AudioFrame.from_ndarray(steps.reshape(1, -1), "s16", "5.1(side)")
        frame.sample_rate, frame.pts = 48_000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    data = path.read_bytes()
    written = struct.pack(">I", 121 << 16 | 6)
    assert data.count(written) == 1
    path.write_bytes(data.replace(written, struct.pack(">I", tag << 16 | 6)))
    assert read(path).layout == "5.1(side)"
    assert stored_order(path) == ([0, 1, 2, 3, 4, 5] if tag == 121 else [0, 2, 1, 5, 3, 4])


def test_files_without_a_list(tmp_path):
    path = tmp_path / "a.caf"
    path.write_bytes(b"caff\0\1\0\0")
    assert stored_speakers(path, "caf", 0) is None
    assert stored_speakers(path, "wav", 0) is None
    path.write_bytes(b"\0\0\0\1moov")
    assert stored_speakers(path, "mov,mp4", 0) is None


def test_native_order():
    assert native_order(["FR", "FL"]) == ("stereo", [1, 0])
    assert native_order(["FC"]) == ("mono", [0])
    assert native_order(["FL", "FL"]) == (None, [0, 1])
    assert native_order(["FL", "?"]) == (None, [0, 1])
    assert wave_mask("downmix", 2) == 0x60000000


@pytest.mark.parametrize("channels", [0, 1, 5, 7, 64])
def test_lists_of_another_length_than_there_are_channels(tmp_path, channels):
    """Damaged files, which once ended the process."""
    path = caf(tmp_path / "a.caf", 6, 122 << 16 | 6)
    data = bytearray(path.read_bytes())
    at = data.index(b"lpcm") + 16
    data[at : at + 4] = struct.pack(">I", channels)
    path.write_bytes(data)
    try:
        recording = read(path)
    except SoundsiftError:
        return
    assert recording.channels == channels
