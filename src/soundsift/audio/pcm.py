"""PCM quantisation, and stems that add up to their mixture exactly after it."""

from typing import Any

import numpy as np

from soundsift.errors import SoundsiftError

# Quantisation steps from zero to full scale.
STEPS = {"s16": 2**15, "s24": 2**23}
SAMPLE_FORMATS = ("s16", "s24", "f32")

_BLOCK = 2**15
# Integer types of PCM: the value of silence and the distance to full scale. scipy, soundfile and
# other readers give 24 bits in the upper ones of int32.
_INTEGERS = {"uint8": (2**7, 2**7), "int16": (0, 2**15), "int32": (0, 2**31)}


def as_floats(samples: object) -> np.ndarray:
    """Samples of any usual type as float32 with full scale ±1.

    Args:
        samples: numbers, nested sequences, an array or a tensor. Floats are taken as they are;
            uint8, int16 and int32 are PCM and scaled.

    Returns:
        float32 of the same shape.

    Raises:
        SoundsiftError: another type, whose full scale is not defined, or no array of numbers.
    """
    if hasattr(samples, "detach"):
        # A PyTorch tensor, perhaps with gradients, on another device, or of a type NumPy lacks.
        tensor: Any = samples.detach().cpu()
        samples = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    try:
        array = np.asarray(samples)
    except (TypeError, ValueError) as error:
        raise SoundsiftError(
            f"The samples are no array of numbers ({error}). Give floats in -1..1."
        ) from error
    if isinstance(samples, np.ma.MaskedArray) and np.ma.is_masked(samples):
        raise SoundsiftError("The samples have masked values. Fill them first.")
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.asarray(array, dtype=np.float32)
    if array.dtype.name not in _INTEGERS:
        raise SoundsiftError(
            f"The samples are {array.dtype.name}, a type without a defined full scale. Convert "
            f"them to floats in -1..1, or to {', '.join(_INTEGERS)}."
        )
    silence, full_scale = _INTEGERS[array.dtype.name]
    floats = (array.astype(np.float64) - silence) / full_scale
    return floats.astype(np.float32)


def to_steps(samples: np.ndarray, sample_format: str) -> tuple[np.ndarray, int]:
    """Round samples to whole steps of an integer format and clip them to its range.

    Args:
        samples: (channels, samples), full scale ±1.
        sample_format: "s16" or "s24".

    Returns:
        int32 steps of the same shape, and the number of clipped samples.

    Raises:
        ValueError: a value is NaN, or the format is no integer format.
    """
    steps = STEPS.get(sample_format)
    if steps is None:
        raise ValueError(
            f"sample format {sample_format!r} has no integer grid; expected s16 or s24"
        )
    # Times a power of two: exact. Halves round to even, so silence stays silence and no offset
    # builds up.
    scaled = np.rint(np.asarray(samples) * np.float32(steps))
    if np.isnan(scaled).any():
        raise ValueError("NaN among the samples to be rounded")
    clipped = int(np.count_nonzero((scaled < -steps) | (scaled > steps - 1)))
    # float32 holds both ends exactly, also 2**23 - 1.
    return np.clip(scaled, -steps, steps - 1).astype(np.int32), clipped


def quantise(samples: np.ndarray, sample_format: str) -> np.ndarray:
    """Round samples to the values of a format, clipping beyond full scale.

    Args:
        samples: (channels, samples), full scale ±1.
        sample_format: "s16", "s24", or "f32" (which only converts to float32).

    Returns:
        float32 of the same shape, unchanged by writing and reading.

    Raises:
        ValueError: unknown format, or NaN in an integer format.
    """
    if sample_format == "f32":
        return np.asarray(samples, dtype=np.float32)
    return _from_steps(to_steps(samples, sample_format)[0], sample_format)


def count_clipped(samples: np.ndarray, sample_format: str) -> int:
    """Number of samples that a format clips.

    Args:
        samples: (channels, samples), full scale ±1.
        sample_format: "s16", "s24" or "f32", which clips none.
    """
    # Few recordings reach full scale, and the maximum is cheaper than rounding.
    if sample_format not in STEPS or not samples.size or np.abs(samples).max() < 1 - 2.0**-15:
        return 0
    return to_steps(samples, sample_format)[1]


def complement(
    mixture: np.ndarray, target: np.ndarray, sample_format: str
) -> tuple[np.ndarray, np.ndarray]:
    """Split a mixture into a target and a residual that add up to it in the written format.

    For "s16" and "s24" the integers in the two files sum to the integers of the mixture, always.
    Where the residual would pass full scale (a target in opposite phase to a loud mixture), the
    residual is clipped and the target takes up the difference; the target then stays within full
    scale by construction. A mixture beyond full scale is clipped first, as its own file would be.

    For "f32" the stems add up exactly wherever floats can: always where the mixture's numbers are
    of 16 or 24 bits, and else where no stem is over twice as loud as the mixture. Elsewhere (the
    mixture near zero between two stems of opposite phase, with digits finer than either has) no
    pair of floats near them adds up to it, and the sum is the mixture to within half a unit in the
    last place of the louder stem.

    Args:
        mixture: (channels, samples), full scale ±1.
        target: the same shape.
        sample_format: "s16", "s24" or "f32".

    Returns:
        Target and residual, float32, the shape of the mixture, both on the format's grid.

    Raises:
        ValueError: shapes differ, unknown format, or NaN in an integer format.
    """
    if mixture.shape != target.shape:
        raise ValueError(f"mixture {mixture.shape} and target {target.shape} differ in shape")
    if sample_format == "f32":
        whole = np.asarray(mixture, dtype=np.float32)
        residual = whole - np.asarray(target, dtype=np.float32)
        # Taking the target from the rounded residual hands it the residual's rounding error.
        return whole - residual, residual
    if sample_format not in STEPS:
        raise ValueError(f"expected one of {', '.join(SAMPLE_FORMATS)}, not {sample_format!r}")
    steps = STEPS[sample_format]
    stems = np.empty_like(mixture, np.float32), np.empty_like(mixture, np.float32)
    # In blocks: temporaries as long as the recording would double the memory needed.
    for start in range(0, mixture.shape[1], _BLOCK):
        block = np.s_[:, start : start + _BLOCK]
        whole = to_steps(mixture[block], sample_format)[0]
        # int32 has room for the difference of two 24-bit numbers.
        residual = np.clip(whole - to_steps(target[block], sample_format)[0], -steps, steps - 1)
        stems[0][block] = _from_steps(whole - residual, sample_format)
        stems[1][block] = _from_steps(residual, sample_format)
    return stems


def _from_steps(steps: np.ndarray, sample_format: str) -> np.ndarray:
    return steps.astype(np.float32) * np.float32(1 / STEPS[sample_format])
