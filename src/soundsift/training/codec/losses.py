"""Losses of DAC-VAE: DAC's (arXiv 2306.06546), with a divergence in the place of its quantiser.

Shapes: B crops, N samples, C latent channels, T latent frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from soundsift.models.mel_codec import mel_filters

#: Windows in samples, and mel bands at each, of DAC.
MEL_SCALES = ((32, 5), (64, 10), (128, 20), (256, 40), (512, 80), (1024, 160), (2048, 320))
STFT_WINDOWS = (2048, 512)
_FLOOR = 1e-5
#: Added to the standard deviation of the latents, as in the released codec.
_LEAST_DEVIATION = 1e-4


@cache
def _filters(window: int, bands: int, rate: int) -> Tensor:
    filters = mel_filters(bands, window // 2 + 1, rate, 0.0)
    # Means instead of sums: a wide band must not be louder than a narrow one.
    return filters / filters.sum(dim=1, keepdim=True).clamp(min=1e-6)


def magnitudes(wave: Tensor, window: int) -> Tensor:
    """Magnitudes of a short-time Fourier transform, hop a quarter of the window.

    Args:
        wave: `(B, N)`.
        window: length in samples.

    Returns:
        `(B, window / 2 + 1, columns)`.
    """
    # A crop shorter than half a window has no reflection of that length.
    mode = "reflect" if wave.shape[-1] > window // 2 else "constant"
    spectrum = torch.stft(
        wave,
        window,
        window // 4,
        window=torch.hann_window(window, device=wave.device),
        pad_mode=mode,
        normalized=True,
        return_complex=True,
    )
    # Not abs: its gradient at zero is not finite.
    parts = torch.view_as_real(spectrum)
    return (parts.square().sum(-1) + 1e-12).sqrt()


def mel_distance(first: Tensor, second: Tensor, rate: int) -> Tensor:
    """Mean absolute difference of log10 mel magnitudes, summed over seven scales.

    Args:
        first: `(B, N)`.
        second: the same shape.
        rate: in Hz.
    """
    total = first.new_zeros(())
    for window, bands in MEL_SCALES:
        filters = _filters(window, bands, rate).to(first.device)
        one, two = (
            (filters @ magnitudes(wave, window)).clamp(min=_FLOOR).log10()
            for wave in (first, second)
        )
        total = total + functional.l1_loss(one, two)
    return total


def stft_distance(first: Tensor, second: Tensor) -> Tensor:
    """Mean absolute difference of magnitudes and of their log10, summed over two scales.

    Args:
        first: `(B, N)`.
        second: the same shape.
    """
    total = first.new_zeros(())
    for window in STFT_WINDOWS:
        one, two = (magnitudes(wave, window) for wave in (first, second))
        log_one, log_two = (2 * part.clamp(min=_FLOOR).log10() for part in (one, two))
        total = total + functional.l1_loss(one, two) + functional.l1_loss(log_one, log_two)
    return total


def draw_latents(parameters: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Draw from the bottleneck's Gaussian, and measure it.

    Args:
        parameters: `(B, 2 * C, T)`: mean, and what becomes the standard deviation.
        noise: `(B, C, T)`, standard normal.

    Returns:
        Latents `(B, C, T)`, and the divergence from a standard normal in nats per number.
    """
    mean, scale = parameters.chunk(2, dim=1)
    deviation = functional.softplus(scale) + _LEAST_DEVIATION
    divergence = 0.5 * (mean.square() + deviation.square() - 1) - deviation.log()
    return mean + deviation * noise, divergence.mean()


def discriminator_loss(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Least squares: real scores to 1, others to 0, summed over discriminators."""
    pairs = zip(real, fake, strict=True)
    return torch.stack([(1 - r).square().mean() + f.square().mean() for r, f in pairs]).sum()


def adversarial_loss(fake: Sequence[Tensor]) -> Tensor:
    """Least squares: scores of decoded waves to 1, summed over discriminators."""
    return torch.stack([(1 - score).square().mean() for score in fake]).sum()


def feature_loss(real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]]) -> Tensor:
    """Mean absolute difference of features, summed over discriminators and layers."""
    terms = [
        functional.l1_loss(f, r.detach())
        for reals, fakes in zip(real, fake, strict=True)
        for r, f in zip(reals, fakes, strict=True)
    ]
    return torch.stack(terms).sum()
