"""DAC's discriminators: several periods of the wave, several resolutions of its spectrum.

After HiFi-GAN (arXiv 2010.05646) and DAC (arXiv 2306.06546). Each returns a map of scores, and the
features of all layers before it.

Shapes: B waves, N samples.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from soundsift.training.codec.config import DiscriminatorConfig

_SLOPE = 0.1
#: Parts of the spectrum with convolutions of their own, as shares of its bins.
_BANDS = ((0.0, 0.1), (0.1, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0))

Scored = tuple[Tensor, list[Tensor]]


def _conv(before: int, after: int, kernel: tuple[int, int], stride: tuple[int, int]) -> nn.Module:
    padding = (kernel[0] // 2, kernel[1] // 2)
    layer: nn.Module = weight_norm(nn.Conv2d(before, after, kernel, stride, padding))
    return layer


class PeriodDiscriminator(nn.Module):
    """Convolutions over a wave folded to rows of one period.

    Args:
        period: in samples.
        widths: channels of the convolutions.
    """

    def __init__(self, period: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.period = period
        last = len(widths) - 1
        self.layers = nn.ModuleList(
            _conv(before, after, (5, 1), (1 if number == last else 3, 1))
            for number, (before, after) in enumerate(pairwise((1, *widths)))
        )
        self.score = _conv(widths[-1], 1, (3, 1), (1, 1))

    def forward(self, wave: Tensor) -> Scored:
        """Score waves `(B, 1, N)`."""
        missing = -wave.shape[-1] % self.period
        x = functional.pad(wave, (0, missing), mode="reflect") if missing else wave
        x = x.reshape(*x.shape[:2], -1, self.period)
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), _SLOPE)
            features.append(x)
        score: Tensor = self.score(x)
        return score, features


class ResolutionDiscriminator(nn.Module):
    """Convolutions over five bands of a complex spectrum.

    Args:
        window: of the Fourier transform, in samples; hop a quarter.
        width: channels of the convolutions.
    """

    def __init__(self, window: int, width: int) -> None:
        super().__init__()
        self.window = window
        self.bands = nn.ModuleList(
            nn.ModuleList(
                _conv(before, width, (3, 9 if number < 4 else 3), (1, 2 if 0 < number < 4 else 1))
                for number, before in enumerate((2, width, width, width, width))
            )
            for _ in _BANDS
        )
        self.score = _conv(width, 1, (3, 3), (1, 1))

    def forward(self, wave: Tensor) -> Scored:
        """Score waves `(B, 1, N)`."""
        spectrum = torch.stft(
            wave.squeeze(1),
            self.window,
            self.window // 4,
            window=torch.hann_window(self.window, device=wave.device),
            pad_mode="reflect" if wave.shape[-1] > self.window // 2 else "constant",
            normalized=True,
            return_complex=True,
        )
        x = torch.view_as_real(spectrum).permute(0, 3, 2, 1)  # (B, 2, columns, bins)
        bins = x.shape[-1]
        features, ends = [], []
        for (low, high), layers in zip(_BANDS, self.bands, strict=True):
            assert isinstance(layers, nn.ModuleList)
            y = x[..., int(low * bins) : int(high * bins)]
            for layer in layers:
                y = functional.leaky_relu(layer(y), _SLOPE)
                features.append(y)
            ends.append(y)
        score: Tensor = self.score(torch.cat(ends, dim=-1))
        return score, features


class Discriminators(nn.Module):
    """All of them.

    Args:
        config: their sizes.
    """

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.all = nn.ModuleList()
        for period in config.periods:
            self.all.append(PeriodDiscriminator(period, config.period_widths))
        for window in config.windows:
            self.all.append(ResolutionDiscriminator(window, config.resolution_width))

    def forward(self, wave: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Scores and features of waves `(B, 1, N)`, each with its mean and level taken out."""
        wave = wave - wave.mean(dim=-1, keepdim=True)
        wave = 0.8 * wave / (wave.abs().amax(dim=-1, keepdim=True) + 1e-9)
        scored = [discriminator(wave) for discriminator in self.all]
        return [score for score, _ in scored], [features for _, features in scored]
