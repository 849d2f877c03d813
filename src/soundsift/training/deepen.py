"""A deeper network from a shallower one, that begins by giving the same answers.

Training a small network first and going on with a deeper one is cheaper than training the deeper
one from the start. New blocks are copies of the block before them whose branches end in zeros, so
nothing changes until training changes it (as in Net2Net, arXiv 1511.05641).
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from soundsift.config import VelocityFieldConfig

_BLOCK = "transformer.blocks."
_ANCHORS = "anchors.embedding.weight"
#: Where a block's branches end.
_ENDS = ("self_attention.out.weight", "cross_attention.out.weight", "feed_forward.down.weight")


def grow(
    weights: dict[str, Tensor], old: VelocityFieldConfig, new: VelocityFieldConfig
) -> dict[str, Tensor]:
    """Weights for a field with more blocks or more kinds of marked frame.

    Args:
        weights: of a field of configuration `old`.
        old: the configuration that the weights belong to.
        new: the configuration wanted.

    Returns:
        Weights of a field of configuration `new` that answers as the old one; what they don't share
        is the old one's own. A new kind of frame begins as one that is not marked.

    Raises:
        ValueError: if the two differ in anything else, or the new one is smaller.
    """
    same = new.model_copy(
        update={
            "anchor_count": old.anchor_count,
            "transformer": new.transformer.model_copy(update={"layers": old.transformer.layers}),
        }
    )
    before, after = old.transformer.layers, new.transformer.layers
    if same != old or after < before or new.anchor_count < old.anchor_count:
        raise ValueError(
            "a network grows by blocks and kinds of marked frame alone; these two differ otherwise"
        )
    grown = {name: tensor for name, tensor in weights.items() if not name.startswith(_BLOCK)}
    rows = weights[_ANCHORS]
    fresh = rows[:1].expand(new.anchor_count - old.anchor_count, -1)
    grown[_ANCHORS] = torch.cat([rows[:-1], fresh, rows[-1:]])
    origins = [i * before // after for i in range(after)]
    for i, origin in enumerate(origins):
        copy = i > 0 and origins[i - 1] == origin
        for name, tensor in weights.items():
            match = re.fullmatch(rf"{re.escape(_BLOCK)}{origin}\.(.+)", name)
            if match is not None:
                end = copy and match[1] in _ENDS
                grown[f"{_BLOCK}{i}.{match[1]}"] = torch.zeros_like(tensor) if end else tensor
    return grown
