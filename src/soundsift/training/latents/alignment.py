"""The alignment loss of the paper: a middle block's state is pulled towards what hears the target.

The state of every frame goes through a small network, and 1 - cosine between its output and a frame
model's embedding of the target alone is part of the loss (arXiv 2512.18099; after arXiv
2410.06940). Without it, the paper's separator is heard to be worse by 0.7 of 5.

Shapes: B examples, N samples, T latent frames, D embedding width.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundsift.checkpoints.hearing import default_folder, load_hearing
from soundsift.config import SAMPLE_RATE, MelCodecConfig
from soundsift.models.hearing import HearingNetwork
from soundsift.models.mel_codec import MelCodec
from soundsift.models.pe_a_frame import PeAFrame
from soundsift.training.latents.config import FrameModelConfig


class FrameModel(Protocol):
    """Embeds every frame of a sound."""

    @property
    def width(self) -> int:
        """D."""
        ...

    def embed(self, waves: Tensor, rate: int, latents: Tensor) -> Tensor:
        """Embed `(B, T, D)` what is given as waves `(B, N)` at a rate in Hz, and as latents."""
        ...


class HearingFrames:
    """The default model's hearing network as a frame model.

    Args:
        network: in eval mode.
    """

    def __init__(self, network: HearingNetwork) -> None:
        self.network = network
        self.width = network.config.embedding_dim
        device = network.to_frame.weight.device
        self.codec = MelCodec(MelCodecConfig()).to(device)

    @torch.no_grad()
    def embed(self, waves: Tensor, rate: int, latents: Tensor) -> Tensor:
        """See `FrameModel`."""
        context = self.codec.context(resampled(waves, rate, SAMPLE_RATE)[:, None])
        return self.network.embed_frames(context)[:, : latents.shape[1]]


class PeAFrames:
    """PE-A-Frame as a frame model; it reads latents of the released codec.

    Args:
        network: in eval mode.
    """

    def __init__(self, network: PeAFrame) -> None:
        self.network = network
        self.width = network.config.embedding_dim

    @torch.no_grad()
    def embed(self, waves: Tensor, rate: int, latents: Tensor) -> Tensor:  # noqa: ARG002
        """See `FrameModel`."""
        return self.network.embed_audio(latents)


def load_frame_model(config: FrameModelConfig, device: torch.device) -> FrameModel:
    """Load what hears targets.

    Raises:
        SoundsiftError: if it is missing or damaged.
    """
    if config.kind == "hearing":
        folder = default_folder() if config.model is None else Path(config.model)
        return HearingFrames(load_hearing(folder, device))
    # Imported here: it needs libraries that training with the other does not.
    from soundsift.checkpoints.pe_a_frame import LARGE, load_span_predictor

    return PeAFrames(load_span_predictor(config.model or LARGE, device).model)


class Projector(nn.Module):
    """Three layers from hidden states to the frame model's space.

    Args:
        dim: width of the hidden states.
        hidden: width between the layers.
        width: D.
    """

    def __init__(self, dim: int, hidden: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(dim, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, width),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """Map `(B, T, dim)` to `(B, T, D)`."""
        y: Tensor = self.layers(hidden)
        return y


def alignment_term(projected: Tensor, heard: Tensor) -> Tensor:
    """1 - cosine of `(B, T, D)` and `(B, T, D)`, averaged over frames: 0 to 2."""
    return 1.0 - functional.cosine_similarity(projected.float(), heard.float(), dim=-1).mean()


def resampled(waves: Tensor, rate: int, wanted: int) -> Tensor:
    """Waves `(B, N)` at another rate, by their Fourier transform; for networks, not for ears."""
    if rate == wanted:
        return waves
    samples = round(waves.shape[-1] * wanted / rate)
    spectrum = torch.fft.rfft(waves)[..., : samples // 2 + 1]
    again: Tensor = torch.fft.irfft(spectrum, samples) * (samples / waves.shape[-1])
    return again
