"""A tiny model of the default model's kind, with random weights."""

from pathlib import Path

import torch

from soundsift.checkpoints.store import save_model
from soundsift.config import SeparatorConfig
from soundsift.models.velocity_field import VelocityField

SIZES = {"dim": 32, "heads": 2, "layers": 1, "ffn_hidden": 32, "text_dim": 384}
#: As a training configuration's `model` has it.
TINY = {
    "name": "tiny",
    "prediction": "data",
    "codec": {},
    "field": {"context_channels": 384, "transformer": SIZES},
}
CONFIG = SeparatorConfig.model_validate(TINY)


def write_tiny_model(folder: Path) -> Path:
    torch.manual_seed(0)
    field = VelocityField(CONFIG.field)
    # A fresh model answers zero to everything: give it opinions.
    for parameter in field.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    save_model(folder, CONFIG, field.state_dict())
    return folder
