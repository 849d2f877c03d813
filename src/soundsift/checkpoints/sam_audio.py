"""SAM Audio models as released: `config.json` and `checkpoint.pt`.

The checkpoint holds the velocity field, the codec and the vision encoder (with a text encoder that
nothing uses). It is mapped, not read: what is not asked for is never in memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from soundsift.checkpoints import dac_vae, pe_vision
from soundsift.checkpoints.hub import map_pickle, read_config
from soundsift.checkpoints.mapped_pages import one_at_a_time
from soundsift.checkpoints.state_dict import (
    LazyStateDict,
    Renames,
    inside,
    reader,
    rename,
    renamed,
)
from soundsift.config import SeparatorConfig, TransformerConfig, VelocityFieldConfig
from soundsift.errors import SoundsiftError, one_line
from soundsift.models.low_rank import LowRankChange

CHECKPOINT = "checkpoint.pt"


def _sizes(dim: int, heads: int, layers: int, ffn_hidden: int) -> VelocityFieldConfig:
    transformer = TransformerConfig(
        dim=dim,
        heads=heads,
        layers=layers,
        ffn_hidden=ffn_hidden,
        text_dim=768,
        dropout=0.1,
    )
    return VelocityFieldConfig(video_dim=1024, transformer=transformer)


RELEASED: dict[str, VelocityFieldConfig] = {
    "small": _sizes(1536, 12, 12, 4096),
    "base": _sizes(2048, 16, 16, 5504),
    "large": _sizes(2816, 22, 22, 7552),
}
"""Sizes of `facebook/sam-audio-{small,base,large}`; the `-tv` variants share them."""

_TEXT_ENCODERS = ("t5-base", "google-t5/t5-base")
MINILM = "all-MiniLM-L6-v2"
"""The text encoder of models that were trained here; the released ones have T5."""

#: Windows of 20 s that overlap by 5 s: what the models were trained on.
_WINDOW_SECONDS, _OVERLAP_SECONDS = 20.0, 5.0

_OTHER_PARTS = (dac_vae.PREFIX, "vision_encoder.")
_ATTENTION: Renames = (
    (r"wq\.weight", r"q"),
    (r"wk\.weight", r"k"),
    (r"wv\.weight", r"v"),
    (r"wo\.weight", r"out.weight"),
    (r"q_norm\.weight", r"query_norm.weight"),
    (r"k_norm\.weight", r"key_norm.weight"),
)
_SWIGLU: Renames = (
    (r"w1\.weight", r"gate.weight"),
    (r"w2\.weight", r"down.weight"),
    (r"w3\.weight", r"up.weight"),
)


def _in_layers(theirs: str, ours: str, renames: Renames) -> Renames:
    """A table for one part of every layer, from one without groups."""
    return tuple(
        (rf"layers\.(\d+)\.{theirs}\.{pattern}", rf"blocks.\1.{ours}.{replacement}")
        for pattern, replacement in renames
    )


# Queries, keys and values are joined afterwards; `proj` is handled apart.
TRANSFORMER_RENAMES: Renames = (
    (r"x_embedder\.block\.block([12])\.groupnorm\.(.*)", r"temporal.norm\1.\2"),
    (r"x_embedder\.block\.block([12])\.project\.(.*)", r"temporal.conv\1.\2"),
    *inside("y_embedder.projection.", _SWIGLU, "memory_embedding."),
    *inside("t_embedder.projection.", _SWIGLU, "time_embedding."),
    (r"t_block\.(.*)", r"time_modulation.\1"),
    (r"final_layer_scale_shift_table", r"final_modulation"),
    (r"norm\.weight", r"final_norm.weight"),
    (r"output\.weight", r"output.weight"),
    (r"layers\.(\d+)\.scale_shift_table", r"blocks.\1.modulation"),
    (r"layers\.(\d+)\.attention_norm\.weight", r"blocks.\1.self_attention_norm.weight"),
    (r"layers\.(\d+)\.ffn_norm\.weight", r"blocks.\1.feed_forward_norm.weight"),
    *_in_layers("feed_forward", "feed_forward", _SWIGLU),
    *_in_layers("attention", "self_attention", _ATTENTION),
    *_in_layers("cross_attention", "cross_attention", _ATTENTION),
)
RENAMES: Renames = (
    (r"align_masked_video\.layer_norm\.(.*)", r"video.norm.\1"),
    (r"align_masked_video\.conv\.(.*)", r"video.projection.\1"),
    (r"align_masked_video\.gate", r"video.gate"),
    (r"embed_anchors\.embed\.(.*)", r"anchors.embedding.\1"),
    (r"embed_anchors\.proj\.(.*)", r"anchors.projection.\1"),
    (r"embed_anchors\.gate", r"anchors.gate"),
    (r"memory_proj\.(.*)", r"text_projection.\1"),
    (r"proj\.(weight|bias)", r"proj.\1"),
    *inside("transformer.", TRANSFORMER_RENAMES, "transformer."),
)


def load_config(folder: Path) -> SeparatorConfig:
    """Read a released model's configuration.

    Raises:
        SoundsiftError: if the file is missing or damaged, or describes something else.
    """
    return config_from(read_config(folder), _name(folder), folder / "config.json")


def _name(folder: Path) -> str:
    """A model's name: that on the Hub where the folder lies in its cache."""
    snapshots = folder.absolute().parent
    kind, *owner_and_model = snapshots.parent.name.split("--")
    if snapshots.name == "snapshots" and kind == "models" and owner_and_model:
        return "/".join(owner_and_model)
    return folder.absolute().name


