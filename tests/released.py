"""A tiny SAM Audio model in the published form, from the fixtures in tests/data."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from soundsift.checkpoints.pe_vision import PREFIX
from soundsift.config import PeVisionConfig
from tests.checkpoints.tiny import fixture, write_tokenizer

DATA = Path(__file__).parent / "data"
RATE = 48_000

#: Of `pe_vision_tiny.safetensors`; to be put in the place of PE-Core-L14-336.
TINY_VISION = PeVisionConfig(
    image_size=56,
    patch_size=14,
    width=32,
    heads=2,
    layers=2,
    ffn_hidden=128,
    pool_heads=4,
    out_dim=24,
)


def write_released(folder: Path) -> Path:
    """Write `config.json` and `checkpoint.pt` as published, and the text encoder beside them.

    The field's weights of `sam_tiny_separate.safetensors` are those of
    `sam_tiny_forward.safetensors`.
    """
    folder.mkdir(parents=True)
    published = load_file(DATA / "sam_tiny_separate.safetensors")
    with safe_open(DATA / "sam_tiny_separate.safetensors", "pt") as file:
        meta = json.loads(file.metadata()["meta"])
    config = {
        "in_channels": 48,
        "num_anchors": 3,
        "anchor_embedding_dim": 8,
        "audio_codec": meta["codec"] | {"sample_rate": RATE, "mean": 0.0, "std": 1.0},
        "text_encoder": {"name": "t5-base", "dim": 32, "max_length": 512},
        "vision_encoder": {"name": "PE-Core-L14-336", "dim": 24},
        "transformer": meta["transformer"],
    }
    (folder / "config.json").write_text(json.dumps(config))
    field = _weights("sam_tiny_forward", "")
    codec = {k: v for k, v in _weights("sam_tiny_separate", "").items() if k.startswith("audio_")}
    torch.save(field | codec | _weights("pe_vision_tiny", PREFIX), folder / "checkpoint.pt")
    _write_text_encoder(folder / "text_encoder", meta["t5"], published)
    return folder


def _weights(name: str, prefix: str) -> dict[str, Tensor]:
    return {
        prefix + key.removeprefix("sd."): tensor
        for key, tensor in load_file(DATA / f"{name}.safetensors").items()
        if key.startswith("sd.")
    }


def _write_text_encoder(folder: Path, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "t5", **config}))
    prefix = "sd.text_encoder.model."
    save_file(
        {k.removeprefix(prefix): v.clone() for k, v in weights.items() if k.startswith(prefix)},
        folder / "model.safetensors",
    )
    write_tokenizer(folder, config["vocab_size"], "$A w1")


def write_rankers(folder: Path) -> None:
    """Put a tiny CLAP and a tiny judge, with random weights, beside a model of `write_released`."""
    write_clap(folder / "clap")
    write_judge(folder / "judge")


def write_judge(folder: Path) -> None:
    """A tiny judge in the published form, its codec with the separator's weights."""
    _, config, weights = fixture("judge_tiny")
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    published = _weights("sam_tiny_separate", "")
    parts = ("encoder.", "quantizer.")
    codec = {
        name: weight
        for name, weight in published.items()
        if name.removeprefix("audio_codec.").startswith(parts)
    }
    torch.save(weights | codec, folder / "checkpoint.pt")
    write_tokenizer(folder, 120, "w1 $A w1")


def write_clap(folder: Path) -> None:
    """A tiny CLAP that hears one second instead of ten."""
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    torch.manual_seed(0)
    text = {"vocab_size": 120, "hidden_size": 16, "num_hidden_layers": 1, "pad_token_id": 0}
    text |= {"num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 600}
    audio = {"patch_embeds_hidden_size": 8, "hidden_size": 16, "depths": [1, 1]}
    audio |= {"num_attention_heads": [2, 2], "num_hidden_layers": 2}
    model = ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=8))
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(folder)
    features = ClapFeatureExtractor(max_length_s=1, truncation="rand_trunc", padding="repeatpad")
    features.save_pretrained(folder)
    write_tokenizer(folder, 120, "w1 $A w1")
