"""Released weights of the PE-AV family's audio transformer under our names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from soundsift.config import AudioTransformerConfig
from soundsift.errors import SoundsiftError

_RESNET = r"(?:embeddings|patch_embedder)\.resnet_block\.block([12])"
_RENAMES: tuple[tuple[str, str], ...] = (
    (r"embeddings\.cls_token|patch_embedder\.class_embedding", r"summary"),
    (rf"{_RESNET}\.groupnorm\.(.*)", r"temporal.norm\1.\2"),
    (rf"{_RESNET}\.project\.(.*)", r"temporal.conv\1.\2"),
    (r"layers\.(\d+)\.input_layernorm\.weight", r"blocks.\1.attention_norm.weight"),
    (r"layers\.(\d+)\.post_attention_layernorm\.weight", r"blocks.\1.feed_forward_norm.weight"),
    (r"layers\.(\d+)\.self_attn\.q_norm\.weight", r"blocks.\1.attention.query_norm.weight"),
    (r"layers\.(\d+)\.self_attn\.k_norm\.weight", r"blocks.\1.attention.key_norm.weight"),
    (r"layers\.(\d+)\.self_attn\.o_proj\.weight", r"blocks.\1.attention.out.weight"),
    (r"layers\.(\d+)\.self_attn\.([qkv])_proj\.weight", r"blocks.\1.attention.\2"),
    (r"layers\.(\d+)\.mlp\.(gate|up|down)_proj\.weight", r"blocks.\1.feed_forward.\2.weight"),
    (r"(norm|output)\.weight", r"\1.weight"),
)

# What the authors' code takes where a configuration says nothing.
_DEFAULTS = {
    "hidden_size": 1024,
    "num_attention_heads": 8,
    "num_hidden_layers": 16,
    "intermediate_size": 2752,
}


def convert_audio_transformer(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the weights of one audio transformer, and join queries, keys and values.

    Args:
        state_dict: weights by their released names, from `embeddings.` or `patch_embedder.` on.

    Returns:
        Weights for `AudioTransformer.load_state_dict`, strict.

    Raises:
        SoundsiftError: if a name is not known.
    """
    weights = {rename(name, _RENAMES): tensor for name, tensor in state_dict.items()}
    for query in [name for name in weights if name.endswith(".attention.q")]:
        attention = query.removesuffix(".q")
        parts = [weights.pop(f"{attention}.{part}", None) for part in "qkv"]
        present = [part for part in parts if part is not None]
        weights[f"{attention}.qkv.weight"] = torch.cat(present)
    return weights


def audio_transformer_config(config: Mapping[str, Any]) -> AudioTransformerConfig:
    """The sizes of one audio transformer, from its part of a `config.json`."""
    given = {**_DEFAULTS, **config}
    return AudioTransformerConfig(
        dim=given["hidden_size"],
        heads=given["num_attention_heads"],
        layers=given["num_hidden_layers"],
        ffn_hidden=given["intermediate_size"],
        norm_eps=given.get("rms_norm_eps", 1e-5),
        rope_theta=_rope_theta(given),
    )


def _rope_theta(config: Mapping[str, Any]) -> float:
    parameters = config.get("rope_parameters") or {}
    return float(parameters.get("rope_theta", config.get("rope_theta", 20000.0)))


def rename(name: str, renames: tuple[tuple[str, str], ...]) -> str:
    """Our name of a weight.

    Args:
        name: the released one.
        renames: regular expressions of released names, and ours.

    Raises:
        SoundsiftError: if none fits.
    """
    for pattern, replacement in renames:
        match = re.fullmatch(pattern, name)
        if match:
            return match.expand(replacement)
    raise SoundsiftError(f"the checkpoint has a weight {name}, which the model has not.")


def split(state_dict: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The weights of one part, without the part's name."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in state_dict.items()
        if name.startswith(prefix)
    }
