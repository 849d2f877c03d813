"""Tiles of a spectrogram: a recording of any length, drawn in the parts that are seen.

A tile has `COLUMNS` columns of `BANDS` mel bands. At level 0 a column lasts `HOP` samples, at each
further level twice as long. A long column averages a limited number of analysis windows, so every
tile takes about the same time, however much of the recording it covers.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile

COLUMNS, BANDS = 256, 128
#: Samples per column at level 0.
HOP = 64
LEVELS = 16
#: Highest frequency of a tile in Hz, and its quietest level in dB of full scale.
TOP_HZ, FLOOR_DB = 16_000.0, -110.0
#: Most analysis windows per column.
_WINDOWS = 8
#: Analysis windows transformed at once.
_TOGETHER = 128
_WINDOW_SECONDS = (0.01, 0.02, 0.04)


class Spectrograms:
    """Tiles, the last used ones kept in memory. Methods may be called from any thread.

    Args:
        most_bytes: memory for kept tiles.
    """

    def __init__(self, most_bytes: int = 64 << 20) -> None:
        self._most = most_bytes // (COLUMNS * BANDS)
        self._tiles: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def tile(self, path: Path, key: str, level: int, index: int) -> bytes | None:
        """A tile as bytes `(COLUMNS, BANDS)`, 0 is `FLOOR_DB` and 255 full scale.

        Args:
            path: WAV file.
            key: unique name of the sound.
            level: 0 to `LEVELS` - 1.
            index: 0 begins at the first sample.

        Returns:
            The tile; None beyond the end of the sound.

        Raises:
            OSError: the file can't be read.
            soundfile.LibsndfileError: it is damaged.
        """
        place = (key, level, index)
        with self._lock:
            if place in self._tiles:
                self._tiles.move_to_end(place)
                return self._tiles[place]
        made = draw_tile(path, level, index)
        if made is None:
            return None
        tile = made.tobytes()
        with self._lock:
            self._tiles[place] = tile
            while len(self._tiles) > self._most:
                self._tiles.popitem(last=False)
        return tile


def draw_tile(path: Path, level: int, index: int) -> np.ndarray | None:
    """Compute a tile, uint8 `(COLUMNS, BANDS)`; None beyond the end. See `Spectrograms.tile`."""
    with soundfile.SoundFile(path) as file:
        hop = HOP << level
        begin = index * COLUMNS * hop
        if begin >= file.frames:
            return None
        window = _window_size(hop, file.samplerate)
        count = min(_WINDOWS, max(1, hop // window))
        columns = min(COLUMNS, -(-(file.frames - begin) // hop))
        # Centres of a column's analysis windows, evenly spread over it.
        inside = (np.arange(count) + 0.5) * hop / count
        starts = begin + np.arange(columns)[:, None] * hop + inside - window / 2
        power = _power(file, np.floor(starts).astype(np.int64).ravel(), window)
        power = power.reshape(columns, count, -1).mean(axis=1)
        bands = power @ _mel_weights(window, file.samplerate)
    levels = 10 * np.log10(np.maximum(bands, 1e-12))
    tile = np.zeros((COLUMNS, BANDS), np.uint8)
    tile[:columns] = np.clip(255 * (1 - levels / FLOOR_DB), 0, 255).round()
    return tile


def _window_size(hop: int, rate: int) -> int:
    """Samples of an analysis window: short ones where time is seen closely."""
    fine, middle, coarse = (2 ** round(np.log2(seconds * rate)) for seconds in _WINDOW_SECONDS)
    return int(fine if hop < fine // 2 else middle if hop < middle else coarse)


def _power(file: soundfile.SoundFile, starts: np.ndarray, window: int) -> np.ndarray:
    """Mean power spectrum of all channels, `(starts, bins)`; 1 is a sine of full scale."""
    shape = np.hanning(window + 1)[:-1].astype(np.float32)
    scale = (2 / shape.sum()) ** 2
    found = np.empty((len(starts), window // 2 + 1), np.float32)
    # Windows that are close together are read as one piece.
    close = len(starts) < 2 or starts[1] - starts[0] < 4 * window
    for at in range(0, len(starts), _TOGETHER):
        some = starts[at : at + _TOGETHER]
        if close:
            piece = _read(file, int(some[0]), int(some[-1]) + window)
            waves = piece[:, (some - some[0])[:, None] + np.arange(window)]
        else:
            waves = np.stack([_read(file, n, n + window) for n in some.tolist()], axis=1)
        spectrum = np.fft.rfft(waves * shape)
        found[at : at + _TOGETHER] = scale * (spectrum.real**2 + spectrum.imag**2).mean(axis=0)
    return found


def _read(file: soundfile.SoundFile, start: int, end: int) -> np.ndarray:
    """Samples `(channels, end - start)`, zeros outside of the file."""
    piece = np.zeros((end - start, file.channels), np.float32)
    first, last = max(0, start), min(file.frames, end)
    if first < last:
        file.seek(first)
        read = file.read(last - first, dtype="float32", always_2d=True)
        piece[first - start : first - start + len(read)] = read
    return np.nan_to_num(piece.T, posinf=0, neginf=0)


@lru_cache(maxsize=16)
def _mel_weights(window: int, rate: int) -> np.ndarray:
    """Weights of bins in mel bands, `(bins, BANDS)`, so that a sine keeps its level."""
    top = min(TOP_HZ, rate / 2)
    edges = _to_hz(np.linspace(0, _to_mel(top), BANDS + 2))
    bins = np.arange(window // 2 + 1) * rate / window
    # No band is narrower than a bin, or some would be empty.
    width = np.maximum(np.diff(edges), rate / window)
    rise = (bins[:, None] - (edges[1:-1] - width[:-1])) / width[:-1]
    fall = ((edges[1:-1] + width[1:]) - bins[:, None]) / width[1:]
    weights: np.ndarray = np.clip(np.minimum(rise, fall), 0, 1).astype(np.float32)
    return weights


def _to_mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def _to_hz(mel: np.ndarray) -> np.ndarray:
    return np.asarray(700 * (10 ** (mel / 2595) - 1))
