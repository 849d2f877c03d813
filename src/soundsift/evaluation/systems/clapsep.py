"""CLAPSep (arXiv 2402.17455): one channel at 32 kHz by text.

No package: its repository is cloned.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

TITLE = "CLAPSep"
REQUIREMENTS = (
    "torch==2.13.0",
    "torchaudio==2.11.0",
    "torchvision==0.28.0",
    "torchlibrosa==0.1.0",
    "laion-clap==1.1.7",
    "loralib==0.1.2",
    "pytorch-lightning==2.6.0",
    "einops==0.8.1",
    "librosa==0.11.0",
    "soundfile==0.14.0",
    "soxr==1.1.0",
)
REPOSITORY = "https://github.com/Aisaka0v0/CLAPSep@aeb493e739b91e7d4d15e41ed4d39f4cad3485ff"
WEIGHTS = (
    "best_model.ckpt and music_audioset_epoch_15_esc_90.14.pt, both from the Hub's space "
    "AisakaMikoto/CLAPSep, in one folder: --weights clapsep=DIR"
)
PROMPTED = True
CHOICE = "prompt"
SAMPLE_RATE = 32_000
CHANNELS = 1
#: Of the network's own window.
_SECONDS = 10


def open_system(settings: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Load network and CLAP from `weights`, with the code of the clone `source`."""
    source, weights = Path(settings["source"]), Path(settings["weights"])
    sys.path.insert(0, str(source))

    import json

    import laion_clap
    import numpy as np
    import torch
    import torchaudio
    from model.CLAPSep import LightningModule
    from model.CLAPSep_decoder import HTSAT_Decoder

    config = json.loads((source / "experiments/CLAPSep_base/config.json").read_text())
    clap = laion_clap.CLAP_Module(enable_fusion=False, amodel="HTSAT-base", device="cpu")
    clap.load_ckpt(str(weights / "music_audioset_epoch_15_esc_90.14.pt"))
    model = LightningModule(
        clap,
        HTSAT_Decoder(**config["model"]),
        lr=config["optim"]["lr"],
        use_lora=config["lora"],
        rank=config["lora_rank"],
        nfft=config["nfft"],
    )
    state = torch.load(weights / "best_model.ckpt", map_location="cpu", weights_only=True)
    model.load_state_dict(state.get("state_dict", state), strict=False)
    model.eval()

    def separate(mixture: Any, sample_rate: int, request: dict[str, Any]) -> dict[str, Any]:
        length, window = mixture.shape[1], _SECONDS * sample_rate
        parts = []
        with torch.no_grad():
            wanted = clap.get_text_embedding([request["text"]], use_tensor=True)
            unwanted = torch.zeros_like(wanted)
            for start in range(0, length, window):
                part = torch.from_numpy(mixture[:, start : start + window].copy())
                part = torch.nn.functional.pad(part, (0, window - part.shape[1]))
                higher = torchaudio.functional.resample(part, sample_rate, 48_000)
                parts.append(model.inference_from_data(part, wanted, unwanted, higher).numpy())
        return {"target": np.concatenate(parts, axis=-1).reshape(1, -1)[:, :length]}

    return separate
