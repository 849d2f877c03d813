"""WAV headers: which loudspeakers the channels belong to."""

from pathlib import Path

import numpy as np
import pytest

from soundsift.audio import read, write
from soundsift.audio.layouts import fitting

RATE = 48_000


@pytest.mark.parametrize(
    ("layout", "channels", "tag"),
    [
        (None, 1, 1),
        ("mono", 1, 1),
        (None, 2, 1),
        ("stereo", 2, 1),
        ("1 channels (LFE)", 1, 0xFFFE),
        ("1 channels (FL)", 1, 0xFFFE),
        ("2 channels (BL+BR)", 2, 0xFFFE),
        ("2 channels (SL+SR)", 2, 0xFFFE),
        ("2 channels (FC+LFE)", 2, 0xFFFE),
        ("2.1", 3, 0xFFFE),
        ("5.1(side)", 6, 0xFFFE),
        ("7.1", 8, 0xFFFE),
    ],
)
@pytest.mark.parametrize("sample_format", ["s16", "s24", "f32"])
def test_loudspeakers_of_any_number_of_channels(
    tmp_path: Path, layout: str | None, channels: int, tag: int, sample_format: str
) -> None:
    samples = 0.1 * np.random.default_rng(0).normal(size=(channels, RATE // 10))
    path = tmp_path / "a.wav"
    write(path, samples.astype(np.float32), RATE, sample_format, layout=layout)
    data = path.read_bytes()
    assert int.from_bytes(data[20:22], "little") == (
        3 if tag == 1 and sample_format == "f32" else tag
    )
    usual = {1: "mono", 2: "stereo"}.get(channels)
    recording = read(path)
    assert recording.layout == (layout or usual)
    np.testing.assert_allclose(recording.samples, samples, atol=2**-15)


def test_formats_of_two_channels_take_any_pair() -> None:
    assert fitting("2 channels (BL+BR)", 2, ("mono", "stereo")) == "stereo"
    assert fitting("1 channels (LFE)", 1, ("mono", "stereo")) == "mono"
    assert fitting("2 channels (BL+BR)", 2, ("stereo", "2 channels (BL+BR)")) != "stereo"
    assert fitting("5.1(side)", 6, ("5.1",)) == "5.1"
    assert fitting("hexagonal", 6, ("5.1",)) is None
