"""Open-Unmix, `umxl` weights: vocals, drums, bass, other. It takes no prompt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TITLE = "Open-Unmix, umxl (openunmix 1.3.0)"
REQUIREMENTS = (
    "openunmix==1.3.0",
    "torch==2.13.0",
    "torchaudio==2.11.0",
    "numpy==2.4.6",
    "soundfile==0.14.0",
    "soxr==1.1.0",
)
REPOSITORY = ""
WEIGHTS = (
    "umxl, fetched from Zenodo by openunmix itself, or separator.json, TARGET.json and TARGET.pth "
    "from --weights open-unmix=DIR"
)
PROMPTED = False
CHOICE = "nearest"
SAMPLE_RATE = 44_100
CHANNELS = 2


def open_system(settings: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Load `umxl`, from the folder `weights` if it is given."""
    import torch
    from openunmix.utils import load_separator

    separator = load_separator(
        settings.get("weights") or "umxl",
        targets=["vocals", "drums", "bass", "other"],
        niter=1,
        residual=False,
        wiener_win_len=300,
        device="cpu",
        pretrained=True,
        filterbank="torch",
    )
    separator.freeze()

    def separate(mixture: Any, sample_rate: int, request: dict[str, Any]) -> dict[str, Any]:
        del sample_rate, request
        with torch.inference_mode():
            found = separator.to_dict(separator(torch.from_numpy(mixture.copy())[None]))
        return {name: stem[0].numpy() for name, stem in found.items()}

    return separate
