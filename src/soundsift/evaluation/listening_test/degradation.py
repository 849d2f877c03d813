"""Sounds that are known to be worse: for gold items and for training.

Shapes: sounds are `(channels, samples)`.
"""

from __future__ import annotations

import numpy as np

_CUT_SECONDS = 0.25


def degrade(samples: np.ndarray, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """The same sound with every other quarter of a second missing, in noise of its own level.

    Cuts lower recall, noise lowers precision, and both lower faithfulness: whatever the sound is,
    the result is worse on every axis.

    Args:
        samples: the sound; not silent.
        sample_rate: samples per second.
        rng: source of the noise.
    """
    count = samples.shape[1]
    # Noise with a power density of 1 / frequency, alike in all channels.
    spectrum = np.fft.rfft(rng.standard_normal(count))
    spectrum[0] = 0.0
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    noise = np.fft.irfft(spectrum, count)
    noise *= np.sqrt(np.mean(samples.astype(np.float64) ** 2) / np.mean(noise**2))
    period = max(2, round(2 * _CUT_SECONDS * sample_rate))
    kept = np.arange(count) % period < period // 2
    return (samples * kept + noise).astype(np.float32)
