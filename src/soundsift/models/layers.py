"""Small layers shared by the models."""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


def sinusoid(values: Tensor, dim: int, theta: float = 10000.0) -> Tensor:
    """Encode scalars by cosines, then sines, at geometrically spaced frequencies.

    Args:
        values: `(batch,)`. Flow times enter raw, in [0, 1].
        dim: Channels of the result, even.
        theta: Ratio of the highest frequency (1 radian per unit) to the lowest.

    Returns:
        `(batch, dim)`, float32.
    """
    half = dim // 2
    steps = torch.arange(half, device=values.device, dtype=torch.float32)
    angles = values.float()[:, None] * torch.exp(-math.log(theta) / half * steps)
    return torch.cat((angles.cos(), angles.sin()), dim=-1)


def scaled_normal_(weight: Tensor) -> None:
    """Draw a weight so that its layer keeps the variance of its input.

    Args:
        weight: `(out, in)` or `(out, in, kernel)`, changed in place.
    """
    nn.init.normal_(weight, std=weight[0].numel() ** -0.5)


def embedding(count: int, width: int, padding: int | None = None) -> nn.Embedding:
    """A table of vectors; on the meta device, one whose weights are not drawn.

    There is nothing to draw there, and drawing would import half of PyTorch.

    Args:
        count: Vectors.
        width: Channels of each.
        padding: Number of the vector that stays zero.
    """
    weight = torch.empty(count, width) if torch.empty(0).is_meta else None
    return nn.Embedding(count, width, padding_idx=padding, _weight=weight)


class SwiGLU(nn.Module):
    """Gated feed-forward layer without biases: `down(silu(gate(x)) * up(x))` (arXiv 2002.05202).

    Args:
        dim: Input channels.
        hidden: Channels between.
        out: Output channels, `dim` unless given.
    """

    def __init__(self, dim: int, hidden: int, out: int | None = None) -> None:
        super().__init__()
        self.gate = nn.Linear(dim, hidden, bias=False)
        self.up = nn.Linear(dim, hidden, bias=False)
        self.down = nn.Linear(hidden, out or dim, bias=False)

    def reset_parameters(self) -> None:
        """Draw fresh weights."""
        for layer in (self.gate, self.up, self.down):
            scaled_normal_(layer.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(..., dim)` to `(..., out)`."""
        y: Tensor = self.down(F.silu(self.gate(x)) * self.up(x))
        return y


class TemporalResidual(nn.Module):
    """Two convolutions over time around an identity, in front of the transformer's blocks.

    The norms average over time with the padding included and the convolutions reach into it: a clip
    batched with a longer one comes out slightly different. The released weights expect it so.

    Args:
        dim: Channels.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(1, dim)
        self.conv1 = nn.Conv1d(dim, dim, kernel_size=3, padding=1)
        self.norm2 = nn.GroupNorm(1, dim)
        self.conv2 = nn.Conv1d(dim, dim, kernel_size=3, padding=1)

    def reset_parameters(self) -> None:
        """Draw fresh weights; the layer starts as the identity."""
        self.norm1.reset_parameters()
        self.norm2.reset_parameters()
        scaled_normal_(self.conv1.weight)
        nn.init.zeros_(self.conv2.weight)
        for conv in (self.conv1, self.conv2):
            assert conv.bias is not None
            nn.init.zeros_(conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(batch, frames, dim)` to the same shape."""
        y = x.transpose(1, 2)
        y = self.conv1(F.silu(self.norm1(y)))
        y = self.conv2(F.silu(self.norm2(y)))
        out: Tensor = x + y.transpose(1, 2)
        return out
