"""A released model as it comes: its whole list of weights, its name and its configuration."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from soundsift.checkpoints import dac_vae, pe_vision, sam_audio
from soundsift.checkpoints.pe_vision import PE_CORE_L14_336, PREFIX
from soundsift.checkpoints.sam_audio import RELEASED, load_config
from soundsift.config import DacVaeConfig
from soundsift.errors import SoundsiftError
from soundsift.models.dac_vae import DacVae
from soundsift.models.pe_vision import PeVision
from soundsift.models.velocity_field import VelocityField

DATA = Path(__file__).parents[1] / "data"

SMALL: dict[str, Any] = {
    "in_channels": 768,
    "num_anchors": 3,
    "anchor_embedding_dim": 128,
    "audio_codec": {"codebook_dim": 128},
    "text_encoder": {"name": "t5-base", "dim": 768},
    "vision_encoder": {"name": "PE-Core-L14-336", "dim": 1024},
    "transformer": {"dim": 1536, "n_heads": 12, "n_layers": 12},
}


def listed(name: str, part: str | None = None) -> dict[str, list[int]]:
    """Names and shapes of a part; layer * stands for all of them in the file."""
    read = json.loads((DATA / f"released_{name}.json").read_text())
    read = read if part is None else read[part]
    return {
        weight.replace("*", str(layer)): shape
        for weight, shape in read.get("weights", read).items()
        for layer in (range(read["layers"]) if "*" in weight else [0])
    }


def whole_checkpoint() -> dict[str, Tensor]:
    """Every weight of `sam-audio-small`, without memory behind it."""
    parts = (
        ("", listed("velocity_field", "small")),
        ("audio_codec.", listed("dac_vae")),
        (PREFIX, listed("pe_vision")),
        (PREFIX.removesuffix("visual."), listed("unused_text_tower")),
    )
    return {
        prefix + name: torch.empty(shape, device="meta")
        for prefix, part in parts
        for name, shape in part.items()
    }


def test_every_part_of_a_whole_checkpoint() -> None:
    checkpoint = whole_checkpoint()
    # As the published code asks for.
    assert len(checkpoint) == 1165
    assert sum(tensor.numel() for tensor in checkpoint.values()) == 1_275_035_782
    with torch.device("meta"):
        modules = (
            VelocityField(RELEASED["small"]),
            DacVae(DacVaeConfig()),
            PeVision(PE_CORE_L14_336),
        )
    converters = (sam_audio.convert, dac_vae.convert, pe_vision.convert)
    for module, convert in zip(modules, converters, strict=True):
        ours = {name: tensor.shape for name, tensor in module.state_dict().items()}
        assert {name: tensor.shape for name, tensor in convert(checkpoint).items()} == ours


def write(folder: Path, config: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_the_name_is_that_on_the_hub(tmp_path: Path) -> None:
    cached = tmp_path / "models--facebook--sam-audio-small" / "snapshots" / "0123abcd"
    assert load_config(write(cached, SMALL)).name == "facebook/sam-audio-small"
    assert load_config(write(tmp_path / "mine", SMALL)).name == "mine"


def test_the_sizes_of_small(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, SMALL))
    assert config.field == RELEASED["small"]
    said = {
        "text_encoder": {"name": "google-t5/t5-base"},
        "vision_encoder": {
            "normalize_feature": True,
            "interpolation_mode": "BICUBIC",
            "image_size": 336,
        },
        "transformer": {"fc_bias": False},
    }
    assert load_config(write(tmp_path, merged(SMALL, said))) == config


def merged(config: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return config | {part: config[part] | values for part, values in other.items()}


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("text_encoder", "name", "t5-large"),
        ("vision_encoder", "name", "PE-Core-G14-448"),
        ("vision_encoder", "normalize_feature", False),
        ("vision_encoder", "interpolation_mode", "BILINEAR"),
        ("vision_encoder", "image_size", 448),
        ("transformer", "fc_bias", True),
    ],
)
def test_unsupported_settings(tmp_path: Path, part: str, field: str, value: object) -> None:
    write(tmp_path, merged(SMALL, {part: {field: value}}))
    with pytest.raises(SoundsiftError, match=f"{part}.{field} is {value!r}, .* expected"):
        load_config(tmp_path)
