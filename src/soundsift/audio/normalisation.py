"""Normalisation of a model's input: constant offset removed, floats beyond full scale reduced.

Written samples are never normalised: the offset stays in the residual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Half a step of 16-bit audio, -96 dB: quieter than the dither of a silent CD.
SILENCE = 2.0**-16

#: Largest sample value taken for sound: floats in the scale of 32-bit integers, with room above.
LOUDEST = 2.0**32

_SECONDS = 1.0


@dataclass(frozen=True)
class Normalisation:
    """Constant offset and gain of a recording, for the input of a model.

    Attributes:
        offset: mean of each channel, full scale ±1; empty for none.
        gain: factor for what is left, 1 or less.
    """

    offset: tuple[float, ...] = ()
    gain: float = 1.0

    @classmethod
    def of_statistics(
        cls, total: np.ndarray, count: int, lowest: np.ndarray, highest: np.ndarray
    ) -> Normalisation:
        """Normalisation from statistics of each channel.

        Args:
            total: sums of the samples, `(channels,)`, float64.
            count: samples per channel.
            lowest: smallest samples, `(channels,)`.
            highest: largest samples, `(channels,)`.
        """
        # Rounded, so that sums over blocks and over the whole give the same bits.
        mean = np.round(np.asarray(total, np.float64) / max(1, count) * 2.0**24) / 2.0**24
        # Smaller offsets are of rounding and of chance; sound without an offset stays as it is.
        if not (np.abs(mean) >= SILENCE).any():
            mean = np.zeros_like(mean)
        peak = max(float((highest - mean).max()), float((mean - lowest).max()))
        offset = tuple(float(value) for value in mean) if mean.any() else ()
        return cls(offset, 1 / peak if peak > 1 else 1.0)

    @classmethod
    def of_samples(cls, samples: np.ndarray) -> Normalisation:
        """Normalisation of samples `(channels, samples)`, full scale ±1."""
        if not samples.size:
            return cls()
        total = samples.sum(axis=1, dtype=np.float64)
        return cls.of_statistics(total, samples.shape[1], samples.min(axis=1), samples.max(axis=1))

    def apply(self, block: np.ndarray) -> np.ndarray:
        """Input of a model from samples `(channels, samples)`, float32."""
        if self.offset:
            block = block - self._column()
        return block if self.gain == 1.0 else block * np.float32(self.gain)

    def undo(self, stems: np.ndarray, *, with_offset: bool) -> np.ndarray:
        """Stems at the level of the recording.

        Args:
            stems: `(prompts, stems, channels, samples)`, target first, float32.
            with_offset: whether the last stem gets the offset back.
        """
        if self.gain != 1.0:
            stems = stems * np.float32(1 / self.gain)
        if with_offset and self.offset:
            stems = stems.copy()
            stems[:, -1] += self._column()
        return stems

    def _column(self) -> np.ndarray:
        return np.array(self.offset, np.float32)[:, None]


class DcBlocker:
    """One-pole high-pass filter for arriving sound, with a time constant of one second (0.16 Hz).

    Args:
        sample_rate: samples per second.
    """

    def __init__(self, sample_rate: int) -> None:
        self._block = max(1, round(sample_rate * _SECONDS))
        self._decay = float(np.exp(-1 / (sample_rate * _SECONDS)))
        self._mean: np.ndarray | None = None

    def apply(self, block: np.ndarray) -> np.ndarray:
        """Filtered samples, `(channels, samples)`, float32."""
        result = np.empty(block.shape, np.float32)
        # Blocks of a time constant: the powers of the decay stay between 1 and e.
        for start in range(0, block.shape[1], self._block):
            piece = block[:, start : start + self._block].astype(np.float64)
            powers = self._decay ** np.arange(1, piece.shape[1] + 1)
            if self._mean is None:
                self._mean = np.zeros((piece.shape[0], 1))
            sums = np.cumsum(piece / powers, axis=1)
            means = powers * (self._mean + (1 - self._decay) * sums)
            result[:, start : start + piece.shape[1]] = piece - means
            self._mean = means[:, -1:]
        return result
