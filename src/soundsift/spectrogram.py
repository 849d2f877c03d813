"""Spectrogram and envelope of a wave of any length, for pictures, in bounded memory."""

from __future__ import annotations

from typing import Any

import numpy as np

_ROWS, _COLUMNS = 256, 1400
_LOWEST_HZ, _HIGHEST_HZ = 40.0, 20_000.0


def band_edges(sample_rate: int) -> np.ndarray:
    """Frequencies between the picture's rows: a mel-like scale, nearly linear below 300 Hz."""
    top = min(_HIGHEST_HZ, sample_rate / 2)
    low = min(_LOWEST_HZ, top / 100)
    scale = np.linspace(to_scale(low), to_scale(top), _ROWS + 1)
    return np.asarray(300 * np.expm1(scale))


def to_scale(hertz: float | np.ndarray) -> Any:
    """Frequencies in Hz on the scale of `band_edges`."""
    return np.log1p(np.asarray(hertz) / 300)


class Panel:
    """Spectrogram and envelope of one wave, in columns whose width doubles when they are too many.

    Attributes:
        power: mean over the channels per column and band, `(columns, bands)`; of each column the
            loudest moment, so that short clicks in long recordings are not stepped over.
        top: highest sample per column.
        bottom: lowest sample per column.
        width: samples per column.
        samples: taken so far.
    """

    def __init__(self, sample_rate: int, edges: np.ndarray) -> None:
        # About 46 ms: harmonics of a voice apart, its syllables too.
        self._size = 2 ** max(6, round(np.log2(0.046 * sample_rate)))
        self._window = np.hanning(self._size).astype(np.float32)
        self._bands = _band_weights(self._size, sample_rate, edges).astype(np.float32)
        self.width = self._size // 8
        self.samples = 0
        self.power = np.zeros((0, len(edges) - 1), np.float32)
        self.top = np.zeros(0, np.float32)
        self.bottom = np.zeros(0, np.float32)
        # From half a window before the first column that is not done.
        self._held: np.ndarray | None = None

    def add(self, wave: np.ndarray) -> None:
        """Take the next samples, `(channels, samples)`."""
        self.samples += wave.shape[1]
        self._extend(wave.astype(np.float32))

    def finish(self) -> None:
        """Do the last column, which may be a part of one."""
        if self.samples > len(self.power) * self.width:
            end = -(-self.samples // self.width) * self.width + self._size
            assert self._held is not None
            self._extend(np.zeros((len(self._held), end - self.samples), np.float32))
            keep = -(-self.samples // self.width)
            self.power, self.top = self.power[:keep], self.top[:keep]
            self.bottom = self.bottom[:keep]

    def _extend(self, wave: np.ndarray) -> None:
        if self._held is None:
            self._held = np.zeros((wave.shape[0], self._size // 2), np.float32)
        self._held = np.concatenate((self._held, wave), axis=1)
        while True:
            # The last window of a column reaches half a window beyond it.
            ready = (self._held.shape[1] - self._size) // self.width
            count = min(ready, 2 * _COLUMNS - len(self.power), 64)
            if count <= 0:
                return
            self._do(count)
            if len(self.power) == 2 * _COLUMNS:
                self.power = self.power.reshape(_COLUMNS, 2, -1).max(axis=1)
                self.top = self.top.reshape(_COLUMNS, 2).max(axis=1)
                self.bottom = self.bottom.reshape(_COLUMNS, 2).min(axis=1)
                self.width *= 2

    def _do(self, count: int) -> None:
        """Append so many columns."""
        held, size = self._held, self._size
        assert held is not None
        length = count * self.width
        inner = held[:, size // 2 : size // 2 + length].reshape(-1, count, self.width)
        hop = min(self.width, size // 2)
        windows = np.lib.stride_tricks.sliding_window_view(held, size, axis=1)
        power = np.zeros((length // hop, self.power.shape[1]), np.float32)
        for channel in windows[:, hop // 2 : hop // 2 + length : hop]:
            spectrum = np.fft.rfft(channel * self._window)
            power += (spectrum.real**2 + spectrum.imag**2).astype(np.float32) @ self._bands
        columns = (power / len(held)).reshape(count, -1, power.shape[1]).max(axis=1)
        self.power = np.concatenate((self.power, columns))
        self.top = np.concatenate((self.top, inner.max(axis=(0, 2))))
        self.bottom = np.concatenate((self.bottom, inner.min(axis=(0, 2))))
        self._held = held[:, length:].copy()


def _band_weights(size: int, sample_rate: int, edges: np.ndarray) -> np.ndarray:
    """Weights (bins, bands): the mean of a band's bins, or between bins where bands are finer."""
    bins = np.arange(size // 2 + 1) * sample_rate / size
    centres = (edges[1:] + edges[:-1]) / 2
    # A triangle at least one bin wide to either side always reaches a bin.
    reach = np.maximum(edges[1:] - edges[:-1], sample_rate / size)
    weights = np.maximum(0, 1 - np.abs(bins[:, None] - centres) / reach)
    return np.asarray(weights / np.maximum(weights.sum(axis=0), 1e-12))
