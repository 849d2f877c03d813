"""AudioSep (arXiv 2308.05037): one channel at 32 kHz by text.

No package: its repository is cloned.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

TITLE = "AudioSep (base, 4 M steps)"
REQUIREMENTS = (
    "torch==2.13.0",
    "torchaudio==2.11.0",
    "torchvision==0.28.0",
    "torchlibrosa==0.1.0",
    "lightning==2.6.0",
    "transformers==4.28.1",
    "librosa==0.11.0",
    "h5py==3.16.0",
    "webdataset==1.0.2",
    "wget==3.2",
    "ftfy==6.3.1",
    "pandas==3.0.6",
    "numpy==1.26.4",
    "soundfile==0.14.0",
    "soxr==1.1.0",
)
REPOSITORY = "https://github.com/Audio-AGI/AudioSep@ad119249bb7dba4ab544525b4f8978b94733d186"
WEIGHTS = (
    "audiosep_base_4M_steps.ckpt and music_speech_audioset_epoch_15_esc_89.98.pt, both from the "
    "Hub's space Audio-AGI/AudioSep, in one folder: --weights audiosep=DIR"
)
PROMPTED = True
CHOICE = "prompt"
SAMPLE_RATE = 32_000
CHANNELS = 1


def open_system(settings: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Load network and CLAP from `weights`, with the code of the clone `source`."""
    source, weights = Path(settings["source"]), Path(settings["weights"])
    sys.path.insert(0, str(source))
    os.chdir(source)
    # The repository's CLAP encoder looks for its weights in `checkpoint`.
    link = source / "checkpoint"
    if link.is_symlink() or not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(weights.resolve())

    import torch
    from pipeline import build_audiosep

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = build_audiosep(
        config_yaml="config/audiosep_base.yaml",
        checkpoint_path=str(weights / "audiosep_base_4M_steps.ckpt"),
        device=device,
    )

    def separate(mixture: Any, sample_rate: int, request: dict[str, Any]) -> dict[str, Any]:
        del sample_rate
        with torch.no_grad():
            condition = model.query_encoder.get_query_embed(
                modality="text", text=[request["text"]], device=device
            )
            wave = torch.from_numpy(mixture.copy())[None].to(device)
            found = model.ss_model({"mixture": wave, "condition": condition})["waveform"]
        return {"target": found[0].cpu().numpy()}

    return separate
