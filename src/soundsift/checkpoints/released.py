"""Released SAM Audio checkpoints: their sizes, and their weights under our names.

The codec's and the vision encoder's weights, which the same file holds, are passed over here.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from soundsift.config import TransformerConfig, VelocityFieldConfig
from soundsift.errors import SoundsiftError


def _released(dim: int, heads: int, layers: int, ffn_hidden: int) -> VelocityFieldConfig:
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
    "small": _released(1536, 12, 12, 4096),
    "base": _released(2048, 16, 16, 5504),
    "large": _released(2816, 22, 22, 7552),
}
"""Sizes of `facebook/sam-audio-{small,base,large}`; the `-tv` variants share them."""

_OTHER_PARTS = ("audio_codec.", "vision_encoder.")

# Released name (a regular expression) to ours. Joined weights are handled apart: proj, wq, wk, wv.
_RENAMES: tuple[tuple[str, str], ...] = (
    (r"align_masked_video\.layer_norm\.(.*)", r"video.norm.\1"),
    (r"align_masked_video\.conv\.(.*)", r"video.projection.\1"),
    (r"align_masked_video\.gate", r"video.gate"),
    (r"embed_anchors\.embed\.(.*)", r"anchors.embedding.\1"),
    (r"embed_anchors\.proj\.(.*)", r"anchors.projection.\1"),
    (r"embed_anchors\.gate", r"anchors.gate"),
    (r"memory_proj\.(.*)", r"text_projection.\1"),
)
_TRANSFORMER_RENAMES: tuple[tuple[str, str], ...] = (
    (r"x_embedder\.block\.block([12])\.groupnorm\.(.*)", r"temporal.norm\1.\2"),
    (r"x_embedder\.block\.block([12])\.project\.(.*)", r"temporal.conv\1.\2"),
    (r"y_embedder\.projection\.w(.)\.weight", r"memory_embedding.w\1.weight"),
    (r"t_embedder\.projection\.w(.)\.weight", r"time_embedding.w\1.weight"),
    (r"t_block\.(.*)", r"time_modulation.\1"),
    (r"final_layer_scale_shift_table", r"final_modulation"),
    (r"norm\.weight", r"final_norm.weight"),
    (r"output\.weight", r"output.weight"),
    (r"layers\.(\d+)\.scale_shift_table", r"blocks.\1.modulation"),
    (r"layers\.(\d+)\.attention_norm\.weight", r"blocks.\1.self_attention_norm.weight"),
    (r"layers\.(\d+)\.ffn_norm\.weight", r"blocks.\1.feed_forward_norm.weight"),
    (r"layers\.(\d+)\.feed_forward\.w(.)\.weight", r"blocks.\1.feed_forward.w\2.weight"),
    (r"layers\.(\d+)\.attention\.(.*)", r"blocks.\1.self_attention.\2"),
    (r"layers\.(\d+)\.cross_attention\.(.*)", r"blocks.\1.cross_attention.\2"),
)
_LAYER_PARTS = {
    ".w1.": ".gate.",
    ".w2.": ".down.",
    ".w3.": ".up.",
    ".wo.": ".out.",
    ".q_norm.": ".query_norm.",
    ".k_norm.": ".key_norm.",
}


class LazyWeights(Mapping[str, Tensor]):
    """Weights by name, each made when it is asked for, so that a file need not fit into memory.

    Args:
        makers: what makes each.
    """

    def __init__(self, makers: Mapping[str, Callable[[], Tensor]]) -> None:
        self._makers = makers

    def __getitem__(self, name: str) -> Tensor:
        return self._makers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def convert_velocity_field(state_dict: Mapping[str, Tensor]) -> LazyWeights:
    """Rename and rearrange a released checkpoint's weights for `VelocityField`.

    Args:
        state_dict: Weights under the released names; codec and vision are passed over.

    Returns:
        Weights for `VelocityField.load_state_dict`, strict; each is arranged when it is read.

    Raises:
        SoundsiftError: If a name is not known or one is missing.
    """
    makers: dict[str, Callable[[], Tensor]] = {}
    for name in state_dict:
        if name.startswith((*_OTHER_PARTS, "proj.", "transformer.")):
            continue
        makers[_rename(name, _RENAMES)] = partial(state_dict.__getitem__, name)
    for part in ("proj.weight", "proj.bias", "transformer.output.weight"):
        if part not in state_dict:
            raise SoundsiftError(f"the checkpoint has no weight {part!r}, which SAM Audio has")
    noisy_channels = state_dict["transformer.output.weight"].shape[0]
    makers["context_projection.bias"] = partial(state_dict.__getitem__, "proj.bias")
    # Input channels are the noisy stems, then the context.
    makers["noisy_projection.weight"] = lambda: state_dict["proj.weight"][
        :, :noisy_channels
    ].contiguous()
    makers["context_projection.weight"] = lambda: state_dict["proj.weight"][
        :, noisy_channels:
    ].contiguous()
    video = makers.get("video.projection.weight")
    if video is not None:  # a convolution of width 1
        makers["video.projection.weight"] = lambda: video().squeeze(-1)
    for name, maker in _transformer_makers(state_dict, "transformer.").items():
        makers[f"transformer.{name}"] = maker
    return LazyWeights(makers)


def convert_transformer(state_dict: Mapping[str, Tensor]) -> LazyWeights:
    """Rename and rearrange the weights of the transformer alone, for `DiffusionTransformer`.

    Args:
        state_dict: Weights under the released names, without the prefix `transformer.`.

    Returns:
        Weights for `DiffusionTransformer.load_state_dict`, strict; each is arranged when it is
        read.

    Raises:
        SoundsiftError: If a name is not known.
    """
    return LazyWeights(_transformer_makers(state_dict, ""))


def _transformer_makers(
    state_dict: Mapping[str, Tensor], prefix: str
) -> dict[str, Callable[[], Tensor]]:
    released = {
        _rename(name.removeprefix(prefix), _TRANSFORMER_RENAMES): name
        for name in state_dict
        if name.startswith(prefix)
    }
    makers: dict[str, Callable[[], Tensor]] = {
        name: partial(state_dict.__getitem__, theirs) for name, theirs in released.items()
    }
    for name in [name for name in released if name.endswith(".wq.weight")]:
        attention = name.removesuffix(".wq.weight")
        head_dim = state_dict[released[f"{attention}.query_norm.weight"]].shape[0]
        query, key, value = (
            _HeadsFirst(makers.pop(f"{attention}.w{part}.weight"), head_dim) for part in "qkv"
        )
        if attention.endswith(".self_attention"):
            makers[f"{attention}.qkv.weight"] = partial(_joined, query, key, value)
        else:
            makers[f"{attention}.query.weight"] = query
            makers[f"{attention}.key_value.weight"] = partial(_joined, key, value)
    return makers


def _joined(*parts: Callable[[], Tensor]) -> Tensor:
    return torch.cat([part() for part in parts])


@dataclass(frozen=True)
class _HeadsFirst:
    """A weight with its rows reordered from `(head_dim, heads)`, as released, to ours."""

    weight: Callable[[], Tensor]
    head_dim: int

    def __call__(self) -> Tensor:
        return _heads_first(self.weight(), self.head_dim)


def _heads_first(weight: Tensor, head_dim: int) -> Tensor:
    """Reorder rows from `(head_dim, heads)`, as released, to `(heads, head_dim)`, as used here."""
    dim = weight.shape[1]
    return weight.reshape(head_dim, -1, dim).transpose(0, 1).reshape(-1, dim)


def _rename(name: str, renames: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in renames:
        match = re.fullmatch(pattern, name)
        if match:
            ours = match.expand(replacement)
            for theirs, part in _LAYER_PARTS.items():
                ours = ours.replace(theirs, part)
            return ours
    raise SoundsiftError(f"the checkpoint has a weight {name}, which SAM Audio has not")
