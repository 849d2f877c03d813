"""Parts of the transformer arranged for inference (`soundsift.models.inference`).

Each takes its weights once, packed for products in one type. Frames stay in float32 between them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from soundsift.config import TransformerConfig
from soundsift.models.attention import attend
from soundsift.models.packed import PackedLinear
from soundsift.models.rope import rotary_table


class Weights:
    """Weights by name, each handed out once, checked against the shape expected."""

    def __init__(
        self, weights: Mapping[str, Tensor], shapes: Mapping[str, torch.Size], device: torch.device
    ) -> None:
        self.weights, self.shapes, self.device = weights, shapes, device
        self.left = set(shapes)

    def get(self, name: str, dtype: torch.dtype = torch.float32) -> Tensor:
        """A weight on the device.

        Raises:
            KeyError: if it is missing.
            RuntimeError: if it has another shape.
        """
        weight = self.weights[name]
        if weight.shape != self.shapes[name]:
            raise RuntimeError(
                f"{name} is {tuple(weight.shape)}, expected {tuple(self.shapes[name])}"
            )
        self.left.discard(name)
        return weight.to(self.device, dtype)

    def check_all_used(self) -> None:
        """Raise a RuntimeError if a weight is unknown, or was not handed out."""
        unknown = set(self.weights) - set(self.shapes)
        if unknown or self.left:
            raise RuntimeError(f"unknown weights {sorted(unknown)}, unused {sorted(self.left)}")


class SwiGLU:
    """A gated feed-forward layer: `(..., in)` to `(..., out)`."""

    def __init__(self, source: Weights, name: str, dtype: torch.dtype) -> None:
        self.gate, self.up, self.down = (
            PackedLinear(source.get(f"{name}.{part}.weight", dtype))
            for part in ("gate", "up", "down")
        )

    def __call__(self, x: Tensor) -> Tensor:
        """Apply the layer, in its own type."""
        x = x.to(self.gate.dtype)
        return self.down(self.up.times(x, self.gate(x, "swish")))


class Temporal:
    """`TemporalResidual`, its convolutions as products with three frames side by side."""

    def __init__(self, source: Weights, dtype: torch.dtype) -> None:
        name = "transformer.temporal"
        self.layers = []
        for i in (1, 2):
            # (out, in, tap) to (out, tap, in): a window of frames is contiguous in that order.
            weight = source.get(f"{name}.conv{i}.weight", dtype).transpose(1, 2).flatten(1)
            bias = source.get(f"{name}.conv{i}.bias").clone()
            norm = [source.get(f"{name}.norm{i}.{part}").clone() for part in ("weight", "bias")]
            self.layers.append((norm[0], norm[1], PackedLinear(weight), bias))

    def __call__(self, x: Tensor) -> Tensor:
        """Frames `(batch, frames, dim)`, with their neighbours' part added."""
        y = x
        for weight, bias, product, product_bias in self.layers:
            y = F.layer_norm(y, y.shape[1:])  # over frames and channels
            y = F.silu(torch.addcmul(bias, y, weight)).to(product.dtype)
            y = F.pad(y, (0, 0, 1, 1))
            windows = y.unfold(1, 3, 1).transpose(2, 3).flatten(2)
            y = product(windows) + product_bias
        return x + y


