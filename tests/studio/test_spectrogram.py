"""Tiles of a spectrogram."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundsift.studio.spectrogram import BANDS, COLUMNS, FLOOR_DB, HOP, Spectrograms, draw_tile

RATE = 48_000


def sine(path: Path, hertz: float, seconds: float, decibels: float) -> Path:
    """A tone in the second half, in the second of two channels."""
    wave = np.zeros((round(seconds * RATE), 2))
    half = len(wave) // 2
    tone = np.sin(2 * np.pi * hertz * np.arange(len(wave) - half) / RATE)
    wave[half:, 1] = 10 ** (decibels / 20) * tone
    soundfile.write(path, wave, RATE, "PCM_24")
    return path


@pytest.mark.parametrize("level", [0, 3, 6, 9])
@pytest.mark.parametrize("hertz", [440, 5000])
def test_a_tone_is_at_its_frequency_time_and_level(tmp_path: Path, level, hertz) -> None:
    seconds = COLUMNS * (HOP << level) / RATE
    tile = draw_tile(sine(tmp_path / "tone.wav", hertz, seconds, -20.0), level, 0)
    assert tile is not None and tile.shape == (COLUMNS, BANDS)
    column = tile[COLUMNS * 3 // 4].astype(float)
    mel = 2595 * np.log10(1 + hertz / 700)
    top = 2595 * np.log10(1 + 16_000 / 700)
    assert column.argmax() == pytest.approx(mel / top * (BANDS + 1) - 1, abs=4)
    # The mean power of both channels is 3 dB below that of the one.
    assert FLOOR_DB * (1 - column.max() / 255) == pytest.approx(-23, abs=2.5)
    # Silence before; at fine levels, windows reach over a few columns.
    reach = 12 if level < 2 else 4
    assert tile[: COLUMNS // 2 - reach].max() == 0
    assert tile[COLUMNS // 2 + reach].max() > 150


def test_tiles_join_and_end(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wave = rng.uniform(-0.5, 0.5, (COLUMNS * HOP * 4 + 100, 1))
    soundfile.write(tmp_path / "noise.wav", wave, RATE, "FLOAT")
    fine = [draw_tile(tmp_path / "noise.wav", 0, index) for index in range(5)]
    assert all(tile is not None for tile in fine)
    last = fine[4]
    assert last[:2].min() > 0 and last[2:].max() == 0
    assert draw_tile(tmp_path / "noise.wav", 0, 5) is None
    # Columns at a border of tiles are as those inside of one.
    steps = np.abs(np.diff(np.concatenate(fine[:4]).astype(float), axis=0)).mean(axis=1)
    assert steps[COLUMNS - 1] < 2 * np.median(steps)


def test_kept_tiles_are_bounded(tmp_path: Path) -> None:
    path = sine(tmp_path / "tone.wav", 440, 2.0, -20.0)
    tiles = Spectrograms(most_bytes=2 * COLUMNS * BANDS)
    first = tiles.tile(path, "a", 0, 0)
    path.unlink()
    assert tiles.tile(path, "a", 0, 0) == first
    sine(path, 880, 2.0, -20.0)
    for index in (1, 2):
        tiles.tile(path, "a", 0, index)
    path.unlink()
    with pytest.raises(soundfile.LibsndfileError):
        tiles.tile(path, "a", 0, 0)
