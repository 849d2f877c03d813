"""What the benchmark counts, all in dB.

Waves are `(samples,)`, NumPy arrays or PyTorch tensors; sums are taken in double precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Wave = NDArray[np.floating[Any]] | Tensor

#: Ratios are kept within these: an output of pure silence must not make a mean infinite.
LOWEST_DB, HIGHEST_DB = -50.0, 100.0
_RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % bootstrap interval.

    Attributes:
        mean, low, high: NaN if there are no values.
        median: of the values.
        count: number of values.
    """

    mean: float
    low: float
    high: float
    median: float
    count: int


def si_sdr(estimate: Wave, reference: Wave) -> float:
    """Scale-invariant signal-to-distortion ratio: the estimate's gain does not count.

    The mean is not taken out: a constant offset is an error like any other.

    Args:
        estimate: `(samples,)`.
        reference: the right answer, same shape; not silent.

    Returns:
        dB within `LOWEST_DB` to `HIGHEST_DB`; the lowest if the estimate is silent.

    Raises:
        ValueError: if the shapes differ or the reference is silent.
    """
    heard, wanted = _pair(estimate, reference)
    scaled = wanted * (np.dot(heard, wanted) / np.dot(wanted, wanted))
    return _ratio_db(scaled, heard - scaled)


def sdr(estimate: Wave, reference: Wave) -> float:
    """Signal-to-distortion ratio, the estimate's gain included; otherwise as `si_sdr`."""
    heard, wanted = _pair(estimate, reference)
    return _ratio_db(wanted, heard - wanted)


def si_sdr_improvement(estimate: Wave, reference: Wave, mixture: Wave) -> float:
    """By how many dB an estimate is nearer to the reference than the mixture is, in SI-SDR."""
    return si_sdr(estimate, reference) - si_sdr(mixture, reference)


def sdr_improvement(estimate: Wave, reference: Wave, mixture: Wave) -> float:
    """By how many dB an estimate is nearer to the reference than the mixture is, in SDR."""
    return sdr(estimate, reference) - sdr(mixture, reference)


def preference(estimate: Wave, right: Wave, wrong: Wave) -> float:
    """By how many dB of SI-SDR an estimate is nearer to one sound than to another."""
    return si_sdr(estimate, right) - si_sdr(estimate, wrong)


def attenuation_db(output: Wave, mixture: Wave) -> float:
    """How far the output lies below the mixture: the more, the better, if the sound is absent."""
    return _ratio_db(_double(mixture), _double(output))


def bootstrap_mean(values: Sequence[float], seed: int = 0) -> Interval:
    """The mean of some values and the 95 % interval of means resampled from them.

    Args:
        values: any number of them.
        seed: of the resampling.
    """
    drawn = np.asarray(values, dtype=np.float64)
    if drawn.size == 0:
        return Interval(np.nan, np.nan, np.nan, np.nan, 0)
    low, high = _middle(drawn[_resamples(drawn.size, seed)].mean(axis=1))
    return Interval(float(drawn.mean()), low, high, float(np.median(drawn)), int(drawn.size))


def bootstrap_share(
    parts: Sequence[float], wholes: Sequence[float], seed: int = 0
) -> tuple[float, float, float]:
    """What share all parts together are of all wholes, with the 95 % interval of such shares.

    A mean of ratios would be at the mercy of the smallest whole.

    Args:
        parts: one or more.
        wholes: as many; each is resampled together with its part.
        seed: of the resampling.

    Returns:
        (share, low, high).
    """
    pairs = np.array([parts, wholes], dtype=np.float64)
    part, whole = pairs[:, _resamples(pairs.shape[1], seed)].sum(axis=2)
    low, high = _middle(part / whole)
    return float(pairs[0].sum() / pairs[1].sum()), low, high


def _resamples(count: int, seed: int) -> NDArray[np.int64]:
    """Which of so many values each resample takes, `(resamples, count)`."""
    return np.random.default_rng(seed).integers(count, size=(_RESAMPLES, count))


def _middle(values: NDArray[np.float64]) -> tuple[float, float]:
    """Between which values the middle 95 % lie."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _double(wave: Wave) -> NDArray[np.float64]:
    array = wave.detach().cpu().numpy() if isinstance(wave, Tensor) else wave
    return np.asarray(array, dtype=np.float64)


def _pair(estimate: Wave, reference: Wave) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    heard, wanted = _double(estimate), _double(reference)
    if heard.shape != wanted.shape or heard.ndim != 1:
        raise ValueError(
            f"expected two waves of one shape (samples,), not {heard.shape} and {wanted.shape}"
        )
    if not wanted.any():
        raise ValueError("the reference is silent; use attenuation_db for absent sounds")
    return heard, wanted


def _ratio_db(signal: NDArray[np.float64], error: NDArray[np.float64]) -> float:
    above, below = float(np.dot(signal, signal)), float(np.dot(error, error))
    if above <= 0.0:
        return LOWEST_DB
    if below <= 0.0:
        return HIGHEST_DB
    return float(np.clip(10 * np.log10(above / below), LOWEST_DB, HIGHEST_DB))
