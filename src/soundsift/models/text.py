"""The default model's text encoder: MiniLM's state of every token.

The model is all-MiniLM-L6-v2 (arXiv 2002.10957; Apache-2.0).
PyTorch's own post-norm transformer is BERT's, so only the embeddings are spelled out here.
Transformers would do the same, but its import takes longer than the separation of a short clip.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from soundsift.models.layers import embedding

#: Sizes of all-MiniLM-L6-v2.
VOCABULARY, POSITIONS, WIDTH, LAYERS, HEADS, HIDDEN, EPS = 30522, 512, 384, 6, 12, 1536, 1e-12


class MiniLM(nn.Module):
    """Token ids to contextual token states."""

    def __init__(self) -> None:
        super().__init__()
        self.words = embedding(VOCABULARY, WIDTH)
        self.positions = embedding(POSITIONS, WIDTH)
        self.kinds = embedding(2, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=EPS)
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, HIDDEN, 0.0, "gelu", layer_norm_eps=EPS, batch_first=True
        )
        self.layers = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Encode.

        Args:
            tokens: `(batch, tokens)`, int64, `[CLS] ... [SEP]` and padding.
            mask: `(batch, tokens)`, bool, True where a token counts.

        Returns:
            Hidden states `(batch, tokens, 384)`.
        """
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.words(tokens) + self.positions(positions) + self.kinds.weight[0]
        y: Tensor = self.layers(self.norm(x), src_key_padding_mask=~mask)
        return y
