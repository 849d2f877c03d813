"""Demucs, the hybrid transformer `htdemucs`: drums, bass, other, vocals. It takes no prompt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

TITLE = "Demucs, htdemucs (demucs 4.1.0)"
REQUIREMENTS = (
    "demucs==4.1.0",
    "torch==2.13.0",
    "numpy==2.4.6",
    "soundfile==0.14.0",
    "soxr==1.1.0",
)
REPOSITORY = ""
WEIGHTS = "955717e8-8726e21a.th (htdemucs), fetched by demucs itself or from --weights demucs=DIR"
PROMPTED = False
CHOICE = "nearest"
SAMPLE_RATE = 44_100
CHANNELS = 2


def open_system(settings: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Load `htdemucs`, from the folder `weights` if it is given."""
    import torch
    from demucs.apply import apply_model
    from demucs.pretrained import get_model

    folder = settings.get("weights")
    model = get_model("htdemucs", repo=Path(folder) if folder else None).eval()

    def separate(mixture: Any, sample_rate: int, request: dict[str, Any]) -> dict[str, Any]:
        del sample_rate, request
        wave = torch.from_numpy(mixture.copy())
        # As demucs' own command: the mixture is normalised by the mean and deviation of its mono.
        mono = wave.mean(0)
        mean, deviation = mono.mean(), mono.std() + 1e-8
        with torch.inference_mode():
            stems = apply_model(model, ((wave - mean) / deviation)[None])[0]
        stems = stems * deviation + mean
        return {name: stem.numpy() for name, stem in zip(model.sources, stems, strict=True)}

    return separate
