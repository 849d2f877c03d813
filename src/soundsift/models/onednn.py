"""Products with weights in oneDNN's blocked layout: the one place that calls PyTorch's operators.

The operators are private: PyTorch made them for its compiler. `is_available` tries them once
instead of trusting them; where they fail, callers multiply by plain matrices.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

Activation = Literal["none", "swish"]

#: Rows that the blocks are chosen for, ten seconds of sound; any number of rows can be multiplied.
_ROWS = 250


@lru_cache
def is_available(dtype: torch.dtype) -> bool:
    """Whether PyTorch has the operators for a type on this CPU, and they compute correctly."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 32, generator=generator).to(dtype)
    weight = torch.randn(48, 32, generator=generator).to(dtype)
    with torch.inference_mode():
        factor = F.silu(F.linear(x, weight))
        expected = factor * F.linear(x, weight)
        try:
            packed = pack(weight)
            found = linear_times(x, linear(x, packed, None, "swish"), packed, None)
        except (AttributeError, RuntimeError):
            return False
    error = (found.float() - expected.float()).norm() / expected.float().norm()
    return bool(error < 0.03)


def pack(weight: Tensor) -> Tensor:
    """Bring `(out, in)` into the blocked layout, which can only be multiplied by."""
    packed: Tensor = _operators()._reorder_linear_weight(weight.contiguous(), _ROWS)
    return packed


def linear(x: Tensor, packed: Tensor, bias: Tensor | None, activation: Activation) -> Tensor:
    """`x @ weight.T + bias`, through SiLU for "swish"; everything of one type."""
    y: Tensor = _operators()._linear_pointwise(x, packed, bias, activation, [], "")
    return y


def linear_times(x: Tensor, factor: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    """`(x @ weight.T + bias) * factor`; everything of one type."""
    y: Tensor = _operators()._linear_pointwise.binary(x, factor, packed, bias, "mul")
    return y


def _operators() -> Any:
    return torch.ops.mkldnn
