"""The diffusion transformer of SAM Audio (arXiv 2512.18099, section 3).

What differs from a plain DiT:
- one time modulation shared by all blocks, to which each block adds a learned table (as in PixArt);
- cross-attention to the prompt without norm, gate or positions;
- RMS norm of queries and keys per head, rotary positions in self-attention;
- a small convolution over time in front of the blocks.

An addition of ours that the released models don't have (`pooled_text`): the text as a whole, the
mean of its tokens, modulates every block as time does.

Under bfloat16 autocast products run in bfloat16, while the residual stream, the norms and the
modulation stay in float32: branches are narrow, the sum they are added to is wide.

Masks are True where a position counts; None means that every position does.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from soundsift.config import TransformerConfig
from soundsift.models.attention import attend, split_heads
from soundsift.models.layers import SwiGLU, TemporalResidual, scaled_normal_, sinusoid
from soundsift.models.rope import rotary_table, rotate


@dataclass(frozen=True)
class Modulation:
    """How time acts on one branch of a block; every part is `(batch, 1, dim)`."""

    shift: Tensor
    scale: Tensor
    gate: Tensor

    def apply(self, x: Tensor) -> Tensor:
        """Shift and scale a normalised `(batch, frames, dim)`."""
        return x * (1 + self.scale) + self.shift


class _HeadNorms(nn.Module):
    """RMS norms of queries and keys, or none."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query_norm: nn.RMSNorm | None = None
        self.key_norm: nn.RMSNorm | None = None
        if config.qk_norm:
            self.query_norm = nn.RMSNorm(config.head_dim, eps=config.norm_eps)
            self.key_norm = nn.RMSNorm(config.head_dim, eps=config.norm_eps)

    def _split(self, x: Tensor) -> Tensor:
        return split_heads(x, self.heads)

    def _norm_query(self, query: Tensor) -> Tensor:
        return query if self.query_norm is None else _norm(self.query_norm, query)

    def _norm_key(self, key: Tensor) -> Tensor:
        return key if self.key_norm is None else _norm(self.key_norm, key)


def _norm(norm: nn.RMSNorm, x: Tensor) -> Tensor:
    # Input and weight of different types would take a slow path in torch, with a warning.
    y: Tensor = norm(x.to(norm.weight.dtype))
    return y


class SelfAttention(_HeadNorms):
    """Self-attention over frames with rotary positions; one product makes queries, keys and values.

    Args:
        config: The transformer's sizes.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.qkv = nn.Linear(config.dim, 3 * config.dim, bias=False)
        self.out = nn.Linear(config.dim, config.dim, bias=False)

    def reset_parameters(self) -> None:
        """Draw fresh weights."""
        scaled_normal_(self.qkv.weight)
        scaled_normal_(self.out.weight)

    def forward(self, x: Tensor, rotary: Tensor, mask: Tensor | None) -> Tensor:
        """Attend from every frame to every frame that counts.

        Args:
            x: `(batch, frames, dim)`.
            rotary: `(2, frames, head_dim / 2)` from `rotary_table`.
            mask: `(batch, frames)`, bool, or None.

        Returns:
            `(batch, frames, dim)`.
        """
        query, key, value = (self._split(part) for part in self.qkv(x).chunk(3, dim=-1))
        query = rotate(self._norm_query(query), rotary)
        key = rotate(self._norm_key(key), rotary)
        y: Tensor = self.out(attend(query, key, value, mask))
        return y


class CrossAttention(_HeadNorms):
    """Attention from frames to the prompt's memory, without positions.

    Args:
        config: The transformer's sizes.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.query = nn.Linear(config.dim, config.dim, bias=False)
        self.key_value = nn.Linear(config.dim, 2 * config.dim, bias=False)
        self.out = nn.Linear(config.dim, config.dim, bias=False)

    def reset_parameters(self) -> None:
        """Draw fresh weights; the output starts at zero, since this branch has no gate."""
        scaled_normal_(self.query.weight)
        scaled_normal_(self.key_value.weight)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None) -> Tensor:
        """Attend from every frame to every token of the memory that counts.

        Args:
            x: `(batch, frames, dim)`.
            memory: `(batch, tokens, dim)`.
            mask: `(batch, tokens)`, bool, with at least one True per item, or None.

        Returns:
            `(batch, frames, dim)`.
        """
        query = self._norm_query(self._split(self.query(x)))
        key, value = (self._split(part) for part in self.key_value(memory).chunk(2, dim=-1))
        y: Tensor = self.out(attend(query, self._norm_key(key), value, mask))
        return y