class Block:
    """A block of the transformer, called with the residual stream, which it changes in place."""

    def __init__(
        self, source: Weights, name: str, config: TransformerConfig, dtype: torch.dtype
    ) -> None:
        self.dim, self.heads, self.head_dim = config.dim, config.heads, config.head_dim
        self.eps, self.dtype = config.norm_eps, dtype

        def vector(part: str) -> Tensor:
            return source.get(f"{name}.{part}").clone()

        def product(part: str) -> PackedLinear:
            return PackedLinear(source.get(f"{name}.{part}.weight", dtype))

        self.modulation = vector("modulation")
        self.norms = vector("self_attention_norm.weight"), vector("feed_forward_norm.weight")
        self.qkv = PackedLinear(
            _halves_in_rows(
                source.get(f"{name}.self_attention.qkv.weight", dtype),
                2 * self.heads,
                self.head_dim,
            )
        )
        self.out = product("self_attention.out")
        self.query, self.key_value = (
            product("cross_attention.query"),
            product("cross_attention.key_value"),
        )
        self.cross_out = product("cross_attention.out")
        self.feed_forward = SwiGLU(source, f"{name}.feed_forward", dtype)
        self.self_norm = self.cross_norm = None
        if config.qk_norm:
            self.self_norm = torch.stack(
                [_halves(vector(f"self_attention.{part}_norm.weight")) for part in ("query", "key")]
            )
            # Queries and keys meet in products only: their weights act as one, on the keys.
            self.cross_norm = vector("cross_attention.query_norm.weight") * vector(
                "cross_attention.key_norm.weight"
            )
        self.text_modulation: PackedLinear | None = None
        if config.pooled_text:
            self.text_modulation = PackedLinear(source.get(f"{name}.text_modulation.weight"))

    def pooled_modulation(self, pooled: Tensor) -> Tensor:
        """`(batch, dim)` to `(batch, 6, dim)`."""
        assert self.text_modulation is not None
        return self.text_modulation(pooled).reshape(-1, 6, self.dim)

    def keys_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of cross-attention for memory `(batch, tokens, dim)`."""
        joined = self._heads(self.key_value(memory), 2)
        keys, values = joined.unbind(2)
        if self.cross_norm is not None:
            keys = (normed(keys.float(), self.eps) * self.cross_norm).to(self.dtype)
        return keys.transpose(1, 2), values.transpose(1, 2)

    def __call__(
        self,
        x: Tensor,
        time: Tensor,
        keys_values: tuple[Tensor, Tensor],
        rotary: tuple[Tensor, Tensor],
        frame_mask: Tensor | None,
        text_mask: Tensor | None,
    ) -> Tensor:
        """Change the frames `(batch, frames, dim)`, float32, in place."""
        parts = (self.modulation + time)[:, :, None].unbind(1)
        shift, scale, gate = parts[:3]
        y = torch.addcmul(shift, normed(x, self.eps), self.norms[0] * (1 + scale))
        x.addcmul_(self._self_attention(y, rotary, frame_mask).float(), gate)
        x.add_(self._cross_attention(x, keys_values, text_mask))
        shift, scale, gate = parts[3:]
        y = torch.addcmul(shift, normed(x, self.eps), self.norms[1] * (1 + scale))
        return x.addcmul_(self.feed_forward(y).float(), gate)

    def _heads(self, x: Tensor, parts: int) -> Tensor:
        """`(batch, positions, parts * dim)` to `(batch, positions, parts, heads, head_dim)`."""
        return x.reshape(*x.shape[:2], parts, self.heads, self.head_dim)

    def _self_attention(
        self, x: Tensor, rotary: tuple[Tensor, Tensor], mask: Tensor | None
    ) -> Tensor:
        qkv = self._heads(self.qkv(x), 3)
        pair = qkv[:, :, :2].float()
        if self.self_norm is not None:
            pair = normed(pair, self.eps).mul_(self.self_norm[:, None])
        query, key = _turn(pair, rotary).to(self.dtype).unbind(2)
        return self.out(attend(query, key, qkv[:, :, 2], mask, "positions first"))

    def _cross_attention(
        self, x: Tensor, keys_values: tuple[Tensor, Tensor], mask: Tensor | None
    ) -> Tensor:
        query = self._heads(self.query(x), 1)[:, :, 0]
        if self.cross_norm is not None:
            query = normed(query.float(), self.eps).to(self.dtype)
        keys, values = keys_values
        return self.cross_out(attend(query.transpose(1, 2), keys, values, mask))


def normed(x: Tensor, eps: float) -> Tensor:
    """RMS norm over the last axis, without weight."""
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return x * torch.rsqrt(length.square_().mul_(1 / x.shape[-1]).add_(eps))


def rotary_pair(
    frames: int, config: TransformerConfig, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Cosines and sines, each `(frames, 1, 1, head_dim / 2)`."""
    table = rotary_table(frames, config.head_dim, config.rope_theta, device)
    cos, sin = table[:, :, None, None].unbind(0)
    return cos, sin


def _turn(x: Tensor, rotary: tuple[Tensor, Tensor]) -> Tensor:
    """Turn `(..., frames, 2, heads, head_dim)`, whose pairs lie in two halves."""
    cos, sin = rotary
    first, second = x.chunk(2, dim=-1)
    turned = torch.empty_like(x)
    ahead, behind = turned.chunk(2, dim=-1)
    torch.mul(first, cos, out=ahead).addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=behind).addcmul_(first, sin)
    return turned


def _halves(vector: Tensor) -> Tensor:
    """Bring the even channels to the front, then the odd ones."""
    return torch.cat((vector[0::2], vector[1::2]))


def _halves_in_rows(weight: Tensor, heads: int, head_dim: int) -> Tensor:
    """The same with the rows of the first `heads` heads."""
    turning = weight[: heads * head_dim].reshape(heads, head_dim // 2, 2, -1)
    return torch.cat((turning.transpose(1, 2).flatten(0, 2), weight[heads * head_dim :]))
