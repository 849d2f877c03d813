"""The codec of the released models: waves to latents and back (DAC-VAE, arXiv 2512.18099).

A convolutional autoencoder after the Descript Audio Codec (arXiv 2306.06546), with a Gaussian
bottleneck in the place of its quantiser. SAM Audio works on the mean.

The published decoder hides an inaudible watermark in every wave. Here it does so only when it is
given a message (`soundsift.models.watermark`).

Released weights are normalised (a direction and a length per output channel); here they are plain,
multiplied out once at loading (`soundsift.checkpoints.dac_vae`).

Shapes: B batch, N samples, T latent frames (25 a second), C channels. Inside, `(B, C, positions)`.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundsift.config import DacVaeConfig
from soundsift.models.watermark import Watermark

#: Dilations of the three residual units of a block.
_DILATIONS = (1, 3, 9)


class Snake(nn.Module):
    """Snake activation, x + sin(a x)^2 / a with one `a` per channel (arXiv 2006.08195).

    Args:
        channels: channels of the input `(B, channels, positions)`.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels))

    def inverse(self) -> Tensor:
        """1 / a, guarded against zero as in the released code."""
        return 1.0 / (self.alpha + 1e-9)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, channels, positions)` to the same shape."""
        return x + self.inverse()[:, None] * torch.sin(self.alpha[:, None] * x).square()


class ResidualUnit(nn.Module):
    """Two convolutions, of width 7 and of width 1, each behind a Snake, around an identity.

    Args:
        channels: channels of input and output.
        dilation: dilation of the first convolution.
    """

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.snake1 = Snake(channels)
        self.conv1 = nn.Conv1d(channels, channels, 7, dilation=dilation, padding=3 * dilation)
        self.snake2 = Snake(channels)
        self.conv2 = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, channels, positions)` to the same shape."""
        y: Tensor = self.conv2(self.snake2(self.conv1(self.snake1(x))))
        return x + y


def _residual_units(channels: int) -> nn.ModuleList:
    return nn.ModuleList(ResidualUnit(channels, dilation) for dilation in _DILATIONS)


class EncoderBlock(nn.Module):
    """Three residual units, then a strided convolution to a lower rate and twice the channels.

    Args:
        channels: channels of the input.
        rate: factor by which positions are divided.
    """

    def __init__(self, channels: int, rate: int) -> None:
        super().__init__()
        self.units = _residual_units(channels)
        self.snake = Snake(channels)
        # An odd rate pads by one too few for whole output; so it was published.
        self.down = nn.Conv1d(channels, 2 * channels, 2 * rate, rate, padding=rate // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, channels, positions)` to `(B, 2 * channels, positions / rate)`."""
        for unit in self.units:
            x = unit(x)
        y: Tensor = self.down(self.snake(x))
        return y