def config_from(config: Mapping[str, Any], name: str, source: str | Path) -> SeparatorConfig:
    """A whole model's configuration, from its `config.json`; omitted settings are as published.

    Args:
        config: the released configuration.
        name: what to call the model.
        source: where it comes from, for messages.

    Raises:
        SoundsiftError: if it describes something that is not supported, or no SAM Audio model.
    """
    try:
        _check_supported(config)
        return _separator_config(name, config)
    except SoundsiftError as error:
        raise SoundsiftError(f"{source}: {error}") from error
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValidationError) as error:
        raise SoundsiftError(
            f"{source}: not the configuration of a SAM Audio model: {one_line(error)}."
        ) from error


def _check_supported(config: Mapping[str, Any]) -> None:
    checks: tuple[tuple[str, str, object, tuple[object, ...]], ...] = (
        ("text_encoder", "name", "t5-base", (*_TEXT_ENCODERS, MINILM)),
        ("transformer", "fc_bias", False, (False,)),
    )
    for part, field, default, supported in checks:
        value = config[part].get(field, default)
        if value not in supported:
            raise SoundsiftError(
                f"{part}.{field} is {value!r}, which is not supported; expected "
                f"{' or '.join(map(repr, supported))}."
            )


def _separator_config(name: str, config: Mapping[str, Any]) -> SeparatorConfig:
    sizes, codec = config["transformer"], config["audio_codec"]
    vision = config["vision_encoder"]  # None in models that were trained here without video
    predictor = config.get("span_predictor") or "pe-a-frame-large"
    minilm = config["text_encoder"].get("name") == MINILM
    # Two thirds of four times the width, as SwiGLU has three matrices, rounded up.
    hidden = int(2 * sizes.get("ffn_exp", 4) * sizes["dim"] / 3)
    multiple = sizes.get("multiple_of", 64)
    transformer = TransformerConfig(
        dim=sizes["dim"],
        heads=sizes["n_heads"],
        layers=sizes["n_layers"],
        ffn_hidden=-(-hidden // multiple) * multiple,
        text_dim=config["text_encoder"]["dim"],
        out_channels=sizes.get("out_channels", 2 * codec["codebook_dim"]),
        norm_eps=sizes.get("norm_eps", 1e-5),
        dropout=sizes.get("dropout", 0.1),
        qk_norm=sizes.get("qk_norm", True),
        rope_theta=max(10_000.0, 2.0 * sizes.get("max_positions", 10_000)),
        time_embedding_dim=sizes.get("frequency_embedding_dim", 256),
    )
    return SeparatorConfig(
        name=name,
        codec=dac_vae.config_from(codec),
        prediction="velocity",
        text_encoder="minilm" if minilm else "t5-base",
        field=VelocityFieldConfig(
            latent_channels=codec["codebook_dim"],
            # The noisy stems are the first of the field's input channels.
            context_channels=config["in_channels"] - 2 * codec["codebook_dim"],
            anchor_count=config["num_anchors"],
            anchor_dim=config["anchor_embedding_dim"],
            video_dim=None if vision is None else vision["dim"],
            transformer=transformer,
        ),
        vision=None if vision is None else pe_vision.config_from(vision),
        span_predictor=None if predictor == "none" else f"facebook/{predictor}",
        window_seconds=config.get("window_seconds", _WINDOW_SECONDS),
        overlap_seconds=config.get("overlap_seconds", _OVERLAP_SECONDS),
    )


def map_checkpoint(folder: Path) -> LazyStateDict:
    """A released checkpoint's weights, each mapped while it is read; no code in it is run.

    Raises:
        SoundsiftError: if it is missing or damaged.
    """
    file = folder / CHECKPOINT
    if not file.is_file():
        raise SoundsiftError(
            f"{folder}: has no {CHECKPOINT}; fetch the whole model, for example with `hf download`."
        )
    return one_at_a_time(map_pickle(file))


def convert(state_dict: Mapping[str, Tensor]) -> LazyStateDict:
    """Rename and rearrange a released checkpoint's weights for `VelocityField`.

    Args:
        state_dict: weights under the released names; codec and vision encoder are passed over.

    Returns:
        Weights for `VelocityField.load_state_dict`, strict.

    Raises:
        SoundsiftError: if a name is not known or one is missing.
    """
    for part in ("proj.weight", "proj.bias", "transformer.output.weight"):
        if part not in state_dict:
            raise SoundsiftError(f"The checkpoint has no weight {part!r}, which SAM Audio has.")
    own = LazyStateDict(
        {n: reader(state_dict, n) for n in state_dict if not n.startswith(_OTHER_PARTS)}
    )
    readers = renamed(own, RENAMES, "SAM Audio").readers
    projection = readers.pop("proj.weight")
    # Input channels are the noisy stems, then the context.
    noisy_channels = state_dict["transformer.output.weight"].shape[0]
    readers["noisy_projection.weight"] = partial(_columns, projection, slice(noisy_channels))
    readers["context_projection.weight"] = partial(
        _columns, projection, slice(noisy_channels, None)
    )
    readers["context_projection.bias"] = readers.pop("proj.bias")
    if "video.projection.weight" in readers:  # a convolution of width 1
        readers["video.projection.weight"] = partial(_squeeze, readers["video.projection.weight"])
    return LazyStateDict(_join_heads(readers))


def convert_transformer(state_dict: Mapping[str, Tensor]) -> LazyStateDict:
    """The same for the transformer alone, whose released names lack the prefix `transformer.`.

    Returns:
        Weights for `DiffusionTransformer.load_state_dict`, strict.

    Raises:
        SoundsiftError: if a name is not known.
    """
    return LazyStateDict(_join_heads(renamed(state_dict, TRANSFORMER_RENAMES, "SAM Audio").readers))


def are_released_layers(names: Iterable[str]) -> bool:
    """Whether all are names of layers with weights in a released checkpoint."""
    patterns = [re.compile(pattern) for pattern, _ in RENAMES]
    return all(any(pattern.fullmatch(f"{name}.weight") for pattern in patterns) for name in names)


def convert_changes(
    changes: Mapping[str, LowRankChange], config: VelocityFieldConfig
) -> dict[str, LowRankChange]:
    """Rename and rearrange low-rank changes of released layers for `VelocityField`.

    Args:
        changes: by the released name of the layer.
        config: the field's sizes.

    Raises:
        SoundsiftError: if a name is not known, or an attention is of another size.
    """
    sizes = config.transformer
    own: dict[str, LowRankChange] = {}
    attentions: dict[str, dict[str, LowRankChange]] = {}
    for layer, change in changes.items():
        if layer == "proj":
            noisy = 2 * config.latent_channels
            own["noisy_projection"] = replace(change, down=change.down[:, :noisy])
            own["context_projection"] = replace(change, down=change.down[:, noisy:])
            continue
        name = rename(f"{layer}.weight", RENAMES, "SAM Audio")
        attention, _, part = name.rpartition(".")
        if part == "weight":
            own[attention] = change
            continue
        if change.shape != (sizes.dim, sizes.dim):
            raise SoundsiftError(
                f"{layer} is {change.shape[0]} x {change.shape[1]} in the adapter and "
                f"{sizes.dim} x {sizes.dim} in the model."
            )
        attentions.setdefault(attention, {})[part] = change
    for attention, parts in attentions.items():
        joined = {"qkv": "qkv"}
        if not attention.endswith("self_attention"):
            joined = {"query": "q", "key_value": "kv"}
        for name, letters in joined.items():
            found = [parts.get(letter) for letter in letters]
            if any(found):
                own[f"{attention}.{name}"] = _join_changes(found, sizes.dim, sizes.head_dim)
    return own


def _join_changes(
    changes: Sequence[LowRankChange | None], dim: int, head_dim: int
) -> LowRankChange:
    """The change of several square matrices in one; their heads are reordered as the weights'."""
    ups = [
        torch.zeros(dim, 0) if one is None else reorder(one.scale * one.up.float(), head_dim)
        for one in changes
    ]
    down = torch.cat([one.down.float() for one in changes if one is not None])
    up: Tensor = torch.block_diag(*ups)  # type: ignore[no-untyped-call]
    return LowRankChange(down, up, 1.0)


def _columns(read: Callable[[], Tensor], columns: slice) -> Tensor:
    return read()[:, columns].contiguous()


def _squeeze(read: Callable[[], Tensor]) -> Tensor:
    return read().squeeze(-1)


def _join_heads(readers: Mapping[str, Callable[[], Tensor]]) -> dict[str, Callable[[], Tensor]]:
    """Join queries, keys and values, `<attention>.q` and so on, into our matrices."""
    joined = dict(readers)
    for query in [name for name in readers if name.endswith("attention.q")]:
        attention = query.removesuffix(".q")
        needed = ("q", "k", "v", "query_norm.weight")
        if missing := [part for part in needed if f"{attention}.{part}" not in joined]:
            raise SoundsiftError(
                f"The checkpoint lacks {', '.join(missing)} of {attention}, which SAM Audio has."
            )
        head_dim = len(joined[f"{attention}.query_norm.weight"]())
        parts = [joined.pop(f"{attention}.{part}") for part in "qkv"]
        if attention.endswith("self_attention"):
            joined[f"{attention}.qkv.weight"] = partial(_heads_first, parts, head_dim)
        else:
            joined[f"{attention}.query.weight"] = partial(_heads_first, parts[:1], head_dim)
            joined[f"{attention}.key_value.weight"] = partial(_heads_first, parts[1:], head_dim)
    return joined


def _heads_first(parts: Sequence[Callable[[], Tensor]], head_dim: int) -> Tensor:
    """Join matrices whose rows are `(head_dim, heads)`, as released, as `(heads, head_dim)`."""
    return torch.cat([reorder(read(), head_dim) for read in parts])


def reorder(weight: Tensor, outer: int) -> Tensor:
    """Exchange the two axes `(outer, inner)` of a matrix's rows: heads, and what is in a head."""
    dim = weight.shape[1]
    return weight.reshape(outer, -1, dim).transpose(0, 1).reshape(-1, dim)
