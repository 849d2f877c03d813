"""DAC-VAE as a codec of the separation: the codec of the released models, one row per channel.

Its stems are generated, so target and residual add up to the mixture only approximately.
`ConsistentCodec` makes them add up exactly, by a mask on the mixture.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from soundsift.models.codec import Codec, united
from soundsift.models.dac_vae import DacVae
from soundsift.models.dac_vae_chain import Interval, Layer, decoder_chain, encoder_chain


def mixture_context(latents: Tensor) -> Tensor:
    """What the released fields see of a mixture's latents `(B, T, C)`: `(B, T, 4 * C)`."""
    zeros = torch.zeros_like(latents)
    return torch.cat([zeros, zeros, latents, latents], dim=-1)


class WaveformCodec:
    """A `soundsift.models.codec.Codec` around DAC-VAE (arXiv 2512.18099, section 3).

    Args:
        vae: the codec's network, in eval mode.
        downmix: make one estimate, of the mean of the channels, instead of one per channel.
        messages: `(2, 16)`, zeros and ones: watermarks to hide in targets and residuals, as
            the published decoder does; None hides none.
    """

    mixture_consistent = False

    def __init__(self, vae: DacVae, downmix: bool = False, messages: Tensor | None = None) -> None:
        self.vae, self.downmix, self.messages = vae, downmix, messages
        self.sample_rate = vae.config.sample_rate
        self.samples_per_frame = vae.config.samples_per_frame
        self.context_margin: int | None = _margin(encoder_chain(vae), self.samples_per_frame, 1)
        self.stems_margin = _margin(decoder_chain(vae), 1, self.samples_per_frame)

    def downmixed(self) -> WaveformCodec:
        """The same network with one estimate for all channels."""
        return WaveformCodec(self.vae, True, self.messages)

    def frames(self, samples: int) -> int:
        """Latent frames that cover so many samples."""
        return self.vae.frames(samples)

    def rows(self, channels: int) -> int:
        """Estimates that a mixture of so many channels needs."""
        return 1 if self.downmix else channels

    def context(self, wave: Tensor) -> Tensor:
        """What the field sees of `(1, C, N)`: `(C, T, 4 * codebook_dim)`, or one row if downmixed.

        A dead slot of zeros, then the mixture's latent twice, as the released weights expect.
        """
        if self.downmix:
            wave = wave.mean(dim=1, keepdim=True)
        return mixture_context(self.vae.encode(wave.transpose(0, 1)))

    def stems(self, latents: Tensor, mixture: Tensor) -> Tensor:
        """Targets and residuals, `(P, 2, C, N)`; see `soundsift.models.codec.Codec`."""
        channels = 1 if self.downmix else mixture.shape[1]
        messages = (None, None) if self.messages is None else self.messages[:, None].unbind()
        # One after the other: a batch would take as long, and more memory.
        waves = [
            self.vae.decode(stem, message)[..., : mixture.shape[-1]]
            for row in latents
            for stem, message in zip(row[None].chunk(2, dim=-1), messages, strict=True)
        ]
        together = torch.cat(waves, dim=1).reshape(-1, channels, 2, waves[0].shape[-1])
        return together.transpose(1, 2)

    def targets(self, latents: Tensor, mixture: Tensor) -> Tensor:
        """Targets `(P, C, N)`, unmarked; half of the work of `stems`."""
        channels = 1 if self.downmix else mixture.shape[1]
        halves = latents.chunk(2, dim=-1)[0]
        waves = [self.vae.decode(row[None])[..., : mixture.shape[-1]] for row in halves]
        return torch.cat(waves).reshape(-1, channels, waves[0].shape[-1])


