"""Write models in the form of the released SAM Audio checkpoints: `config.json`, `checkpoint.pt`.

The inverse of `soundsift.checkpoints.sam_audio` and `soundsift.checkpoints.dac_vae`: our names back
to the released ones, heads in their order, convolutions with their normalisation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from soundsift.checkpoints import dac_vae, sam_audio
from soundsift.checkpoints.hub import map_pickle, read_config
from soundsift.checkpoints.load import CODEC_WEIGHTS, open_model
from soundsift.checkpoints.state_dict import Renames, rename
from soundsift.checkpoints.store import CONFIG, complete_file
from soundsift.config import DacVaeConfig, SeparatorConfig, TransformerConfig, VelocityFieldConfig
from soundsift.errors import SoundsiftError
from soundsift.models.low_rank import LowRankChange

VISION_PREFIX = "vision_encoder."
#: Parts of ours that are not weight-normalised in the released codec.
_PLAIN = ("watermark.",)


def inverted(renames: Renames) -> Renames:
    """A table of renames read from right to left.

    Args:
        renames: patterns of literal text and groups without groups inside; every group is used in
            the replacement.
    """
    return tuple(_inverted(pattern, replacement) for pattern, replacement in renames)


def _inverted(pattern: str, replacement: str) -> tuple[str, str]:
    # Wrappers of `inside` say nothing: their brackets are dropped first.
    groups: list[str] = []
    template, depth, position = "", 0, 0
    while position < len(pattern):
        if pattern.startswith("(?:", position):
            depth, position = depth + 1, position + 3
        elif pattern[position] == "(":
            end = pattern.index(")", position)
            groups.append(pattern[position + 1 : end])
            template += rf"\g<group{len(groups)}>"
            position = end + 1
        elif pattern[position] == ")":
            depth, position = depth - 1, position + 1
        else:
            position += pattern[position] == "\\"
            template += pattern[position]
            position += 1
    parts = re.split(r"\\(\d)", replacement)
    named = [
        f"(?P<group{part}>{groups[int(part) - 1]})" if number % 2 else re.escape(part)
        for number, part in enumerate(parts)
    ]
    return "".join(named), template


def released_codec(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of `DacVae` under the released names, without the prefix `audio_codec.`.

    A plain weight becomes its direction (`weight_v`, the weight itself) and its length
    (`weight_g`).
    """
    table = inverted(dac_vae.RENAMES)
    released: dict[str, Tensor] = {}
    for ours, weight in weights.items():
        name = rename(ours, table, "DAC-VAE")
        if ours.endswith(".alpha"):
            released[name] = weight.reshape(1, -1, 1)
        elif ours.endswith(".weight") and weight.ndim == 3 and not ours.startswith(_PLAIN):
            length = torch.linalg.vector_norm(weight, dim=(1, 2), keepdim=True)
            released[f"{name}_g"], released[f"{name}_v"] = length, weight
        else:
            released[name] = weight
    return released


def released_field(weights: Mapping[str, Tensor], config: VelocityFieldConfig) -> dict[str, Tensor]:
    """Weights of `VelocityField` under the released names.

    Raises:
        SoundsiftError: if the field has a part that the released ones do not have.
    """
    if config.transformer.pooled_text:
        raise SoundsiftError(
            "A field with pooled_text has no released form. Train one with pooled_text: false."
        )
    parts = dict(weights)
    released = {
        "proj.weight": torch.cat(
            [parts.pop("noisy_projection.weight"), parts.pop("context_projection.weight")], dim=1
        ),
        "proj.bias": parts.pop("context_projection.bias"),
    }
    table = inverted(sam_audio.RENAMES)
    heads = config.transformer.heads
    for ours, weight in parts.items():
        if letters := joined_matrices(ours.removesuffix(".weight")):
            attention = ours.removesuffix(".weight").rpartition(".")[0]
            for letter, part in zip(letters, weight.chunk(len(letters)), strict=True):
                name = rename(f"{attention}.{letter}", table, "SAM Audio")
                released[name] = _heads_last(part, heads)
        elif ours == "video.projection.weight":
            released[rename(ours, table, "SAM Audio")] = weight[..., None]
        else:
            released[rename(ours, table, "SAM Audio")] = weight
    return released


def released_changes(
    changes: Mapping[str, LowRankChange], config: VelocityFieldConfig
) -> dict[str, LowRankChange]:
    """Low-rank changes of a `VelocityField` under the released names of the layers.

    Args:
        changes: by our name of the layer; of joined matrices, each has its own product
            (`soundsift.models.low_rank.LowRankLinear`).
        config: the field's sizes.
    """
    table = inverted(sam_audio.RENAMES)
    heads = config.transformer.heads
    released: dict[str, LowRankChange] = {}
    for ours, change in changes.items():
        letters = joined_matrices(ours)
        if not letters:
            name = rename(f"{ours}.weight", table, "SAM Audio")
            released[name.removesuffix(".weight")] = change
            continue
        attention = ours.rpartition(".")[0]
        rank = len(change.down) // len(letters)
        for number, letter in enumerate(letters):
            own = slice(number * rank, (number + 1) * rank)
            up = change.up.chunk(len(letters))[number][:, own]
            name = rename(f"{attention}.{letter}", table, "SAM Audio").removesuffix(".weight")
            released[name] = LowRankChange(change.down[own], _heads_last(up, heads), change.scale)
    return released


def joined_matrices(layer: str) -> str:
    """Which of queries, keys and values, `q`, `k` and `v`, are one layer of ours; "" if none."""
    parts = {
        "attention.qkv": "qkv",
        "cross_attention.query": "q",
        "cross_attention.key_value": "kv",
    }
    return next((letters for name, letters in parts.items() if layer.endswith(name)), "")


