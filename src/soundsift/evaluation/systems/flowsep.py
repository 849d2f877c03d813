"""FlowSep (arXiv 2409.07614): one channel at 16 kHz by text, 10.24 s at a time; needs a GPU.

No package: its repository is cloned.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

TITLE = "FlowSep"
REQUIREMENTS = (
    "torch==2.13.0",
    "torchaudio==2.11.0",
    "torchvision==0.28.0",
    "pytorch-lightning==2.6.0",
    "transformers==4.28.1",
    "einops==0.8.1",
    "librosa==0.11.0",
    "ipdb==0.13.13",
    "wandb==0.31.0",
    "pyyaml==6.0.3",
    "soundfile==0.14.0",
    "soxr==1.1.0",
)
REPOSITORY = "https://github.com/Audio-AGI/FlowSep@601399340e42bb61ac6d920fab024ea9cbf9f1b4"
WEIGHTS = (
    "v2_100k.ckpt of FlowSep's Hub repository, and a CUDA GPU: --weights flowsep=DIR names its "
    "folder"
)
PROMPTED = True
CHOICE = "prompt"
SAMPLE_RATE = 16_000
CHANNELS = 1
_WINDOW = 163_840


def open_system(settings: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Load the network from `weights`, with the code of the clone `source`."""
    source, weights = Path(settings["source"]), Path(settings["weights"])
    sys.path[:0] = [str(source / "src"), str(source)]
    os.chdir(source)

    import numpy as np
    import soundfile
    import torch
    import yaml
    from latent_diffusion.util import instantiate_from_config
    from utilities.data.dataset import AudioDataset

    config = yaml.safe_load(Path("lass_config/2channel_flow.yaml").read_text())
    data = AudioDataset(config, split="test", add_ons=[])
    model = instantiate_from_config(config["model"]).to("cuda")
    state = torch.load(weights / "v2_100k.ckpt", map_location="cuda", weights_only=False)
    model.load_state_dict(state["state_dict"], strict=True)

    def window(wave: Any, text: str, folder: Path) -> Any:
        path = folder / "mixture.wav"
        soundfile.write(path, wave, SAMPLE_RATE, subtype="FLOAT")
        mixed, _ = data.read_wav_file(str(path))
        mixed = mixed[0][:_WINDOW]
        mel, _ = data.wav_feature_extraction(mixed.reshape(1, -1))
        batch = {
            "fname": [str(path)],
            "text": [text],
            "caption": [text],
            "waveform": torch.zeros(1, 1, _WINDOW).cuda(),
            "log_mel_spec": torch.zeros(1, 1024, 64).cuda(),
            "sampling_rate": torch.tensor([SAMPLE_RATE]).cuda(),
            "label_vector": torch.zeros(1, 527).cuda(),
            "stft": torch.zeros(1, 1024, 512).cuda(),
            "mixed_waveform": torch.from_numpy(mixed.reshape(1, 1, _WINDOW)),
            "mixed_mel": mel.reshape(1, *mel.shape[:2]),
        }
        model.generate_sample(
            [batch],
            name=str(folder / "out"),
            unconditional_guidance_scale=1.0,
            ddim_steps=20,
            n_gen=1,
            save_mixed=False,
        )
        made = sorted((folder / "out").rglob("*.wav"))
        if not made:
            raise RuntimeError("FlowSep wrote no file")
        return soundfile.read(made[-1], dtype="float32")[0]

    def separate(mixture: Any, sample_rate: int, request: dict[str, Any]) -> dict[str, Any]:
        del sample_rate
        length, parts = mixture.shape[1], []
        for start in range(0, length, _WINDOW):
            wave = mixture[0, start : start + _WINDOW]
            wave = np.pad(wave, (0, _WINDOW - len(wave)))
            with tempfile.TemporaryDirectory() as folder:
                made = window(wave, request["text"], Path(folder))[:_WINDOW]
            parts.append(np.pad(made, (0, _WINDOW - len(made))))
        return {"target": np.concatenate(parts)[None, :length]}

    return separate
