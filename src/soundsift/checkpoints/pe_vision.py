"""The released vision encoder, PE-Core-L14-336: its sizes, and its weights under our names."""

import re
from collections.abc import Mapping

from torch import Tensor

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
"""The encoder of every SAM Audio model; 317 million parameters."""

IN_SAM_AUDIO = "vision_encoder.model.visual."
"""What precedes the encoder's weights in a SAM Audio checkpoint."""

# Released name (a regular expression) to ours. `proj` and the pool's joined weights are apart.
_RENAMES: tuple[tuple[str, str], ...] = (
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


def convert_pe_vision(
    state_dict: Mapping[str, Tensor], prefix: str = IN_SAM_AUDIO
) -> dict[str, Tensor]:
    """Rename and rearrange the vision encoder's weights for `PeVision`.

    Args:
        state_dict: Weights under the released names. What does not begin with the prefix is passed
            over: the text encoder beside it, and the rest of SAM Audio.
        prefix: What precedes the encoder's names.

    Returns:
        Weights for `PeVision.load_state_dict`, strict.

    Raises:
        SoundsiftError: If there is no vision encoder, or a weight in it that is not known.
    """
    weights: dict[str, Tensor] = {}
    for name, tensor in state_dict.items():
        if not name.startswith(prefix):
            continue
        name = name.removeprefix(prefix)
        if name == "proj":  # `(in, out)`; ours is a linear layer
            weights["projection.weight"] = tensor.T.contiguous()
        elif name in ("attn_pool.attn.in_proj_weight", "attn_pool.attn.in_proj_bias"):
            kind = name.rpartition("_")[2]
            width = len(tensor) // 3
            weights[f"pool.query.{kind}"] = tensor[:width].contiguous()
            weights[f"pool.key_value.{kind}"] = tensor[width:].contiguous()
        else:
            weights[_rename(name)] = tensor
    if not weights:
        raise SoundsiftError(f"the checkpoint has no weight {prefix}*, where a vision encoder is")
    return weights


def _rename(name: str) -> str:
    for pattern, replacement in _RENAMES:
        match = re.fullmatch(pattern, name)
        if match:
            return match.expand(replacement)
    raise SoundsiftError(f"the vision encoder has a weight {name}, which PE-Core has not")
