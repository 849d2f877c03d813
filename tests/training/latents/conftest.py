"""Tiny runs of the separator in latents, on the toy world."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from soundsift.checkpoints.released_form import write_codec
from soundsift.config import DacVaeConfig
from soundsift.models.dac_vae import DacVae
from soundsift.training.latents.config import LatentTrainingConfig

CODEC = {
    "encoder_dim": 4,
    "encoder_rates": (2, 2, 4, 10),
    "latent_dim": 16,
    "decoder_dim": 96,
    "decoder_rates": (10, 4, 2, 2),
    "codebook_dim": 8,
    "sample_rate": 4000,
}


@pytest.fixture(scope="session")
def codec_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A codec with random weights."""
    torch.manual_seed(0)
    config = DacVaeConfig.model_validate(CODEC)
    vae = DacVae(config)
    torch.nn.init.zeros_(vae.watermark.last.weight)
    folder = tmp_path_factory.mktemp("codec")
    write_codec(folder, config, vae.state_dict())
    return folder


@pytest.fixture(scope="session")
def make_config(
    codec_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., LatentTrainingConfig]:
    """Keywords replace parts of the configuration."""

    def make(**changes: object) -> LatentTrainingConfig:
        transformer = {
            "dim": 16,
            "heads": 2,
            "layers": 2,
            "ffn_hidden": 24,
            "text_dim": 384,
            "out_channels": 16,
            "time_embedding_dim": 16,
        }
        field = {"latent_channels": 8, "context_channels": 32, "anchor_dim": 4}
        model = {
            "name": "tiny",
            "codec": CODEC,
            "text_encoder": "minilm",
            "field": field | {"transformer": transformer},
            "window_seconds": 1.0,
            "overlap_seconds": 0.2,
        }
        settings: dict[str, object] = {
            "network": "latents",
            "data": [{"toy": True}],
            "codec": codec_folder,
            "run": tmp_path_factory.mktemp("runs") / "run",
            "steps": 8,
            "seed": 3,
            "device": "cpu",
            "workers": 0,
            "threads": 1,
            "precision": "float32",
            "validate_every": 6,
            "validation_examples": 3,
            "validation_steps": 1,
            "batch": {"seconds": (0.4, 0.8), "frames": 90},
            "loss": {"alignment": 0.0},
            "optimiser": {"rate": 3e-3, "warmup": 2},
            "model": model,
        }
        return LatentTrainingConfig.model_validate(settings | changes)

    return make
