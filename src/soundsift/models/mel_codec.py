"""The default model's codec: stems as shares of the mixture's mel energies.

The mixture itself carries the phase. A latent frame (40 ms, the paper's 25 Hz) holds 128 numbers:
`bands` mel bands times `subframes` moments. Each says what share of the mixture's energy in that
cell belongs to the stem, on a decibel scale. Decoding turns the two stems' shares into one ratio
mask on the mixture's short-time Fourier transform, so target + residual give back the mixture, at
any number of channels, and no codec has to be trained.

Shapes: B batch, C channels, N samples, T latent frames (25 Hz), S = T * subframes spectrum columns,
F bins.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundsift.config import MelCodecConfig
from soundsift.models.codec import united

#: Level of a normalised mixture's mean cell energy in dB, and the dB that one unit of a context
#: feature spans.
_CONTEXT_CENTRE_DB, _CONTEXT_SCALE_DB = -20.0, 20.0
_SILENCE = 1e-10


def mel(hertz: float) -> float:
    """A frequency on the mel scale."""
    return 2595.0 * math.log10(1.0 + hertz / 700.0)


def mel_filters(bands: int, bins: int, sample_rate: int, lowest: float) -> Tensor:
    """Triangular filters, equally spaced on the mel scale, that add up to 1 in every bin.

    Because they form a partition of unity, the same matrix pools bins into bands and spreads a
    band's mask back over its bins. Below the first and above the last centre the outermost bands
    carry on flat.

    Returns:
        `(bands, bins)`, each column summing to 1.
    """
    frequencies = torch.linspace(0, sample_rate / 2, bins)
    mels = 2595.0 * torch.log10(1.0 + frequencies / 700.0)
    centres = torch.linspace(mel(lowest), mel(sample_rate / 2), bands)
    # A bin's fractional position among the centres; its two neighbours share it linearly.
    position = ((mels - centres[0]) / (centres[1] - centres[0])).clamp(0, bands - 1)
    return (1.0 - (position[None] - torch.arange(bands)[:, None]).abs()).clamp(min=0.0)


class MelCodec(nn.Module):
    """Waves to mixture features and energy shares, and back by a ratio mask. No learned parameters.

    A `soundsift.models.codec.Codec`: one estimate serves all channels.

    Args:
        config: the codec's constants.
    """

    mixture_consistent = True
    #: None: the level of each window as a whole is removed from its context.
    context_margin: int | None = None

    def __init__(self, config: MelCodecConfig) -> None:
        super().__init__()
        self.config = config
        self._exclusive = False
        self._sizes: tuple[int, ...] = ()
        self.sample_rate = config.sample_rate
        self.samples_per_frame = config.sample_rate // config.frame_rate
        self.hop = self.samples_per_frame // config.subframes
        self.filters: Tensor
        self.detail_filters: Tensor
        for name, bands, window in (
            ("filters", config.bands, config.window),
            ("detail_filters", config.detail_bands, config.detail_window),
        ):
            bins = window // 2 + 1
            matrix = mel_filters(bands, bins, config.sample_rate, config.lowest_hertz)
            self.register_buffer(name, matrix, persistent=False)

    def downmixed(self) -> MelCodec:
        """The same codec: it always makes one estimate for all channels."""
        return self

    def sharing(self) -> MelCodec:
        """The same codec with prompts that share every cell: targets never exceed the mixture."""
        other = copy.copy(self)
        other._exclusive = True
        return other

    def uniting(self, sizes: Sequence[int]) -> MelCodec:
        """The same codec for prompts of so many phrases each, whose masks are united."""
        other = copy.copy(self)
        other._sizes = tuple(sizes)
        return other

    def rows(self, channels: int) -> int:  # noqa: ARG002
        """One estimate, for all channels."""
        return 1

    @property
    def stems_margin(self) -> int:
        """Frames on both sides that influence the decoded ones."""
        # A sample depends on spectra within half a window, these on samples within another half,
        # and the mask's cells are interpolated with their neighbours.
        return -(-self.config.window // self.samples_per_frame) + 2

    def frames(self, samples: int) -> int:
        """Latent frames that cover so many samples."""
        return -(-samples // self.samples_per_frame)

    def spectrum(self, wave: Tensor) -> Tensor:
        """Short-time Fourier transform whose columns sit in the middle of the latent's sub-frames.

        Args:
            wave: `(..., N)` at the codec's sample rate.

        Returns:
            Complex `(..., F, S)`; column s is centred on sample `(s + 0.5) * hop`.
        """
        return self._columns(wave, self.config.window, self.config.subframes)

    def _columns(self, wave: Tensor, size: int, per_frame: int) -> Tensor:
        columns = self.frames(wave.shape[-1]) * per_frame
        hop = self.samples_per_frame // per_frame
        left = (size - hop) // 2
        right = columns * hop - wave.shape[-1] + size - hop - left
        framed = functional.pad(wave, (left, right)).unfold(-1, size, hop)[..., :columns, :]
        window = torch.hann_window(size, device=wave.device, dtype=wave.dtype)
        spectrum: Tensor = torch.fft.rfft(framed * window)
        return spectrum.transpose(-1, -2)

    def cross_energy(self, first: Tensor, second: Tensor) -> Tensor:
        """Real part of the product of two spectra, pooled into the latent's bands.

        Of a spectrum with itself this is its energy. It is linear in both, so the energies of any
        sum of stems follow from it.

        Args:
            first: complex `(..., F, S)`.
            second: the same.

        Returns:
            `(..., bands, S)`.
        """
        pooled: Tensor = self.filters @ _product(first, second)
        return pooled

    def detail_energy(self, wave: Tensor) -> Tensor:
        """Energies of the second, detailed analysis.

        Args:
            wave: `(..., N)`.

        Returns:
            `(..., detail_bands, T * detail_subframes)`.
        """
        detail = self._columns(wave, self.config.detail_window, self.config.detail_subframes)
        pooled: Tensor = self.detail_filters @ _product(detail, detail)
        return pooled

    def context(self, wave: Tensor, spectrum: Tensor | None = None) -> Tensor:
        """Context of a mixture for the velocity field: log energies, at two resolutions.

        Once in the latent's bands, once finer in time. The level of the whole is removed, so the
        result does not depend on the recording's gain.

        Args:
            wave: the mixture `(B, C, N)`; channels are pooled by energy, so that nothing cancels.
            spectrum: `spectrum(wave)`, where it is known already.

        Returns:
            `(B, T, context_channels)`.
        """
        config = self.config
        if spectrum is None:
            spectrum = self.spectrum(wave)
        detail = self._columns(wave, config.detail_window, config.detail_subframes)
        return torch.cat(
            [
                self._features(self.filters, spectrum, config.subframes),
                self._features(self.detail_filters, detail, config.detail_subframes),
            ],
            dim=-1,
        )

    def detail_context(self, energy: Tensor) -> Tensor:
        """The context's detailed part of a mixture whose energies are known.

        Args:
            energy: `(B, T * detail_subframes, detail_bands)`.

        Returns:
            `(B, T, detail_bands * detail_subframes)`.
        """
        bins = self.config.detail_window // 2 + 1
        level = energy.sum(dim=2, keepdim=True).mean(dim=1, keepdim=True) / bins
        decibels = 10.0 * torch.log10(energy / level.clamp(min=_SILENCE) + 1e-8)
        features = (decibels - _CONTEXT_CENTRE_DB) / _CONTEXT_SCALE_DB
        return fold(features.transpose(1, 2), self.config.detail_subframes)

    def _features(self, filters: Tensor, spectrum: Tensor, per_frame: int) -> Tensor:
        power = _product(spectrum, spectrum).mean(dim=1)
        # Not over both axes at once: the sum of one number would be split among threads, and its
        # last bits depend on their number.
        level = power.mean(dim=1, keepdim=True).mean(dim=2, keepdim=True).clamp(min=_SILENCE)
        decibels = 10.0 * torch.log10(filters @ (power / level) + 1e-8)
        return fold((decibels - _CONTEXT_CENTRE_DB) / _CONTEXT_SCALE_DB, per_frame)

    def shares(self, stem: Tensor, rest: Tensor) -> Tensor:
        """Latents of a stem: its share of every cell's energy, -1 (floor_db or less) to 1 (all).

        Args:
            stem: band energies of the stem `(B, bands, S)`.
            rest: band energies of everything else, same shape.

        Returns:
            `(B, T, bands * subframes)`.
        """
        share = (stem + _SILENCE) / (stem + rest + 2 * _SILENCE)
        floor = self.config.floor_db
        decibels = 10.0 * torch.log10(share).clamp(min=-floor / 10.0)
        return fold(decibels * (2.0 / floor) + 1.0, self.config.subframes)

    def cell_mask(self, latents: Tensor) -> Tensor:
        """The target's ratio mask per cell from both stems' latents.

        Args:
            latents: `(B, T, 2 * 128)`, target then residual.

        Returns:
            `(B, bands, S)` in 0..1.
        """
        target, residual = latents.float().chunk(2, dim=-1)
        # A difference of dB shares is the logarithm of an energy ratio: its sigmoid is the target's
        # share.
        nepers = self.config.floor_db / 2.0 * math.log(10.0) / 10.0
        return unfold(torch.sigmoid((target - residual) * nepers), self.config.subframes)

    def stems(self, latents: Tensor, mixture: Tensor) -> Tensor:
        """Targets `(P, 1, C, N)` of latents `(P, T, 2 * 128)` and one mixture `(1, C, N)`.

        Phrases are united into prompts first, where prompts have several.
        """
        cells = united(self.cell_mask(latents), self._sizes)
        if self._exclusive:
            cells = cells / cells.sum(dim=0, keepdim=True).clamp(min=1.0)
        return self.apply_mask(cells, mixture.expand(cells.shape[0], -1, -1))[:, None]

    def targets(self, latents: Tensor, mixture: Tensor) -> Tensor:
        """Targets `(P, C, N)`, as `stems`."""
        return self.stems(latents, mixture)[:, 0]

    def decode(self, latents: Tensor, mixture: Tensor) -> Tensor:
        """The target's wave: the mixture filtered by the mask that the latents describe.

        Args:
            latents: `(B, T, 2 * 128)`, target then residual.
            mixture: `(B, C, N)` at the codec's sample rate.

        Returns:
            `(B, C, N)`; the residual is the mixture minus this.
        """
        return self.apply_mask(self.cell_mask(latents), mixture)

    def apply_mask(self, cells: Tensor, mixture: Tensor) -> Tensor:
        """A mixture `(B, C, N)` filtered by masks of cells `(B, bands, S)`, 0 to 1."""
        batch, channels, samples = mixture.shape
        size, hop = self.config.window, self.hop // 2
        # Columns twice as dense as the cells: the window needs the overlap to modulate smoothly.
        window = torch.hann_window(size, device=mixture.device, dtype=mixture.dtype)
        spectrum = torch.stft(
            mixture.reshape(-1, samples),
            size,
            hop,
            window=window,
            pad_mode="constant",
            return_complex=True,
        )
        dense = _twice_as_dense(cells, spectrum.shape[-1])
        mask = torch.einsum("bf,nbs->nfs", self.filters, dense)
        masked = spectrum.view(batch, channels, *spectrum.shape[1:]) * mask[:, None]
        wave = torch.istft(masked.flatten(0, 1), size, hop, window=window, length=samples)
        return wave.view(batch, channels, samples)


def _product(first: Tensor, second: Tensor) -> Tensor:
    # Several times faster than abs().square(), which takes a root first.
    return first.real * second.real + first.imag * second.imag


def _twice_as_dense(cells: Tensor, columns: int) -> Tensor:
    """From cells centred on odd half-hops to so many columns on all, by linear interpolation."""
    edges = torch.cat([cells[..., :1], cells, cells[..., -1:]], dim=-1)
    between = (edges[..., 1:] + edges[..., :-1]) / 2
    dense = torch.stack([between[..., :-1], cells], dim=-1).flatten(-2)
    dense = torch.cat([dense, between[..., -1:]], dim=-1)[..., :columns]
    return functional.pad(dense, (0, columns - dense.shape[-1]), mode="replicate")


def fold(cells: Tensor, per_frame: int) -> Tensor:
    """Cells to frames: `(B, bands, T * per_frame) -> (B, T, bands * per_frame)`."""
    batch, bands, columns = cells.shape
    parts = cells.reshape(batch, bands, columns // per_frame, per_frame)
    return parts.permute(0, 2, 1, 3).flatten(2)


def unfold(frames: Tensor, per_frame: int) -> Tensor:
    """Frames to cells, the inverse of `fold`."""
    batch, count, channels = frames.shape
    parts = frames.reshape(batch, count, channels // per_frame, per_frame)
    return parts.permute(0, 2, 1, 3).flatten(2)
