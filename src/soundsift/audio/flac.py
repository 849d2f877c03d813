"""FLAC in memory, for results that go into other containers than files."""

from __future__ import annotations

import io

import numpy as np
import soundfile

from soundsift.audio.pcm import to_steps

_UNUSED_BITS = {"s16": 16, "s24": 8}


def flac_bytes(samples: np.ndarray, sample_rate: int, sample_format: str) -> bytes:
    """A FLAC file of some samples.

    Args:
        samples: `(channels, samples)`, full scale ±1; 8 channels at most.
        sample_rate: samples per second.
        sample_format: "s16" or "s24", to whose steps they are rounded.

    Raises:
        ValueError: NaN, or another format.
        soundfile.LibsndfileError: more channels, or a rate that FLAC does not know.
    """
    steps = to_steps(samples, sample_format)[0]
    # libsndfile takes the upper bits of 32.
    raised = np.left_shift(steps, _UNUSED_BITS[sample_format])
    buffer = io.BytesIO()
    subtype = "PCM_16" if sample_format == "s16" else "PCM_24"
    soundfile.write(buffer, raised.T, sample_rate, subtype, format="FLAC")
    return buffer.getvalue()
