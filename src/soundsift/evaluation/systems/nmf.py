"""Non-negative factors of the spectrogram (scikit-learn by way of librosa), in our own environment.

It takes no prompt. Every component that is nearer to the target than to the rest is taken, by the
right answer: an upper bound for such components rather than a method.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from soundsift.evaluation.item import Samples
from soundsift.evaluation.spectrum import istft, stft

TITLE = "NMF, 16 components (scikit-learn, librosa)"
REQUIREMENTS = None
REPOSITORY = ""
WEIGHTS = "none"
PROMPTED = False
#: All stems nearer to the target than to the rest are summed.
CHOICE = "sum"
SAMPLE_RATE = 48_000
CHANNELS = None
_COMPONENTS, _ITERATIONS = 16, 100


def open_system(settings: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Nothing to load but the libraries."""
    del settings

    def separate(mixture: Any, sample_rate: int, request: dict[str, Any]) -> dict[str, Any]:
        del sample_rate, request
        return components(mixture)

    return separate


def components(mixture: Samples) -> dict[str, Samples]:
    """The waves of all non-negative factors; they sum to the mixture."""
    spectrum, parts = shares(mixture)
    return {
        f"component{number:02d}": istft(
            torch.from_numpy(spectrum * share.astype(np.float32)), mixture.shape[1]
        )
        for number, share in enumerate(parts)
    }


def shares(mixture: Samples) -> tuple[NDArray[np.complex64], list[NDArray[np.float64]]]:
    """The spectrum `(C, F, T)`, and every factor's share of its magnitude `(F, T)`."""
    from sklearn.decomposition import NMF  # type: ignore[import-untyped,unused-ignore]

    decompose = importlib.import_module("librosa.decompose").decompose
    spectrum = stft(mixture).numpy()
    factors = NMF(
        n_components=_COMPONENTS,
        init="nndsvda",
        solver="mu",
        beta_loss="kullback-leibler",
        max_iter=_ITERATIONS,
        # No early stop: it would warn, and the result would depend on a threshold.
        tol=0.0,
        random_state=0,
    )
    templates, activations = decompose(
        np.abs(spectrum).mean(axis=0) + 1e-8, transformer=factors, sort=False
    )
    whole = templates @ activations + 1e-12
    parts = zip(templates.T, activations, strict=True)
    return spectrum, [np.outer(template, activation) / whole for template, activation in parts]
