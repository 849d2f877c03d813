"""PE-A-Frame: when is a described sound heard (arXiv 2512.19687).

Codec latents and a phrase go in, one logit per latent frame of 40 ms comes out. The phrase enters
as the state that ModernBERT has of it (`soundsift.checkpoints.modernbert`).
"""

import torch
from torch import Tensor, nn

from soundsift.config import PeAFrameConfig
from soundsift.models.pe_audio import AudioTransformer

_HEAD_EPS = 1e-6


class PeAFrame(nn.Module):
    """Embeds frames and phrases in one space; their product gives the logits.

    Args:
        config: The sizes.
    """

    def __init__(self, config: PeAFrameConfig) -> None:
        super().__init__()
        dim = config.audio.dim
        self.config = config
        self.input = nn.Linear(config.latent_channels, dim)
        self.transformer = AudioTransformer(config.audio)
        self.audio_norm = nn.LayerNorm(dim, eps=_HEAD_EPS)
        self.audio_projection = nn.Linear(dim, config.embedding_dim, bias=False)
        self.text_norm = nn.LayerNorm(config.text_dim, eps=_HEAD_EPS)
        self.text_projection = nn.Linear(config.text_dim, config.embedding_dim, bias=False)
        self.scale = nn.Parameter(torch.zeros(1))
        self.bias = nn.Parameter(torch.zeros(1))

    def embed_audio(self, latents: Tensor, mask: Tensor | None = None) -> Tensor:
        """Embed every frame.

        Args:
            latents: `(batch, frames, latent_channels)`: the codec's mean, as it comes.
            mask: `(batch, frames)`, bool, True where a frame counts, or None.

        Returns:
            `(batch, frames, embedding_dim)`.
        """
        x = self.transformer(self.input(latents), mask)
        y: Tensor = self.audio_projection(self.audio_norm(x))
        return y

    def embed_text(self, states: Tensor) -> Tensor:
        """Embed phrases: `(batch, text_dim)` to `(batch, embedding_dim)`."""
        y: Tensor = self.text_projection(self.text_norm(states))
        return y

    def forward(self, latents: Tensor, text: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits that each frame holds its item's sound.

        Args:
            latents: `(batch, frames, latent_channels)`.
            text: `(batch, text_dim)`: the text encoder's state of each item's phrase.
            mask: `(batch, frames)`, bool, True where a frame counts, or None.

        Returns:
            Logits `(batch, frames)`, float32; a sigmoid makes them probabilities.
        """
        audio = self.embed_audio(latents, mask).float()
        product = (audio @ self.embed_text(text).float()[:, :, None]).squeeze(-1)
        return product * self.scale.float() + self.bias.float()
