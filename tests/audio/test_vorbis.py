"""The channels of Ogg Vorbis files."""

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from soundsift.audio import read
from soundsift.audio.decoding import _planes

RATE = 48_000

# By the Vorbis specification, section 4.3.9; libsndfile passes them on in this order.
ORDERS = {
    1: ["FC"],
    2: ["FL", "FR"],
    3: ["FL", "FC", "FR"],
    4: ["FL", "FR", "BL", "BR"],
    5: ["FL", "FC", "FR", "BL", "BR"],
    6: ["FL", "FC", "FR", "BL", "BR", "LFE"],
    7: ["FL", "FC", "FR", "SL", "SR", "BC", "LFE"],
    8: ["FL", "FC", "FR", "SL", "SR", "BL", "BR", "LFE"],
}
LAYOUTS = ["mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1"]


def tones(path: Path, channels: int) -> None:
    """A second of another tone in each channel: 40 Hz in the first one, 60 in the second."""
    time = np.arange(RATE) / RATE
    wave = np.stack([np.sin(2 * np.pi * (40 + 20 * c) * time) for c in range(channels)], axis=1)
    soundfile.write(path, (0.5 * wave).astype(np.float32), RATE, format="OGG", subtype="VORBIS")


def heard(wave: np.ndarray) -> list[int]:
    """Which tone each channel holds, counted from 0."""
    piece = wave[:, 12_000:36_000] * np.hanning(24_000)
    peaks = np.abs(np.fft.rfft(piece, RATE)).argmax(axis=1)
    return [round((int(peak) - 40) / 20) for peak in peaks]


@pytest.mark.parametrize("channels", range(1, 9))
def test_channels_are_in_the_order_of_their_layout(tmp_path, channels):
    path = tmp_path / "a.ogg"
    tones(path, channels)
    recording = read(path)
    layout = LAYOUTS[channels - 1]
    assert recording.layout == layout
    speakers = [c.name for c in av.AudioLayout(layout).channels]
    assert heard(recording.samples) == [ORDERS[channels].index(s) for s in speakers]
    with av.open(str(path)) as container:
        frames = [_planes(f) for f in container.decode(audio=0)]
    assert heard(np.concatenate(frames, axis=1)) == heard(recording.samples)
    assert recording.samples.shape == (channels, RATE)
