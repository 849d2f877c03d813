"""The short-time Fourier transform of the baselines: Hann windows of 2048 samples, hop 512."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

_WINDOW, _HOP = 2048, 512


def stft(wave: NDArray[np.float32]) -> torch.Tensor:
    """`(C, N)` to complex `(C, F, T)`."""
    return torch.stft(
        torch.from_numpy(np.ascontiguousarray(wave, dtype=np.float32)),
        _WINDOW,
        _HOP,
        window=torch.hann_window(_WINDOW),
        pad_mode="constant",
        return_complex=True,
    )


def istft(spectrum: torch.Tensor, samples: int) -> NDArray[np.float32]:
    """Complex `(C, F, T)` to `(C, samples)`."""
    wave: NDArray[np.float32] = torch.istft(
        spectrum, _WINDOW, _HOP, window=torch.hann_window(_WINDOW), length=samples
    ).numpy()
    return wave
