"""The vision encoder of SAM Audio: PE-Core, the Perception Encoder (arXiv 2504.13181).

A vision transformer with learned and, in every block, rotary positions (half of each head's
channels turn with the column, half with the row), whose tokens are read out by a learned query.
SAM Audio takes one vector a picture from it (arXiv 2512.18099, section 3).

Under bfloat16 autocast products run in bfloat16, residual stream and norms stay in float32.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from soundsift.config import PeVisionConfig
from soundsift.models.attention import attend, split_heads
from soundsift.models.rope import rotate


def resize_picture(picture: Tensor, size: int) -> Tensor:
    """Resize a picture to the encoder's square, as in its training: bicubic, antialiased.

    The result is in whole 8-bit steps: the interpolation overshoots at edges and has to be cut off.

    Args:
        picture: `(3, height, width)`, uint8, red, green, blue.
        size: Side of the square in pixels.

    Returns:
        `(3, size, size)`, uint8.
    """
    square = F.interpolate(
        picture[None].float(), (size, size), mode="bicubic", antialias=True, align_corners=False
    )
    return square[0].round_().clamp_(0, 255).to(torch.uint8)


def normalise_pictures(pictures: Tensor) -> Tensor:
    """Map `(..., 3, height, width)`, uint8, to float32 from -1 to 1."""
    return (pictures / 255 - 0.5) / 0.5


class PeVision(nn.Module):
    """Maps pictures to vectors of unit length.

    Args:
        config: The sizes.
    """

    def __init__(self, config: PeVisionConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.patches = nn.Conv2d(3, width, config.patch_size, config.patch_size, bias=False)
        self.class_token = nn.Parameter(torch.empty(width))
        self.positions = nn.Parameter(torch.empty(1 + config.grid**2, width))
        self.input_norm = nn.LayerNorm(width, eps=config.norm_eps)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))
        self.output_norm = nn.LayerNorm(width, eps=config.norm_eps)
        self.pool = _AttentionPool(config)
        self.projection = nn.Linear(width, config.out_dim, bias=False)
        for parameter in (self.class_token, self.positions, self.pool.probe):
            if not parameter.is_meta:  # drawing there would import half of PyTorch
                nn.init.normal_(parameter, std=width**-0.5)

    def features(self, images: Tensor) -> Tensor:
        """Features of every patch.

        Args:
            images: `(batch, 3, height, width)`, from -1 to 1. Sides other than `image_size` work:
                positions are interpolated; what does not fill a patch is cut off.

        Returns:
            `(batch, 1 + patches, width)`: the class token, then the patches row by row.
        """
        x = self.patches(images.to(self.patches.weight.dtype))
        rows, columns = x.shape[-2:]
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat((self.class_token.to(x.dtype).expand(len(x), 1, -1), x), dim=1)
        x = self.input_norm(x + self._positions(rows, columns))
        rotary = _rotary_table(rows, columns, self.config, images.device)
        for block in self.blocks:
            x = block(x, rotary)
        y: Tensor = self.output_norm(x)
        return y

    def embed(self, images: Tensor) -> Tensor:
        """Map `(batch, 3, height, width)` to `(batch, out_dim)`, of any length."""
        y: Tensor = self.projection(self.pool(self.features(images)))
        return y

    def forward(self, images: Tensor) -> Tensor:
        """Map `(batch, 3, height, width)`, from -1 to 1, to float32 unit vectors.

        Args:
            images: As for `features`.

        Returns:
            `(batch, out_dim)`, float32.
        """
        return F.normalize(self.embed(images).float(), dim=-1)

    def _positions(self, rows: int, columns: int) -> Tensor:
        """Learned positions of a grid: `(1 + rows * columns, width)`."""
        grid = self.config.grid
        if (rows, columns) == (grid, grid):
            return self.positions
        first, others = self.positions[:1], self.positions[1:]
        plane = others.T.reshape(1, -1, grid, grid)
        plane = F.interpolate(plane, (rows, columns), mode="bilinear", align_corners=False)
        return torch.cat((first, plane[0].flatten(1).T))


class _Block(nn.Module):
    """Self-attention and a feed-forward layer, each after a norm and around an identity."""

    def __init__(self, config: PeVisionConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.attention_norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)
        self.feed_forward_norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.feed_forward = _FeedForward(config)

    def forward(self, x: Tensor, rotary: Tensor) -> Tensor:
        """Map `(batch, tokens, width)` to the same shape."""
        qkv = self.qkv(self.attention_norm(x)).chunk(3, dim=-1)
        query, key, value = (split_heads(part, self.heads) for part in qkv)
        x = x + self.out(attend(rotate(query, rotary), rotate(key, rotary), value))
        y: Tensor = x + self.feed_forward(self.feed_forward_norm(x))
        return y


class _AttentionPool(nn.Module):
    """A learned query reads all tokens; then a feed-forward layer around an identity."""

    def __init__(self, config: PeVisionConfig) -> None:
        super().__init__()
        self.heads = config.pool_heads
        self.probe = nn.Parameter(torch.empty(1, 1, config.width))
        self.query = nn.Linear(config.width, config.width)
        self.key_value = nn.Linear(config.width, 2 * config.width)
        self.out = nn.Linear(config.width, config.width)
        self.feed_forward_norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.feed_forward = _FeedForward(config)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(batch, tokens, width)` to `(batch, width)`."""
        key, value = (split_heads(part, self.heads) for part in self.key_value(x).chunk(2, dim=-1))
        query = split_heads(self.query(self.probe.expand(len(x), -1, -1)), self.heads)
        y = self.out(attend(query, key, value))
        y = y + self.feed_forward(self.feed_forward_norm(y))
        pooled: Tensor = y[:, 0]
        return pooled


class _FeedForward(nn.Module):
    """Two linear layers with a GELU between."""

    def __init__(self, config: PeVisionConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.width, config.ffn_hidden)
        self.down = nn.Linear(config.ffn_hidden, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(..., width)` to the same shape."""
        y: Tensor = self.down(F.gelu(self.up(x)))
        return y


def _rotary_table(rows: int, columns: int, config: PeVisionConfig, device: torch.device) -> Tensor:
    """Cosines and sines for `rotate`: `(2, 1 + rows * columns, head_dim / 2)`, float32.

    Columns and rows count from 1; the class token stands at (0, 0) and is not turned.
    """
    half = config.head_dim // 2
    pairs = torch.arange(0, half, 2, device=device, dtype=torch.float32)
    rates = config.rope_theta ** (-pairs / half)
    row, column = (
        torch.outer(torch.arange(1, count + 1, device=device, dtype=torch.float32), rates)
        for count in (rows, columns)
    )
    shape = (rows, columns, len(rates))
    angles = torch.cat((column.expand(shape), row[:, None].expand(shape)), dim=-1).flatten(0, 1)
    angles = torch.cat((torch.zeros_like(angles[:1]), angles))
    return torch.stack((angles.cos(), angles.sin()))