class DecoderBlock(nn.Module):
    """A transposed convolution to a higher rate and half the channels, then three residual units.

    Args:
        channels: channels of the input.
        rate: factor by which positions are multiplied.
    """

    def __init__(self, channels: int, rate: int) -> None:
        super().__init__()
        self.snake = Snake(channels)
        self.up = nn.ConvTranspose1d(
            channels,
            channels // 2,
            2 * rate,
            rate,
            padding=(rate + 1) // 2,
            output_padding=rate % 2,
        )
        self.units = _residual_units(channels // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, channels, positions)` to `(B, channels / 2, positions * rate)`."""
        x = self.up(self.snake(x))
        for unit in self.units:
            x = unit(x)
        return x


class Encoder(nn.Module):
    """From waves `(B, 1, N)` to features `(B, latent_dim, T)`.

    Args:
        config: the codec's sizes.
    """

    def __init__(self, config: DacVaeConfig) -> None:
        super().__init__()
        channels = config.encoder_dim
        self.first = nn.Conv1d(1, channels, 7, padding=3)
        self.blocks = nn.ModuleList()
        for rate in config.encoder_rates:
            self.blocks.append(EncoderBlock(channels, rate))
            channels *= 2
        self.snake = Snake(channels)
        self.last = nn.Conv1d(channels, config.latent_dim, 3, padding=1)

    def forward(self, wave: Tensor) -> Tensor:
        """Map `(B, 1, N)`, N whole frames, to `(B, latent_dim, T)`."""
        x = self.first(wave)
        for block in self.blocks:
            x = block(x)
        y: Tensor = self.last(self.snake(x))
        return y


class Decoder(nn.Module):
    """From features `(B, latent_dim, T)` to waves `(B, 1, N)` within -1..1.

    Args:
        config: the codec's sizes.
    """

    def __init__(self, config: DacVaeConfig) -> None:
        super().__init__()
        channels = config.decoder_dim
        self.first = nn.Conv1d(config.latent_dim, channels, 7, padding=3)
        self.blocks = nn.ModuleList()
        for rate in config.decoder_rates:
            self.blocks.append(DecoderBlock(channels, rate))
            channels //= 2
        self.snake = Snake(channels)
        self.last = nn.Conv1d(channels, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, latent_dim, T)` to `(B, 1, N)`."""
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return torch.tanh(self.last(self.snake(x)))


class LatentEncoder(nn.Module):
    """The codec's way from waves to latents alone, under the same names.

    Args:
        config: the codec's sizes.
    """

    def __init__(self, config: DacVaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.to_gaussian = nn.Conv1d(config.latent_dim, 2 * config.codebook_dim, 1)


class FastPath(Protocol):
    """A faster implementation: `soundsift.models.dac_vae_tiled.TiledCodec`."""

    def encode(self, wave: Tensor) -> Tensor:
        """As `DacVae.encode`."""

    def decode(self, latents: Tensor) -> Tensor:
        """As `DacVae.decode`, without the watermark."""


class DacVae(nn.Module):
    """The codec.

    Args:
        config: its sizes.
    """

    def __init__(self, config: DacVaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        # Mean and scale of a Gaussian; nothing here draws from it.
        self.to_gaussian = nn.Conv1d(config.latent_dim, 2 * config.codebook_dim, 1)
        self.from_latent = nn.Conv1d(config.codebook_dim, config.latent_dim, 1)
        self.decoder = Decoder(config)
        self.watermark = Watermark(config)
        #: Set by `optimise_for_inference`.
        self.fast: FastPath | None = None

    def frames(self, samples: int) -> int:
        """Latent frames that cover so many samples."""
        return -(-samples // self.config.samples_per_frame)

    def encode(self, wave: Tensor) -> Tensor:
        """Latents of a wave: the mean of the bottleneck's Gaussian.

        Args:
            wave: `(B, 1, N)` at the codec's sample rate, N at least 1.

        Returns:
            `(B, T, codebook_dim)` with `T = frames(N)`.
        """
        if self.fast is not None and _takes_fast_path(wave):
            return self.fast.encode(wave)
        padded = pad_to_frames(wave, self.config.samples_per_frame)
        mean, _ = self.to_gaussian(self.encoder(padded)).chunk(2, dim=1)
        latents: Tensor = mean.transpose(1, 2)
        return latents

    def decode(self, latents: Tensor, message: Tensor | None = None) -> Tensor:
        """The wave of some latents.

        Args:
            latents: `(B, T, codebook_dim)`.
            message: `(B, 16)`, zeros and ones, to hide in the wave as the published decoder does
                (`soundsift.models.watermark.draw_message` makes one). None leaves the wave
                unmarked.

        Returns:
            `(B, 1, T * samples_per_frame)`, within -1..1 if unmarked.
        """
        wave: Tensor
        if self.fast is not None and _takes_fast_path(latents):
            wave = self.fast.decode(latents)
        else:
            wave = self.decoder(self.from_latent(latents.transpose(1, 2)))
        return wave if message is None else self.watermark(wave, message)


def _takes_fast_path(x: Tensor) -> bool:
    wants_gradients = torch.is_grad_enabled() and x.requires_grad
    return x.device.type == "cpu" and x.dtype == torch.float32 and not wants_gradients


def pad_to_frames(wave: Tensor, samples_per_frame: int) -> Tensor:
    """Pad the last frame with the wave's reflection, as published, or zeros if the wave is shorter.

    Args:
        wave: `(B, 1, N)`.
        samples_per_frame: the length becomes a multiple of it.

    Raises:
        ValueError: if the wave is empty.
    """
    samples = wave.shape[-1]
    if samples == 0:
        raise ValueError("the wave has no samples; it needs at least one")
    missing = math.ceil(samples / samples_per_frame) * samples_per_frame - samples
    mode = "reflect" if missing < samples else "constant"
    return functional.pad(wave, (0, missing), mode=mode) if missing else wave
