"""Scaled dot-product attention, for all transformers here.

Masks are True where a key counts; None means that every key does.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

#: Order of the two middle axes of queries, keys and values: `(batch, heads, positions, head_dim)`
#: or `(batch, positions, heads, head_dim)`.
Layout = Literal["heads first", "positions first"]


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    layout: Layout = "heads first",
) -> Tensor:
    """Attend from every query to the keys that count, and merge the heads.

    Args:
        query: `(batch, heads, queries, head_dim)`, or as `layout` says.
        key: `(batch, heads, keys, head_dim)`, likewise.
        value: as `key`. Queries and keys are cast to its type: norms and rotation leave float32
            even under autocast, and the product takes one type.
        mask: `(batch, keys)`, bool, with at least one True per item, or None.
        layout: order of heads and positions.

    Returns:
        `(batch, queries, heads * head_dim)`, of the values' type.
    """
    if layout == "positions first":
        query, key, value = (part.transpose(1, 2) for part in (query, key, value))
    query, key = query.to(value.dtype), key.to(value.dtype)
    keys = None if mask is None else mask[:, None, None, :]
    if query.requires_grad and query.device.type == "cpu":
        out = _in_two_products(query, key, value, keys)
    else:
        out = F.scaled_dot_product_attention(query, key, value, attn_mask=keys)
    return out.transpose(1, 2).flatten(2)


def _in_two_products(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """The same without the fused kernel.

    On a CPU the backward pass of that kernel takes 3 to 7 times longer in bfloat16.
    """
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return torch.softmax(scores, dim=-1, dtype=torch.float32).to(value.dtype) @ value


def split_heads(x: Tensor, heads: int) -> Tensor:
    """`(batch, positions, heads * head_dim)` to `(batch, heads, positions, head_dim)`."""
    return x.reshape(*x.shape[:-1], heads, -1).transpose(1, 2)
