"""Loss of the separator: flow matching on the latents, and ratios of the masked mixture's wave.

The ratios need no wave. A mask m that is constant over a cell leaves an error of energy
`m^2 A - 2 m C + E` there, with A the mixture's energy, C the real cross energy of mixture and
target and E the target's energy.

Shapes: B queries, T latent frames, S spectrum columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from soundsift.models.mel_codec import MelCodec, fold
from soundsift.training.alignment_loss import alignment_term
from soundsift.training.batches import Batch
from soundsift.training.config import LossConfig

#: Errors this far below the mixture no longer count: they would outweigh the examples that still
#: have audible ones.
_FLOOR = 10.0**-2.5
#: Targets softer than this share of the mixture lower that floor in proportion, down to a tenth of
#: it, so that the errors of a soft sound count as those of a loud one do.
_LOUD = 0.1
_ABSENT_FLOOR = 10.0**-2
#: Level errors below about this, in bels, count by their square.
_LEVEL_ROUNDING = 0.1


class Energies(Protocol):
    """Energies of queries and targets, on a scale where a mixture's total is 1."""

    @property
    def mixture_energy(self) -> Tensor:
        """`(B, bands, S)`: |X|^2 pooled into cells."""

    @property
    def cross_energy(self) -> Tensor:
        """`(B, bands, S)`: Re(X* S), S the target."""

    @property
    def target_energy(self) -> Tensor:
        """`(B,)`: the target's total."""

    @property
    def present(self) -> Tensor:
        """`(B,)`, bool: whether the target is there."""

    @property
    def example_energy(self) -> Tensor:
        """`(B,)`: the target's energy in an example prompt, which counts as separated exactly.

        0 without an example prompt.
        """


@dataclass(frozen=True)
class Losses:
    """The terms of the loss, each a scalar, and their weighted sum."""

    total: Tensor
    flow: Tensor
    mask_snr: Tensor
    alignment: Tensor


def training_loss(
    codec: MelCodec,
    predicted: Tensor,
    batch: Batch,
    config: LossConfig,
    tags: Tensor | None = None,
) -> Losses:
    """Loss of a prediction of the clean latents.

    Args:
        codec: for its ratio mask.
        predicted: `(B, T, 2 * latent_channels)`, float32.
        batch: queries and targets.
        config: weights of the terms.
        tags: logits of the sounds heard `(B, T, concepts)`, or None without the alignment term.
    """
    flow = flow_loss(codec, predicted, batch)
    mask_snr = mask_snr_loss(codec.cell_mask(predicted), batch, config.level)
    total = config.flow * flow + config.mask_snr * mask_snr
    alignment = predicted.new_zeros(())
    if tags is not None and batch.sounds is not None:
        alignment = alignment_term(tags, batch.sounds, batch.sounds_known)
        total = total + config.alignment * alignment
    return Losses(total, flow.detach(), mask_snr.detach(), alignment.detach())


def flow_loss(codec: MelCodec, predicted: Tensor, batch: Batch) -> Tensor:
    """Mean squared error of the latents, weighted by the fourth root of the mixture's energy."""
    cells = batch.mixture_energy
    relative = cells / cells.mean(dim=(1, 2), keepdim=True).clamp(min=1e-12)
    weight = fold(relative.clamp(1e-4, 1e4) ** 0.25, codec.config.subframes)
    weight = weight / weight.mean(dim=(1, 2), keepdim=True)
    error = (predicted - batch.latents).square()
    target, residual = error.chunk(2, dim=-1)
    return ((target + residual) / 2 * weight).mean()


def mask_snr_loss(mask: Tensor, energies: Energies, level_weight: float = 0.0) -> Tensor:
    """Negative signal-to-noise ratio of the masked mixture in bels, averaged over queries.

    If the target is present: the mean of SDR and SI-SDR, and the error of the output's level. SDR
    alone teaches a model in doubt to be silent, and a silent mask hardly learns. If the target is
    absent: the output's level, down to -20 dB, at half the weight, for the same reason.

    Args:
        mask: `(B, bands, S)` in 0..1.
        energies: energies of queries and targets.
        level_weight: weight of the level's error. The output that is best by SDR is too quiet by
            its correlation with the target, so a model in doubt is.
    """
    own = energies.target_energy + energies.example_energy
    floor = _FLOOR * (own / _LOUD).clamp(0.1, 1.0)
    present = (mask_sdr_db(mask, energies, floor) + mask_si_sdr_db(mask, energies)) / 20.0
    if level_weight:
        bels = mask_level_db(mask, energies) / 10.0
        present = present - level_weight * (
            (bels.square() + _LEVEL_ROUNDING**2).sqrt() - _LEVEL_ROUNDING
        )
    level = (mask.square() * energies.mixture_energy).sum(dim=(1, 2))
    absent = -0.5 * torch.log10(level + _ABSENT_FLOOR)
    return -torch.where(energies.present, present, absent).mean()


def mask_si_sdr_db(mask: Tensor, energies: Energies) -> Tensor:
    """SI-SDR of the masked mixture in dB `(B,)`, within the limits that the error's floor sets.

    Args:
        mask: `(B, bands, S)` in 0..1.
        energies: energies of queries and targets.
    """
    shown = energies.example_energy
    output = (mask.square() * energies.mixture_energy).sum(dim=(1, 2)) + shown
    energy = output * (energies.target_energy + shown)
    product = (mask * energies.cross_energy).sum(dim=(1, 2)).clamp(min=0.0) + shown
    correlation = (product.square() / energy.clamp(min=1e-12)).clamp(max=1.0)
    return 10 * torch.log10((correlation + _FLOOR) / (1 - correlation + _FLOOR))


def mask_sdr_db(mask: Tensor, energies: Energies, floor: Tensor | float = _FLOOR) -> Tensor:
    """SDR of the masked mixture in dB `(B,)`; if the target is absent, the output's attenuation.

    Args:
        mask: `(B, bands, S)` in 0..1.
        energies: energies of queries and targets.
        floor: errors below it do not count, `(B,)` or one for all.
    """
    spent = mask.square() * energies.mixture_energy - 2 * mask * energies.cross_energy
    error = (spent.sum(dim=(1, 2)) + energies.target_energy).clamp(min=0.0)
    scale = torch.where(energies.present, energies.target_energy + energies.example_energy, 1.0)
    return 10 * torch.log10((scale + floor) / (error + floor))


def mask_level_db(mask: Tensor, energies: Energies) -> Tensor:
    """Level of the masked mixture against the target's in dB `(B,)`, within 40 dB.

    Args:
        mask: `(B, bands, S)` in 0..1.
        energies: energies of queries and targets.
    """
    shown = energies.example_energy
    output = (mask.square() * energies.mixture_energy).sum(dim=(1, 2)) + shown
    ratio = output / (energies.target_energy + shown).clamp(min=1e-9)
    return 10 * torch.log10(ratio.clamp(1e-4, 1e4))