def _heads_last(weight: Tensor, heads: int) -> Tensor:
    """Rows `(heads, head_dim)` as released: `(head_dim, heads)`."""
    return sam_audio.reorder(weight, heads).contiguous()


def released_config(config: SeparatorConfig) -> dict[str, Any]:
    """What `config.json` says of a model.

    `window_seconds`, `overlap_seconds` and the text encoder `all-MiniLM-L6-v2` are ours: the
    authors' code does not know them.

    Raises:
        SoundsiftError: if the model has another codec than DAC-VAE.
    """
    if not isinstance(config.codec, DacVaeConfig):
        raise SoundsiftError(f"The model {config.name} has no DAC-VAE, which released models have.")
    field, text = config.field, config.text_encoder
    name = {"minilm": sam_audio.MINILM, "t5-base": "t5-base"}[text]
    vision = None if field.video_dim is None else {"dim": field.video_dim}
    predictor = config.span_predictor
    return {
        "in_channels": 2 * field.latent_channels + field.context_channels,
        "num_anchors": field.anchor_count,
        "anchor_embedding_dim": field.anchor_dim,
        "audio_codec": codec_config(config.codec),
        "text_encoder": {"name": name, "dim": field.transformer.text_dim, "max_length": 512},
        "vision_encoder": vision,
        "transformer": _transformer_config(field.transformer),
        "span_predictor": "none" if predictor is None else predictor.removeprefix("facebook/"),
        "window_seconds": config.window_seconds,
        "overlap_seconds": config.overlap_seconds,
    }


def codec_config(config: DacVaeConfig) -> dict[str, Any]:
    """The part `audio_codec` of a `config.json`."""
    return config.model_dump(mode="json") | {"mean": 0.0, "std": 1.0}


def _transformer_config(config: TransformerConfig) -> dict[str, Any]:
    expansion, multiple = 4.0, 64
    if -(-int(2 * expansion * config.dim / 3) // multiple) * multiple != config.ffn_hidden:
        # Of another width: the factor that gives it, and no rounding.
        expansion, multiple = 1.5 * (config.ffn_hidden + 0.25) / config.dim, 1
    return {
        "dim": config.dim,
        "n_heads": config.heads,
        "n_layers": config.layers,
        "dropout": config.dropout,
        "norm_eps": config.norm_eps,
        "qk_norm": config.qk_norm,
        "fc_bias": False,
        "ffn_exp": expansion,
        "multiple_of": multiple,
        "max_positions": int(config.rope_theta / 2),
        "frequency_embedding_dim": config.time_embedding_dim,
        "context_dim": config.dim,
        "out_channels": config.out_channels,
    }


def write_released(
    folder: Path,
    config: SeparatorConfig,
    field: Mapping[str, Tensor],
    codec: Mapping[str, Tensor],
    vision: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a whole model in the released form.

    Args:
        folder: made if missing.
        config: the model's configuration.
        field: weights of the velocity field, under our names.
        codec: weights of the codec, under our names.
        vision: weights of the vision encoder under the released names with their prefix; None for
            a model without a video branch.

    Raises:
        SoundsiftError: if the model has no released form.
    """
    weights = released_field(field, config.field)
    weights |= {dac_vae.PREFIX + k: v for k, v in released_codec(codec).items()}
    _write(folder, released_config(config), weights | dict(vision or {}))


def write_codec(folder: Path, config: DacVaeConfig, weights: Mapping[str, Tensor]) -> None:
    """Write a codec alone, as the part of a SAM Audio checkpoint that it would be."""
    released = {dac_vae.PREFIX + k: v for k, v in released_codec(weights).items()}
    _write(folder, {"audio_codec": codec_config(config)}, released)


def _write(folder: Path, config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with complete_file(folder / sam_audio.CHECKPOINT) as part:
        torch.save({k: v.detach().cpu().clone() for k, v in weights.items()}, part)
    with complete_file(folder / "config.json") as part:
        part.write_text(json.dumps(config, indent=2) + "\n")


def open_codec(folder: Path) -> tuple[DacVaeConfig, Mapping[str, Tensor]]:
    """A codec's sizes and weights under our names.

    Args:
        folder: of a codec as `write_codec` leaves it, or of a separator with DAC-VAE in either
            form.

    Raises:
        SoundsiftError: if there is none.
    """
    if (folder / CONFIG).is_file() and (folder / CODEC_WEIGHTS).is_file():
        model = open_model(folder)
        assert isinstance(model.config.codec, DacVaeConfig)
        return model.config.codec, model.codec
    if not (folder / "config.json").is_file():
        raise SoundsiftError(
            f"{folder}: has no codec; expected config.json and checkpoint.pt of a codec or a "
            "separator with DAC-VAE."
        )
    config = read_config(folder).get("audio_codec")
    if not isinstance(config, Mapping):
        raise SoundsiftError(f"{folder / 'config.json'}: says nothing of an audio_codec.")
    return dac_vae.config_from(config), dac_vae.convert(sam_audio.map_checkpoint(folder))


def vision_weights(folder: Path) -> dict[str, Tensor]:
    """The vision encoder of a released checkpoint, mapped, under its names.

    Raises:
        SoundsiftError: if there is none.
    """
    mapped = map_pickle(folder / sam_audio.CHECKPOINT)
    found = {k: mapped[k] for k in mapped if k.startswith(VISION_PREFIX)}
    if not found:
        raise SoundsiftError(f"{folder}: its checkpoint has no vision encoder.")
    return found