class ConsistentCodec:
    """Stems that add up to the mixture: those of another codec guide a mask on it.

    The mask is the target's share of the two stems' energies in a short-time Fourier transform
    (Wiener's filter), so phase and spatial image are the mixture's own.

    Args:
        inner: a codec that decodes both stems.
        window: length of the Fourier transform in samples; a quarter of it must divide a frame, so
            that a recording decoded in blocks has the same spectra as a whole one.
        exclusive: whether the prompts share every cell, so that their targets never add up to over
            the mixture.
        sizes: the number of phrases of each prompt, whose masks are united; empty where each has
            one.
    """

    mixture_consistent = True

    def __init__(
        self,
        inner: Codec,
        window: int = 1920,
        exclusive: bool = False,
        sizes: Sequence[int] = (),
    ) -> None:
        self.inner, self.window, self.exclusive = inner, window, exclusive
        self.sizes = tuple(sizes)
        self.sample_rate, self.samples_per_frame = inner.sample_rate, inner.samples_per_frame
        self.context_margin = inner.context_margin
        # A sample depends on spectra within half a window, these on samples within another half.
        self.stems_margin = inner.stems_margin + -(-window // inner.samples_per_frame)
        self.hop = window // 4
        if inner.samples_per_frame % self.hop:
            raise ValueError(f"a window of {window} does not fit {inner.samples_per_frame} samples")

    def frames(self, samples: int) -> int:
        """Latent frames that cover so many samples."""
        return self.inner.frames(samples)

    def downmixed(self) -> ConsistentCodec:
        """The same with one estimate for all channels."""
        return ConsistentCodec(self.inner.downmixed(), self.window, self.exclusive, self.sizes)

    def sharing(self) -> ConsistentCodec:
        """The same with prompts that share every cell."""
        return ConsistentCodec(self.inner, self.window, True, self.sizes)

    def uniting(self, sizes: Sequence[int]) -> ConsistentCodec:
        """The same for prompts of so many phrases each."""
        return ConsistentCodec(self.inner, self.window, self.exclusive, sizes)

    def rows(self, channels: int) -> int:
        """Estimates that a mixture of so many channels needs."""
        return self.inner.rows(channels)

    def context(self, wave: Tensor) -> Tensor:
        """What the field sees of the mixture; see `soundsift.models.codec.Codec`."""
        return self.inner.context(wave)

    def stems(self, latents: Tensor, mixture: Tensor) -> Tensor:
        """Targets, `(P, 1, C, N)`; see `soundsift.models.codec.Codec`."""
        energies = self._spectra(self.inner.stems(latents, mixture)).abs().square()
        # Where both stems are silent, the target gets nothing.
        share = united(energies[:, 0] / (energies.sum(dim=1) + 1e-10), self.sizes)
        if self.exclusive:
            share = share / share.sum(dim=0, keepdim=True).clamp(min=1.0)
        masked = self._spectra(mixture) * share
        wave = torch.istft(
            masked.flatten(0, -3),
            self.window,
            self.hop,
            window=self._hann(mixture),
            length=mixture.shape[-1],
        )
        return wave.reshape(-1, 1, *mixture.shape[1:])

    def targets(self, latents: Tensor, mixture: Tensor) -> Tensor:
        """Targets `(P, C, N)`, as `stems`."""
        return self.stems(latents, mixture)[:, 0]

    def _spectra(self, waves: Tensor) -> Tensor:
        """`(..., N)` to `(..., bins, columns)`."""
        flat = waves.reshape(-1, waves.shape[-1])
        spectra = torch.stft(
            flat,
            self.window,
            self.hop,
            window=self._hann(waves),
            pad_mode="constant",
            return_complex=True,
        )
        return spectra.reshape(*waves.shape[:-1], *spectra.shape[1:])

    def _hann(self, like: Tensor) -> Tensor:
        return torch.hann_window(self.window, device=like.device, dtype=like.dtype)


def _margin(layers: list[Layer], per_frame_in: int, per_frame_out: int) -> int:
    """Frames on either side of a frame of a chain's output that it depends on."""
    far = 1000
    want = Interval(far * per_frame_out, (far + 1) * per_frame_out)
    for layer in reversed(layers):
        want = layer.needs(want)
    left = far * per_frame_in - want.start
    right = want.stop - (far + 1) * per_frame_in
    return -(-max(left, right, 0) // per_frame_in)
