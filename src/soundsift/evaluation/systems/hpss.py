"""Harmonic/percussive separation by median filtering (librosa), in our own environment.

It takes no prompt.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch

from soundsift.evaluation.item import Samples
from soundsift.evaluation.spectrum import istft, stft

TITLE = "harmonic/percussive separation (librosa)"
#: None: our own environment, with the extra `bench`.
REQUIREMENTS = None
REPOSITORY = ""
WEIGHTS = "none"
PROMPTED = False
CHOICE = "nearest"
SAMPLE_RATE = 48_000
CHANNELS = None


def open_system(settings: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Nothing to load but the library."""
    del settings

    def separate(mixture: Any, sample_rate: int, request: dict[str, Any]) -> dict[str, Any]:
        del sample_rate, request
        return components(mixture)

    return separate


def components(mixture: Samples) -> dict[str, Samples]:
    """The harmonic and the percussive component of `(C, N)`, by librosa's median filtering.

    Raises:
        ImportError: librosa is not installed.
    """
    decompose = importlib.import_module("librosa.decompose")
    parts = decompose.hpss(stft(mixture).numpy())
    return {
        name: istft(torch.from_numpy(part), mixture.shape[1])
        for name, part in zip(("harmonic", "percussive"), parts, strict=True)
    }
