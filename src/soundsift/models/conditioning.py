"""Embeddings of prompts over time: anchors (spans) and video (arXiv 2512.18099, section 3).

Both branches end in `tanh(gate)` times a vector per frame, which is added to the embedded input. A
learned gate lets a model be taught a new kind of prompt without forgetting what it could do.
"""

import torch
from torch import Tensor, nn

from soundsift.models.layers import embedding, scaled_normal_


class AnchorEmbedding(nn.Module):
    """Embeds the anchor id of each frame.

    Args:
        count: Number of anchor ids without padding; id `count` is padding and embeds to zero.
        width: Channels of the embedding table.
        dim: Output channels.
    """

    def __init__(self, count: int, width: int, dim: int) -> None:
        super().__init__()
        self.embedding = embedding(count + 1, width, padding=count)
        self.projection = nn.Linear(width, dim, bias=False)
        self.gate = nn.Parameter(torch.zeros(1))

    def reset_parameters(self) -> None:
        """Draw fresh weights, the gate half open: from zero it would open slowly."""
        self.embedding.reset_parameters()
        scaled_normal_(self.projection.weight)
        nn.init.constant_(self.gate, 0.5)

    def forward(self, anchors: Tensor) -> Tensor:
        """Map frame ids `(batch, frames)`, int64, to `(batch, frames, dim)`."""
        y: Tensor = self.gate.tanh() * self.projection(self.embedding(anchors))
        return y


class VideoEmbedding(nn.Module):
    """Embeds the video features that accompany each frame.

    Absent video is zero features, which bias and norm turn into a learned vector: they must go
    through here too.

    Args:
        video_dim: Channels of the features.
        dim: Output channels.
    """

    def __init__(self, video_dim: int, dim: int) -> None:
        super().__init__()
        self.projection = nn.Linear(video_dim, dim)
        self.norm = nn.LayerNorm(dim)
        self.gate = nn.Parameter(torch.zeros(1))

    def reset_parameters(self) -> None:
        """Draw fresh weights, the gate half open; absent video starts as zero."""
        scaled_normal_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)
        self.norm.reset_parameters()
        nn.init.constant_(self.gate, 0.5)

    def forward(self, video: Tensor | None) -> Tensor:
        """Map `(batch, frames, video_dim)` to `(batch, frames, dim)`, or None to `(1, 1, dim)`."""
        if video is None:
            video = self.projection.weight.new_zeros(1, 1, self.projection.in_features)
        y: Tensor = self.gate.tanh() * self.norm(self.projection(video))
        return y
