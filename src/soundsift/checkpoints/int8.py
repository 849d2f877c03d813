"""Weights in eight bits, for storing: the one place that says how.

A matrix is stored as int8 with one scale per row (output channel), symmetric: `weight = scale * q`
with q in -127..127. torchao does the rounding (the extra `int8`); reading needs nothing. Everything
that is not a matrix of a product, and everything that is touchy (modulation, time, both ends of the
network), stays as it is. What is stored so is multiplied in the type that
`soundsift.devices.pick_dtype` says: eight bits halve a file, they don't make it faster, whether the
products be weight-only or dynamic (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from soundsift.errors import SoundsiftError
from soundsift.optional import library

SCALE = "_scale"
"""Ends the name of a matrix's scales, `(out,)`, float32."""

_PRODUCTS = (
    "self_attention.qkv.weight",
    "self_attention.out.weight",
    "cross_attention.query.weight",
    "cross_attention.key_value.weight",
    "cross_attention.out.weight",
    "feed_forward.gate.weight",
    "feed_forward.up.weight",
    "feed_forward.down.weight",
)


def quantise(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Round the blocks' matrices of a velocity field to eight bits.

    Args:
        weights: As in `VelocityField.state_dict()`.

    Returns:
        The same, with int8 matrices, and `<name>_scale` for each of them.

    Raises:
        SoundsiftError: If torchao is not installed; also if there are no weights.
    """
    torchao = library("torchao.quantization", "weights in eight bits", "int8")
    stored: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if name.endswith(_PRODUCTS):
            stored[name], stored[name + SCALE] = _to_int8(weight, torchao)
        else:
            stored[name] = weight
    return stored


def restored(stored: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Read weights that `quantise` may have written, each when it is asked for.

    Args:
        stored: Weights, quantised or not.

    Returns:
        A view of them under the names of `VelocityField.state_dict()`; int8 comes as float32.
        Reading one raises `SoundsiftError` if it is int8 without scales that fit it.
    """
    return _Restored(stored)


class _Restored(Mapping[str, Tensor]):
    def __init__(self, stored: Mapping[str, Tensor]) -> None:
        self.stored = stored
        self.names = [name for name in stored if not name.endswith(SCALE)]

    def __getitem__(self, name: str) -> Tensor:
        weight = self.stored[name]
        if weight.dtype != torch.int8:
            return weight
        scale = self.stored.get(name + SCALE)
        if scale is None or weight.ndim != 2 or scale.shape != weight.shape[:1]:
            found = "none" if scale is None else f"of shape {tuple(scale.shape)}"
            raise SoundsiftError(
                f"the weight {name}, {tuple(weight.shape)}, is stored in eight bits, which takes "
                f"one scale per row under the name {name + SCALE}; there is {found}."
            )
        return weight.float().mul_(scale[:, None])

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def _to_int8(weight: Tensor, torchao: Any) -> tuple[Tensor, Tensor]:
    row = (1, weight.shape[1])  # what shares a scale
    form = (torch.int8, -127, 127)
    scale, zero = torchao.choose_qparams_affine(
        weight.float(), torchao.MappingType.SYMMETRIC, row, *form
    )
    return torchao.quantize_affine(weight.float(), row, scale, zero, *form), scale
