"""PE-Core-L14-336, the released vision encoder: its sizes, and its weights under our names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor

from soundsift.checkpoints.state_dict import LazyStateDict, Renames, reader, rename, select
from soundsift.config import PeVisionConfig
from soundsift.errors import SoundsiftError

PE_CORE_L14_336 = PeVisionConfig(
    image_size=336,
    patch_size=14,
    width=1024,
    heads=16,
    layers=24,
    ffn_hidden=4096,
    pool_heads=8,
    out_dim=1024,
)
"""The vision encoder of every SAM Audio model; 317 million parameters."""

#: By the name that `config.json` gives, where it gives one.
CONFIGS = {"PE-Core-L14-336": PE_CORE_L14_336}
_DEFAULT = "PE-Core-L14-336"

PREFIX = "vision_encoder.model.visual."
"""What precedes the encoder's weights in a SAM Audio checkpoint."""

# `proj` and the pool's joined weights are handled apart.
RENAMES: Renames = (
    (r"class_embedding", r"class_token"),
    (r"positional_embedding", r"positions"),
    (r"conv1\.weight", r"patches.weight"),
    (r"ln_pre\.(.*)", r"input_norm.\1"),
    (r"ln_post\.(.*)", r"output_norm.\1"),
    (r"transformer\.resblocks\.(\d+)\.attn\.in_proj_(.*)", r"blocks.\1.qkv.\2"),
    (r"transformer\.resblocks\.(\d+)\.attn\.out_proj\.(.*)", r"blocks.\1.out.\2"),
    (r"transformer\.resblocks\.(\d+)\.ln_1\.(.*)", r"blocks.\1.attention_norm.\2"),
    (r"transformer\.resblocks\.(\d+)\.ln_2\.(.*)", r"blocks.\1.feed_forward_norm.\2"),
    (r"transformer\.resblocks\.(\d+)\.mlp\.c_fc\.(.*)", r"blocks.\1.feed_forward.up.\2"),
    (r"transformer\.resblocks\.(\d+)\.mlp\.c_proj\.(.*)", r"blocks.\1.feed_forward.down.\2"),
    (r"attn_pool\.probe", r"pool.probe"),
    (r"attn_pool\.attn\.out_proj\.(.*)", r"pool.out.\1"),
    (r"attn_pool\.layernorm\.(.*)", r"pool.feed_forward_norm.\1"),
    (r"attn_pool\.mlp\.c_fc\.(.*)", r"pool.feed_forward.up.\1"),
    (r"attn_pool\.mlp\.c_proj\.(.*)", r"pool.feed_forward.down.\1"),
)


def config_from(config: Mapping[str, Any]) -> PeVisionConfig:
    """The encoder's sizes, from the part `vision_encoder` of a released `config.json`.

    Raises:
        SoundsiftError: if it describes an encoder or a preprocessing that is not supported.
    """
    name = config.get("name", _DEFAULT)
    sizes = CONFIGS.get(name) if isinstance(name, str) else None
    if sizes is None:
        raise SoundsiftError(_unsupported("name", name, *CONFIGS))
    for field, expected in (
        ("normalize_feature", True),
        ("interpolation_mode", "BICUBIC"),
        ("image_size", sizes.image_size),
    ):
        if config.get(field, expected) != expected:
            raise SoundsiftError(_unsupported(field, config[field], expected))
    return sizes


def _unsupported(field: str, value: object, *expected: object) -> str:
    return (
        f"vision_encoder.{field} is {value!r}, which is not supported; expected "
        f"{' or '.join(map(repr, expected))}."
    )


def convert(state_dict: Mapping[str, Tensor], prefix: str = PREFIX) -> LazyStateDict:
    """Rename and rearrange the vision encoder's weights for `PeVision`.

    Args:
        state_dict: weights under the released names. What does not begin with the prefix is passed
            over: the text encoder beside it, and the rest of SAM Audio.
        prefix: what precedes the encoder's names.

    Returns:
        Weights for `PeVision.load_state_dict`, strict.

    Raises:
        SoundsiftError: if there is no vision encoder, or a weight in it that is not known.
    """
    released = select(state_dict, prefix)
    if not released:
        raise SoundsiftError(f"The checkpoint has no vision encoder: no weight {prefix}*.")
    readers: dict[str, Callable[[], Tensor]] = {}
    for name in released:
        read = reader(released, name)
        if name == "proj":  # `(in, out)`; ours is a linear layer
            readers["projection.weight"] = partial(_transposed, read)
        elif name in ("attn_pool.attn.in_proj_weight", "attn_pool.attn.in_proj_bias"):
            kind = name.rpartition("_")[2]
            readers[f"pool.query.{kind}"] = partial(_first_third, read)
            readers[f"pool.key_value.{kind}"] = partial(_last_two_thirds, read)
        else:
            readers[rename(name, RENAMES, "PE-Core")] = read
    return LazyStateDict(readers)


def _transposed(read: Callable[[], Tensor]) -> Tensor:
    return read().T.contiguous()


def _first_third(read: Callable[[], Tensor]) -> Tensor:
    joined = read()
    return joined[: len(joined) // 3].contiguous()


def _last_two_thirds(read: Callable[[], Tensor]) -> Tensor:
    joined = read()
    return joined[len(joined) // 3 :].contiguous()
