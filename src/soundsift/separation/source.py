"""What users give as a recording: a file, its content, samples."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import BinaryIO

import numpy as np

from soundsift.audio import Recording, RecordingFile, read
from soundsift.audio.normalisation import LOUDEST
from soundsift.audio.pcm import as_floats
from soundsift.errors import SoundsiftError
from soundsift.separation.stored import stored

Source = str | Path | np.ndarray | Recording | bytes | BinaryIO
"""A file, its content, an open file, samples, or a `Recording`."""

FileSource = str | Path | RecordingFile | bytes | BinaryIO
"""The same without samples."""


def as_recording(source: Source, sample_rate: int | None = None) -> Recording:
    """Read a file, or check samples.

    Raises:
        SoundsiftError: for a file that cannot be used, samples of a wrong shape or that are not
            finite, or a missing rate.
    """
    if isinstance(source, Recording):
        return replace(source, samples=as_floats(source.samples))
    if isinstance(source, str | Path | bytes | bytearray | memoryview) or hasattr(source, "read"):
        with stored(source) as path:
            recording = read(path)
        # Of bytes there is no file any more.
        return recording if path == source else replace(recording, path=None)
    samples = np.atleast_2d(as_floats(source))
    whole = isinstance(sample_rate, Real) and sample_rate > 0 and int(sample_rate) == sample_rate
    if sample_rate is None or not whole:
        raise SoundsiftError(f"Invalid sample_rate {sample_rate}: samples need their rate in Hz.")
    if samples.ndim != 2 or samples.shape[0] > samples.shape[1]:
        raise SoundsiftError(
            f"Invalid samples of shape {np.shape(source)}: expected (channels, samples)."
        )
    if not np.isfinite(samples).all():
        raise SoundsiftError("The samples hold NaN or infinite values. Use finite numbers.")
    peak = float(np.abs(samples).max(initial=0.0))
    if peak > LOUDEST:
        raise SoundsiftError(
            f"The samples reach {peak:.0e}, where full scale is 1. Scale them to -1..1."
        )
    return Recording(samples, int(sample_rate))
