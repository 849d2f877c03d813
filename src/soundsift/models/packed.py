"""Linear layers for inference, with their weights cast and laid out once.

oneDNN multiplies by a weight in blocks that fit the processor's matrix units. From a plain matrix
it makes those blocks anew at every product; kept in blocks, a product of 250 frames in bfloat16
takes two thirds of the time. In float32, PyTorch calls MKL for a plain matrix, which is slow on
processors that are not Intel's; for a packed one it calls oneDNN everywhere.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

# Rows that the blocks are chosen for, ten seconds of sound; any number of rows is multiplied.
_ROWS = 250

Activation = Literal["none", "swish"]


class PackedLinear:
    """`x @ weight.T + bias`, in the type of the weight.

    Not a module: the blocks can neither be saved nor moved, only multiplied by.

    Args:
        weight: `(out, in)`, already of the type and on the device to compute with. Not kept where
            it is packed.
        bias: `(out,)`, or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self.dtype = weight.dtype
        self.out_features, self.in_features = weight.shape
        self.bias = None if bias is None else bias.to(weight.dtype)
        self.packed = weight.device.type == "cpu" and can_pack(weight.dtype)
        self.weight = _pack(weight) if self.packed else weight

    def __call__(self, x: Tensor, activation: Activation = "none") -> Tensor:
        """Multiply `(..., in)` of any floating type; then apply SiLU if asked to ("swish")."""
        x = x.to(self.dtype)
        if self.packed:
            return _multiply(x, self.weight, self.bias, activation)
        y = F.linear(x, self.weight, self.bias)
        return F.silu(y) if activation == "swish" else y

    def times(self, x: Tensor, factor: Tensor) -> Tensor:
        """Multiply `(..., in)`, and the result by `factor`, `(..., out)` of the layer's type."""
        x = x.to(self.dtype)
        if self.packed:
            return _multiply_by(x, factor, self.weight, self.bias)
        return F.linear(x, self.weight, self.bias) * factor


@lru_cache
def can_pack(dtype: torch.dtype) -> bool:
    """Whether this build of PyTorch packs weights of a type on this processor, and rightly.

    Packing is reached by operators that PyTorch made for its compiler: they are tried, once, rather
    than trusted.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 32, generator=generator).to(dtype)
    weight = torch.randn(48, 32, generator=generator).to(dtype)
    with torch.inference_mode():
        factor = F.silu(F.linear(x, weight))
        expected = factor * F.linear(x, weight)
        try:
            packed = _pack(weight)
            found = _multiply_by(x, _multiply(x, packed, None, "swish"), packed, None)
        except (AttributeError, RuntimeError):
            return False
    error = (found.float() - expected.float()).norm() / expected.float().norm()
    return bool(error < 0.03)


def _operators() -> Any:
    return torch.ops.mkldnn


def _pack(weight: Tensor) -> Tensor:
    packed: Tensor = _operators()._reorder_linear_weight(weight.contiguous(), _ROWS)
    return packed


def _multiply(x: Tensor, weight: Tensor, bias: Tensor | None, activation: str) -> Tensor:
    y: Tensor = _operators()._linear_pointwise(x, weight, bias, activation, [], "")
    return y


def _multiply_by(x: Tensor, factor: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    y: Tensor = _operators()._linear_pointwise.binary(x, factor, weight, bias, "mul")
    return y
