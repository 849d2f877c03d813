"""The watermark that the published DAC-VAE decoder hides in its waves: 16 bits at low level.

A small causal autoencoder (after AudioSeal, arXiv 2401.17264) reads the decoded wave, adds an
embedding of the message to its own latent and writes back a wave, a quarter of which is added.
It is written only if a message is passed to `DacVae.decode`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundsift.config import DacVaeConfig
from soundsift.models.layers import embedding

#: Bits of a message.
MESSAGE_BITS = 16
_LATENT = 128
_LEVEL = 0.25
#: Strides of the encoder's stages, from the wave on; the decoder mirrors them.
_RATES = (2, 4, 5, 8)


def draw_message(seed: int, batch: int = 1) -> Tensor:
    """A message `(batch, 16)` of zeros and ones, the same for the same seed on every device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2, (batch, MESSAGE_BITS), generator=generator)


class _CausalConv(nn.Conv1d):
    """A causal convolution."""

    def forward(self, x: Tensor) -> Tensor:
        (kernel,), (stride,) = self.kernel_size, self.stride
        return super().forward(functional.pad(x, (kernel - stride, -x.shape[-1] % stride)))


class _CausalUpsampling(nn.ConvTranspose1d):
    """A causal transposed convolution."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        (stride,) = self.stride
        return super().forward(x, output_size)[..., : x.shape[-1] * stride]


class _Unit(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _CausalConv(channels, channels // 2, 3)
        self.conv2 = _CausalConv(channels // 2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv2(functional.elu(self.conv1(functional.elu(x))))
        return x + y


class _Stage(nn.Module):
    """One rate of the branch: `down` belongs to its encoder, `up` to its decoder."""

    def __init__(self, channels: int, rate: int) -> None:
        super().__init__()
        self.unit_in = _Unit(channels)
        self.down = _CausalConv(channels, 2 * channels, 2 * rate, rate)
        self.up = _CausalUpsampling(2 * channels, channels, 2 * rate, rate)
        self.unit_out = _Unit(channels)


class _Memory(nn.Module):
    """Two recurrent layers around an identity, on `(B, channels, positions)`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, channels, num_layers=2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.lstm(x.transpose(1, 2))[0]
        return x + y.transpose(1, 2)


class Watermark(nn.Module):
    """Adds the watermark to a wave.

    Args:
        config: the codec's sizes; the branch has a third of the decoder's channels.
    """

    def __init__(self, config: DacVaeConfig) -> None:
        super().__init__()
        channels = config.decoder_dim // 48
        self.first = _CausalConv(1, channels, 7)
        self.stages = nn.ModuleList(_Stage(channels << i, rate) for i, rate in enumerate(_RATES))
        hidden = channels << len(_RATES)
        self.memory_in = _Memory(hidden)
        self.to_latent = _CausalConv(hidden, _LATENT, 7)
        self.bits = embedding(2 * MESSAGE_BITS, _LATENT)
        self.from_latent = _CausalConv(_LATENT, hidden, 7)
        self.memory_out = _Memory(hidden)
        self.last = _CausalConv(channels, 1, 7)

    def _stages(self) -> list[_Stage]:
        return [stage for stage in self.stages if isinstance(stage, _Stage)]

    def forward(self, wave: Tensor, message: Tensor) -> Tensor:
        """Mark a wave.

        Args:
            wave: `(B, 1, N)`; N a multiple of 320.
            message: `(B, 16)`, zeros and ones.

        Returns:
            The watermarked wave, `(B, 1, N)`.

        Raises:
            ValueError: if the message has another shape or other values.
        """
        if (
            message.shape != (wave.shape[0], MESSAGE_BITS)
            or not ((message == 0) | (message == 1)).all()
        ):
            raise ValueError(
                f"message has shape {tuple(message.shape)}; expected {MESSAGE_BITS} zeros and ones "
                f"for each of {wave.shape[0]} waves"
            )
        # Each bit selects one of two vectors.
        rows = 2 * torch.arange(MESSAGE_BITS, device=wave.device) + message.to(wave.device).long()
        message_embedding = self.bits(rows).sum(dim=1)[..., None]
        x = self.first(wave)
        for stage in self._stages():
            x = stage.down(functional.elu(stage.unit_in(x)))
        x = self.to_latent(functional.elu(self.memory_in(x)))
        x = self.memory_out(self.from_latent(x + message_embedding))
        for stage in reversed(self._stages()):
            x = stage.unit_out(stage.up(functional.elu(x)))
        watermark: Tensor = self.last(functional.elu(x))[..., : wave.shape[-1]]
        return wave + _LEVEL * watermark
