"""Linear layers for inference, with their weights cast and laid out once.

oneDNN multiplies by a weight in blocks that fit the processor's matrix units. From a plain matrix
it makes those blocks anew at every product; kept in blocks (`soundsift.models.onednn`), a product
of 250 frames in bfloat16 takes two thirds of the time. In float32, PyTorch calls MKL for a plain
matrix, which is slow on processors that are not Intel's; for a packed one it calls oneDNN
everywhere.
"""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from soundsift.models import onednn
from soundsift.models.onednn import Activation


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
        self.packed = weight.device.type == "cpu" and onednn.is_available(weight.dtype)
        self.weight = onednn.pack(weight) if self.packed else weight

    def __call__(self, x: Tensor, activation: Activation = "none") -> Tensor:
        """Multiply `(..., in)` of any floating type; for "swish", SiLU follows."""
        x = x.to(self.dtype)
        if self.packed:
            return onednn.linear(x, self.weight, self.bias, activation)
        y = F.linear(x, self.weight, self.bias)
        return F.silu(y) if activation == "swish" else y

    def times(self, x: Tensor, factor: Tensor) -> Tensor:
        """Multiply `(..., in)`, and the result by `factor`, `(..., out)` of the layer's type."""
        x = x.to(self.dtype)
        if self.packed:
            return onednn.linear_times(x, factor, self.weight, self.bias)
        return F.linear(x, self.weight, self.bias) * factor
