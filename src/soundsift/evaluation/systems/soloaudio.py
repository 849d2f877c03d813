"""SoloAudio (arXiv 2409.08425): one channel at 24 kHz by text.

No package: its repository is cloned.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

TITLE = "SoloAudio v2, 50 steps"
REQUIREMENTS = (
    "torch==2.13.0",
    "torchaudio==2.11.0",
    "diffusers==0.36.0",
    "transformers==4.57.1",
    "einops==0.8.1",
    "librosa==0.11.0",
    "pyyaml==6.0.3",
    "soundfile==0.14.0",
    "soxr==1.1.0",
)
REPOSITORY = "https://github.com/WangHelin1997/SoloAudio@68f1d82206576e58f7c3f400221c3dae9dc7a901"
WEIGHTS = (
    "soloaudio_v2.pt and audio-vae.pt of SoloAudio's Hub repository in one folder: --weights "
    "soloaudio=DIR; laion/larger_clap_general in the Hub's cache"
)
PROMPTED = True
CHOICE = "prompt"
SAMPLE_RATE = 24_000
CHANNELS = 1
_STEPS, _SEED = 50, 2024


def open_system(settings: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Load codec, network and CLAP, with the code of the clone `source`."""
    source, weights = Path(settings["source"]), Path(settings["weights"])
    sys.path.insert(0, str(source))
    os.chdir(source)

    import torch
    import yaml
    from diffusers import DDIMScheduler
    from model.udit import UDiT
    from transformers import AutoTokenizer, ClapModel
    from vae_modules.autoencoder_wrapper import Autoencoder

    device = "cuda" if torch.cuda.is_available() else "cpu"
    config = yaml.safe_load(Path("config/SoloAudio.yaml").read_text())
    clap: Any = ClapModel.from_pretrained("laion/larger_clap_general")
    clap = clap.to(device).eval()
    tokenizer = AutoTokenizer.from_pretrained("laion/larger_clap_general")
    codec = Autoencoder(str(weights / "audio-vae.pt"), "stable_vae", quantization_first=True)
    codec.eval().to(device)
    network = UDiT(**config["diffwrap"]["UDiT"]).to(device).eval()
    state = torch.load(weights / "soloaudio_v2.pt", map_location=device, weights_only=True)
    network.load_state_dict(state["model"])
    scheduler = DDIMScheduler(**config["ddim"]["diffusers"])

    def separate(mixture: Any, sample_rate: int, request: dict[str, Any]) -> dict[str, Any]:
        del sample_rate
        with torch.no_grad():
            latents = codec(audio=torch.from_numpy(mixture.copy())[None].to(device))
            words = tokenizer([request["text"]], padding=True, return_tensors="pt").to(device)
            prompt = clap.get_text_features(**words)
            draw = torch.Generator(device=device).manual_seed(_SEED)
            made = torch.randn(latents.shape, generator=draw, device=device)
            scheduler.set_timesteps(_STEPS)
            for time in scheduler.timesteps:
                made = scheduler.scale_model_input(made, time)
                step = network(x=made, timesteps=time, mixture=latents, timbre=prompt)
                made = scheduler.step(
                    model_output=step, timestep=time, sample=made, eta=0, generator=draw
                ).prev_sample
            wave = codec(embedding=made)
        return {"target": wave.reshape(1, -1).cpu().numpy()}

    return separate
