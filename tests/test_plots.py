"""The picture of a separation."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from soundsift.errors import SoundsiftError
from soundsift.plots import Picture, spectrogram_picture
from soundsift.spans import Span
from soundsift.spectrogram import Panel, band_edges


def waves(rate: int, count: int, channels: int = 2) -> tuple[np.ndarray, np.ndarray]:
    time = np.arange(count) / rate
    target = np.sin(2 * np.pi * 1000 * time) * (time > time[-1] / 2)
    noise = np.random.default_rng(0).normal(0, 0.05, (channels, count))
    return (noise + 0.3 * target).astype(np.float32), np.tile(0.3 * target, (channels, 1))


@pytest.mark.parametrize(
    ("rate", "count", "channels"), [(44100, 44100, 2), (8000, 320, 1), (96000, 9600, 3)]
)
def test_picture(tmp_path, rate, count, channels):
    mixture, target = waves(rate, count, channels)
    spans = [Span(0, count / rate / 2), Span(count / rate / 2, count / rate, False)]
    path = tmp_path / "a.png"
    spectrogram_picture(path, mixture, target, mixture - target, rate, spans, "“$dog” costs $5")
    picture = imread(path)
    assert picture.shape[:2] == (1200, 1600)
    assert picture[..., :3].std() > 0.1
    green, red = (np.abs(picture[..., :3] - c).max(axis=2) < 0.02 for c in GREEN_AND_RED)
    assert green[:, :800].sum() > 1000 and red[:, 800:].sum() > 1000


GREEN_AND_RED = [np.array(c) / 255 for c in ((0x35, 0xD0, 0x7F), (0xFF, 0x5A, 0x5F))]


def test_silence_and_long_titles(tmp_path):
    mixture, _ = waves(8000, 4000)
    spectrogram_picture(tmp_path / "a.png", mixture, mixture * 0, mixture, 8000, title="word " * 50)
    assert imread(tmp_path / "a.png").shape[:2] == (1200, 1600)


def test_same_bytes_and_no_overwriting(tmp_path):
    mixture, target = waves(8000, 4000)
    for name in "ab":
        spectrogram_picture(tmp_path / name, mixture, target, mixture - target, 8000)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with pytest.raises(SoundsiftError, match="exists already"):
        spectrogram_picture(tmp_path / "a", mixture, target, target, 8000)
    with pytest.raises(ValueError, match="one shape"):
        spectrogram_picture(tmp_path / "c", mixture, target[:, :9], target, 8000)


def _spectrogram(wave: np.ndarray, rate: int, edges: np.ndarray) -> np.ndarray:
    panel = Panel(rate, edges)
    for start in range(0, wave.shape[1], rate):
        panel.add(wave[:, start : start + rate])
    panel.finish()
    return panel.power.T


@pytest.mark.parametrize("hertz", [150, 1000, 3000])
def test_a_tone_lies_in_its_row(hertz):
    rate = 44100
    edges = band_edges(rate)
    tone = np.sin(2 * np.pi * hertz * np.arange(rate) / rate)[None]
    row = int(_spectrogram(tone, rate, edges).mean(axis=1).argmax())
    assert edges[max(0, row - 3)] < hertz < edges[row + 4]


def test_a_click_lies_in_its_column():
    wave = np.zeros((1, 48000 * 30), np.float32)
    wave[0, 48000 * 10 + 777] = 1
    power = _spectrogram(wave, 48000, band_edges(48000)).sum(axis=0)
    assert power.argmax() / len(power) * 30 == pytest.approx(10.02, abs=0.05)


def test_blocks_make_the_same_picture_and_columns_stay_few(tmp_path):
    rate = 8000
    mixture, target = waves(rate, 60 * rate)
    spectrogram_picture(tmp_path / "a.png", mixture, target, mixture - target, rate)
    picture = Picture(rate)
    for start in range(0, mixture.shape[1], 3001):
        end = start + 3001
        picture.add(*(w[:, start:end] for w in (mixture, target, mixture - target)))
    picture.save(tmp_path / "b.png")
    assert np.abs(imread(tmp_path / "a.png") - imread(tmp_path / "b.png")).max() < 0.02
    power = _spectrogram(mixture, rate, band_edges(rate))
    # The tone is in the second half.
    assert 1400 <= power.shape[1] < 2800
    tone = power[:, power.shape[1] // 2 + 2 :].max(axis=0)
    assert tone.min() > 10 * power[:, : power.shape[1] // 2 - 2].max()


def test_matplotlib_loads_only_when_drawing():
    code = "import sys, soundsift.plots; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
