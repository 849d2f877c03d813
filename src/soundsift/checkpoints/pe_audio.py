"""The audio transformer of the PE-AV family: its configuration, and its weights under our names.

PE-A-Frame and SAM Audio Judge are both built on it, with ModernBERT for their phrases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from soundsift.checkpoints.state_dict import LazyStateDict, Renames, reader, renamed
from soundsift.config import AudioTransformerConfig
from soundsift.errors import SoundsiftError

_RESNET = r"(?:embeddings|patch_embedder)\.resnet_block\.block([12])"

# Queries, keys and values are joined afterwards.
RENAMES: Renames = (
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

# The authors' values where a configuration gives none.
_DEFAULTS = {
    "hidden_size": 1024,
    "num_attention_heads": 8,
    "num_hidden_layers": 16,
    "intermediate_size": 2752,
}


def config_from(config: Mapping[str, Any]) -> AudioTransformerConfig:
    """The sizes of one audio transformer, from its part of a `config.json`.

    Raises:
        ValidationError: if a size is not what it must be.
    """
    given = {**_DEFAULTS, **config}
    parameters = given.get("rope_parameters") or {}
    theta = parameters.get("rope_theta", given.get("rope_theta", 20000.0))
    return AudioTransformerConfig(
        dim=given["hidden_size"],
        heads=given["num_attention_heads"],
        layers=given["num_hidden_layers"],
        ffn_hidden=given["intermediate_size"],
        norm_eps=given.get("rms_norm_eps", 1e-5),
        rope_theta=float(theta),
    )


def convert(
    state_dict: Mapping[str, Tensor], renames: Renames, skipped: tuple[str, ...], model: str
) -> LazyStateDict:
    """Rename a model's weights, those of its audio transformers among them.

    Args:
        state_dict: weights by their released names.
        renames: the whole model's table, with `RENAMES` inside a prefix for each transformer.
        skipped: prefixes of names to leave out.
        model: what the model is called, for messages.

    Returns:
        The weights under our names, with queries, keys and values joined.

    Raises:
        SoundsiftError: if a name is not known, or a part of an attention is missing.
    """
    own = {name: reader(state_dict, name) for name in state_dict if not name.startswith(skipped)}
    readers = renamed(LazyStateDict(own), renames, model).readers
    for query in [name for name in readers if name.endswith(".attention.q")]:
        attention = query.removesuffix(".q")
        if missing := [part for part in "qkv" if f"{attention}.{part}" not in readers]:
            raise SoundsiftError(
                f"The checkpoint lacks {', '.join(missing)} of {attention}, which {model} has."
            )
        parts = [readers.pop(f"{attention}.{part}") for part in "qkv"]
        readers[f"{attention}.qkv.weight"] = partial(_joined, parts)
    return LazyStateDict(readers)


def _joined(parts: Sequence[Callable[[], Tensor]]) -> Tensor:
    return torch.cat([read() for read in parts])