class Block(nn.Module):
    """One block: gated self-attention, cross-attention, gated feed-forward.

    Args:
        config: The transformer's sizes.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.modulation = nn.Parameter(torch.zeros(6, config.dim))
        self.self_attention_norm = nn.RMSNorm(config.dim, eps=config.norm_eps)
        self.self_attention = SelfAttention(config)
        self.cross_attention = CrossAttention(config)
        self.feed_forward_norm = nn.RMSNorm(config.dim, eps=config.norm_eps)
        self.feed_forward = SwiGLU(config.dim, config.ffn_hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.text_modulation: nn.Linear | None = None
        if config.pooled_text:
            self.text_modulation = nn.Linear(config.dim, 6 * config.dim, bias=False)

    def reset_parameters(self) -> None:
        """Start with closed gates: the block is the identity (arXiv 2212.09748, adaLN-Zero)."""
        nn.init.zeros_(self.modulation)
        if self.text_modulation is not None:
            nn.init.zeros_(self.text_modulation.weight)

    def forward(
        self,
        x: Tensor,
        time: Tensor,
        memory: Tensor,
        rotary: Tensor,
        memory_mask: Tensor | None,
        frame_mask: Tensor | None,
        pooled: Tensor | None,
    ) -> Tensor:
        """Run the block.

        Args:
            x: `(batch, frames, dim)`.
            time: `(batch, 6, dim)`: the modulation shared by all blocks.
            memory: `(batch, tokens, dim)`.
            rotary: `(2, frames, head_dim / 2)`.
            memory_mask: `(batch, tokens)`, bool, or None.
            frame_mask: `(batch, frames)`, bool, or None.
            pooled: `(batch, dim)`: the text as a whole, in models that are modulated by it.

        Returns:
            `(batch, frames, dim)`.
        """
        modulation = self.modulation + time
        if self.text_modulation is not None and pooled is not None:
            modulation = modulation + self.text_modulation(pooled).view_as(time)
        parts = modulation[:, :, None].unbind(1)
        attention, feed_forward = Modulation(*parts[:3]), Modulation(*parts[3:])
        y = attention.apply(self.self_attention_norm(x))
        y = self.dropout(self.self_attention(y, rotary, frame_mask))
        x = x + attention.gate * y
        x = x + self.dropout(self.cross_attention(x, memory, memory_mask))
        y = feed_forward.apply(self.feed_forward_norm(x))
        out: Tensor = x + feed_forward.gate * self.dropout(self.feed_forward(y))
        return out


class DiffusionTransformer(nn.Module):
    """From embedded frames, flow time and the prompt's memory to a velocity.

    Args:
        config: The sizes.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        self.temporal = TemporalResidual(dim)
        self.memory_embedding = SwiGLU(dim, dim)
        self.time_embedding = SwiGLU(config.time_embedding_dim, dim, dim)
        self.time_modulation = nn.Linear(dim, 6 * dim)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.final_modulation = nn.Parameter(torch.zeros(2, dim))
        self.final_norm = nn.RMSNorm(dim, eps=config.norm_eps)
        self.output = nn.Linear(dim, config.out_channels, bias=False)

    def reset_parameters(self) -> None:
        """Start with closed gates and a zero velocity."""
        nn.init.zeros_(self.time_modulation.weight)
        nn.init.zeros_(self.time_modulation.bias)
        nn.init.zeros_(self.final_modulation)
        nn.init.zeros_(self.output.weight)

    def embed_time(self, time: Tensor) -> Tensor:
        """Embed flow times `(batch,)` as `(batch, dim)`."""
        waves = sinusoid(time, self.config.time_embedding_dim)
        y: Tensor = self.time_embedding(waves.to(self.time_embedding.gate.weight.dtype))
        return y

    def forward(
        self,
        x: Tensor,
        time: Tensor,
        memory: Tensor,
        memory_mask: Tensor | None = None,
        frame_mask: Tensor | None = None,
        pooled: Tensor | None = None,
        taps: list[Tensor] | None = None,
    ) -> Tensor:
        """Evaluate the transformer.

        Args:
            x: `(batch, frames, dim)`.
            time: `(batch,)`, from 0 (noise) to 1 (data).
            memory: `(batch, tokens, dim)`.
            memory_mask: `(batch, tokens)`, bool, with at least one True per item, or None.
            frame_mask: `(batch, frames)`, bool, or None.
            pooled: `(batch, dim)`: the text as a whole, in models that are modulated by it.
            taps: receives every block's output, `(batch, frames, dim)`, for losses on them.

        Returns:
            `(batch, frames, out_channels)`.
        """
        x = self.temporal(x)
        memory = self.memory_embedding(memory)
        embedded = self.embed_time(time)
        modulation = self.time_modulation(F.silu(embedded)).reshape(-1, 6, self.config.dim)
        rotary = rotary_table(x.shape[1], self.config.head_dim, self.config.rope_theta, x.device)
        for block in self.blocks:
            x = block(x, modulation, memory, rotary, memory_mask, frame_mask, pooled)
            if taps is not None:
                taps.append(x)
        shift, scale = (self.final_modulation + embedded[:, None])[:, :, None].unbind(1)
        y: Tensor = self.output(self.final_norm(x) * (1 + scale) + shift)
        return y
