"""Loudness of sounds that are compared, by ITU-R BS.1770.

Shapes: sounds are `(channels, samples)`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soundsift.optional import library

#: Common loudness in LUFS, that of EBU R 128.
LEVEL = -23.0
#: Peaks stay below this, in dB of full scale.
PEAK_DB = -1.0
#: An output is raised at most so much more than its mixture, in dB: near-silence stays near-silent.
MOST_EXTRA_DB = 20.0
_BLOCK_SECONDS = 0.4


@dataclass(frozen=True)
class Matched:
    """Gains that bring a mixture and outputs to one loudness.

    Attributes:
        level: the common loudness in LUFS.
        gains_db: gain of each sound, the mixture first.
        loudness: loudness of each sound after its gain; None if it is silent.
    """

    level: float
    gains_db: tuple[float, ...]
    loudness: tuple[float | None, ...]


def integrated_loudness(samples: np.ndarray, sample_rate: int) -> float:
    """Gated loudness in LUFS (ITU-R BS.1770-4), measured by pyloudnorm.

    Args:
        samples: `(channels, samples)`, full scale ±1; a sound shorter than the 400 ms of a block is
            followed by silence.
        sample_rate: samples per second.

    Returns:
        Minus infinity if no block is louder than -70 LUFS.
    """
    meter = library("pyloudnorm", "listening tests", "listening").Meter(sample_rate)
    missing = math.ceil(_BLOCK_SECONDS * sample_rate) - samples.shape[1]
    padded = np.pad(samples, ((0, 0), (0, max(0, missing))))
    return float(meter.integrated_loudness(np.ascontiguousarray(padded.T, dtype=np.float64)))


def match_loudness(sounds: Sequence[np.ndarray], sample_rate: int) -> Matched:
    """Gains for a mixture and outputs that are compared with it.

    All get the loudness `LEVEL`, or less where a peak would pass `PEAK_DB`. A silent sound keeps
    its level, and an output is raised by at most `MOST_EXTRA_DB` more than its mixture.

    Args:
        sounds: the mixture, then the outputs, each `(channels, samples)`.
        sample_rate: samples per second of all of them.

    Raises:
        ValueError: the mixture is silent.
    """
    loudness = [integrated_loudness(sound, sample_rate) for sound in sounds]
    if math.isinf(loudness[0]):
        raise ValueError("the mixture is silent")
    # Loudness minus peak: what a sound has when its peak is at full scale.
    most = LEVEL - loudness[0] + MOST_EXTRA_DB
    level = LEVEL
    for sound, value in zip(sounds, loudness, strict=True):
        if math.isfinite(value):
            gain = min(LEVEL - value, most)
            over = gain + 20 * math.log10(float(np.abs(sound).max())) - PEAK_DB
            level = min(level, LEVEL - over)
    most += level - LEVEL
    gains = tuple(min(level - v, most) if math.isfinite(v) else 0.0 for v in loudness)
    after = [v + g if math.isfinite(v) else None for v, g in zip(loudness, gains, strict=True)]
    return Matched(level, gains, tuple(after))


def apply_gain(samples: np.ndarray, gain_db: float) -> np.ndarray:
    """Samples with a gain in dB."""
    return samples * np.float32(10 ** (gain_db / 20))
