"""The audio transformer of the PE-AV family (arXiv 2512.19687), without its codec.

PE-A-Frame and SAM Audio Judge are both built on it. A learned summary token goes in front of the
frames; a small convolution over time and a plain pre-norm transformer follow. It is the separator's
transformer (`soundsift.models.transformer`) without flow time and without a prompt.

Masks are True where a frame counts; None means that every frame does.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from soundsift.config import AudioTransformerConfig
from soundsift.models.attention import attend
from soundsift.models.layers import SwiGLU, TemporalResidual
from soundsift.models.rope import rotary_table, rotate


class MaskedTemporalResidual(TemporalResidual):
    """Two convolutions over time around an identity; unlike the separator's, it heeds a mask.

    Args:
        dim: Channels.
    """

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map `(batch, frames, dim)` to the same shape; the mask is `(batch, frames)`."""
        if mask is None:
            return super().forward(x)
        y = x.transpose(1, 2)
        y = self.conv1(F.silu(_masked_norm(self.norm1, y, mask[:, None])))
        y = self.conv2(F.silu(_masked_norm(self.norm2, y, mask[:, None])))
        out: Tensor = x + y.transpose(1, 2)
        return out


def _masked_norm(norm: nn.GroupNorm, x: Tensor, mask: Tensor) -> Tensor:
    """Normalise `(batch, dim, frames)` over the frames that count; the others become zero."""
    wide = x.float()
    count = mask.sum(dim=(1, 2), keepdim=True) * x.shape[1]
    mean = (wide * mask).sum(dim=(1, 2), keepdim=True) / count
    centred = wide - mean
    variance = (centred.square() * mask).sum(dim=(1, 2), keepdim=True) / count
    y = (centred * torch.rsqrt(variance + norm.eps)).to(x.dtype)
    out: Tensor = (y * norm.weight[:, None] + norm.bias[:, None]) * mask
    return out


class SelfAttention(nn.Module):
    """Self-attention with RMS-normalised queries and keys and rotary positions.

    Args:
        config: The transformer's sizes.
    """

    def __init__(self, config: AudioTransformerConfig) -> None:
        super().__init__()
        head_dim = config.dim // config.heads
        self.heads = config.heads
        self.qkv = nn.Linear(config.dim, 3 * config.dim, bias=False)
        self.query_norm = nn.RMSNorm(head_dim, eps=config.norm_eps)
        self.key_norm = nn.RMSNorm(head_dim, eps=config.norm_eps)
        self.out = nn.Linear(config.dim, config.dim, bias=False)

    def forward(self, x: Tensor, rotary: Tensor, mask: Tensor | None) -> Tensor:
        """Attend from every frame to every frame that counts.

        Args:
            x: `(batch, frames, dim)`.
            rotary: `(2, frames, head_dim / 2)` from `rotary_table`.
            mask: `(batch, frames)`, bool, or None.

        Returns:
            `(batch, frames, dim)`.
        """
        batch, frames, dim = x.shape
        qkv = self.qkv(x).view(batch, frames, 3, self.heads, dim // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        query = rotate(self.query_norm(query), rotary)
        key = rotate(self.key_norm(key), rotary)
        out: Tensor = self.out(attend(query, key, value, mask))
        return out


class Block(nn.Module):
    """Pre-norm self-attention and feed-forward, each around an identity.

    Args:
        config: The transformer's sizes.
    """

    def __init__(self, config: AudioTransformerConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.dim, eps=config.norm_eps)
        self.attention = SelfAttention(config)
        self.feed_forward_norm = nn.RMSNorm(config.dim, eps=config.norm_eps)
        self.feed_forward = SwiGLU(config.dim, config.ffn_hidden)

    def forward(self, x: Tensor, rotary: Tensor, mask: Tensor | None) -> Tensor:
        """Map `(batch, frames, dim)` to the same shape."""
        x = x + self.attention(self.attention_norm(x), rotary, mask)
        out: Tensor = x + self.feed_forward(self.feed_forward_norm(x))
        return out


class AudioTransformer(nn.Module):
    """From embedded frames to frames that know their surroundings.

    Args:
        config: The sizes.
    """

    def __init__(self, config: AudioTransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.summary = nn.Parameter(torch.zeros(1, 1, config.dim))
        self.temporal = MaskedTemporalResidual(config.dim)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.dim, eps=config.norm_eps)
        self.output = nn.Linear(config.dim, config.dim, bias=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Run the transformer.

        Args:
            x: `(batch, frames, dim)`.
            mask: `(batch, frames)`, bool, True in the first frame, or None.

        Returns:
            `(batch, frames, dim)`; what it says of frames that don't count means nothing.
        """
        x = torch.cat((self.summary.expand(len(x), -1, -1), x), dim=1)
        if mask is not None:
            mask = torch.cat((mask[:, :1], mask), dim=1)
        x = self.temporal(x, mask)
        head_dim = self.config.dim // self.config.heads
        rotary = rotary_table(x.shape[1], head_dim, self.config.rope_theta, x.device)
        for block in self.blocks:
            x = block(x, rotary, mask)
        out: Tensor = self.output(self.norm(x))[:, 1:]
        return out
