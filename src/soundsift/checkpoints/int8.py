"""Weights stored in eight bits: matrices as int8 with one scale per row.

A row (an output channel) of a matrix is stored as `scale * q`, with q in -127..127: symmetric, so
without an offset. The scale is the one of least squared error (`to_int8`). Everything that is not
a large matrix in a block, and everything that is sensitive (modulation by time, both ends of the
network), keeps its type.

Eight bits halve a file; they do not make inference faster (docs/performance.md). Weights are
dequantised when they are read, and multiplied in the type of `soundsift.devices.pick_dtype`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from soundsift.checkpoints.state_dict import LazyStateDict
from soundsift.errors import SoundsiftError

SCALE = "_scale"
"""Suffix of the name of a matrix's scales, `(rows,)`, float32."""

_MATRICES = (
    "self_attention.qkv.weight",
    "self_attention.out.weight",
    "cross_attention.query.weight",
    "cross_attention.key_value.weight",
    "cross_attention.out.weight",
    "feed_forward.gate.weight",
    "feed_forward.up.weight",
    "feed_forward.down.weight",
    "text_modulation.weight",
)

#: Candidates for the largest value of a row that is not clipped, as shares of its maximum. The
#: first clips nothing.
_CLIPPING = (1.0, 0.98, 0.96, 0.94, 0.92, 0.9, 0.88, 0.86, 0.84, 0.82, 0.8)


def to_int8(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Round the matrices of a velocity field's blocks to eight bits.

    Args:
        weights: as in `VelocityField.state_dict()`.

    Returns:
        The same with int8 matrices, and `<name>_scale` for each of them.
    """
    stored: dict[str, Tensor] = {}
    for name in weights:
        weight = weights[name]
        if name.endswith(_MATRICES):
            stored[name], stored[name + SCALE] = round_rows(weight)
        else:
            stored[name] = weight
    return stored


def round_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round a matrix to eight bits with a scale per row, of least squared error.

    For given q, the best scale is `<w, q> / <q, q>`. Of several q, from clipping more or less of a
    row, that with the least error is taken. Each has an entry of 127, so that rounding a second
    time changes nothing.

    Args:
        weight: `(rows, columns)`, of any floating type.

    Returns:
        int8 `(rows, columns)` and float32 `(rows,)`: `scale[:, None] * q` is near the weight.
    """
    exact = weight.float()
    largest = exact.abs().amax(dim=1, keepdim=True)
    least = torch.full_like(largest, torch.inf)
    rounded, scales = torch.zeros_like(exact, dtype=torch.int8), torch.zeros_like(largest)
    for share in _CLIPPING:
        step = (largest * (share / 127)).clamp_(min=torch.finfo(torch.float32).tiny)
        q = (exact / step).round_().clamp_(-127, 127)
        square = q.square().sum(dim=1, keepdim=True).clamp_(min=1.0)
        scale = (exact * q).sum(dim=1, keepdim=True) / square
        error = (exact - scale * q).square_().sum(dim=1, keepdim=True)
        better = error < least
        least = torch.where(better, error, least)
        rounded = torch.where(better, q.to(torch.int8), rounded)
        scales = torch.where(better, scale, scales)
    return rounded, scales[:, 0].contiguous()


def from_int8(stored: Mapping[str, Tensor], source: str | Path) -> LazyStateDict:
    """Read weights that `to_int8` may have written; int8 comes as float32.

    Args:
        stored: weights, in eight bits or not.
        source: where they come from, for messages.

    Returns:
        The weights under the names of `VelocityField.state_dict()`. Reading one raises
        `SoundsiftError` if it is int8 without scales that fit it.
    """
    return LazyStateDict(
        {
            name: partial(_dequantise, stored, name, source)
            for name in stored
            if not name.endswith(SCALE)
        }
    )


def _dequantise(stored: Mapping[str, Tensor], name: str, source: str | Path) -> Tensor:
    weight = stored[name]
    if weight.dtype != torch.int8:
        return weight
    scale = stored.get(name + SCALE)
    if scale is None or weight.ndim != 2 or scale.shape != weight.shape[:1]:
        found = "none" if scale is None else f"of shape {tuple(scale.shape)}"
        raise SoundsiftError(
            f"{source}: the weight {name}, {tuple(weight.shape)}, is stored in eight bits, which "
            f"takes one scale per row under the name {name + SCALE}; there is {found}."
        )
    return weight.float().mul_(scale[:, None])
