"""What training minimises: flow matching on the latents, and the error of the decoded target.

A mask m that is constant over a cell leaves an error of energy `m^2 A - 2 m C + E` there, with A
the mixture's energy, C the real cross energy of mixture and target and E the target's energy. So
the signal-to-noise ratio of the decoded wave is known from the cells alone, and no wave has to be
made while training.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from soundsift.models.mel_codec import MelCodec, fold
from soundsift.training.batches import Batch
from soundsift.training.config import LossConfig
from soundsift.training.tagging import alignment_term

#: Errors this far below the mixture no longer count: they would drown the examples that still sound
#: wrong.
_FLOOR = 10.0**-2.5
_ABSENT_FLOOR = 10.0**-2


@dataclass(frozen=True)
class Losses:
    """The terms of the loss, each a scalar, and their weighted sum."""

    total: Tensor
    flow: Tensor
    heard: Tensor
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
        batch: the right answers.
        config: weights of the terms.
        tags: logits of what is heard `(B, T, concepts)`, or None without the alignment term.
    """
    flow = flow_term(codec, predicted, batch)
    heard = heard_term(codec.cell_mask(predicted), batch)
    total = config.flow * flow + config.heard * heard
    alignment = predicted.new_zeros(())
    if tags is not None and batch.sounds is not None:
        alignment = alignment_term(tags, batch.sounds)
        total = total + config.alignment * alignment
    return Losses(total, flow.detach(), heard.detach(), alignment.detach())


def flow_term(codec: MelCodec, predicted: Tensor, batch: Batch) -> Tensor:
    """Mean squared error of the latents, weighted by the fourth root of the mixture's energy."""
    cells = batch.mixture_energy
    relative = cells / cells.mean(dim=(1, 2), keepdim=True).clamp(min=1e-12)
    weight = fold(relative.clamp(1e-4, 1e4) ** 0.25, codec.config.subframes)
    weight = weight / weight.mean(dim=(1, 2), keepdim=True)
    error = (predicted - batch.latents).square()
    target, residual = error.chunk(2, dim=-1)
    return ((target + residual) / 2 * weight).mean()


def heard_term(mask: Tensor, batch: Batch) -> Tensor:
    """How badly the masked mixture sounds, in bels, averaged over queries; lower is better.

    Where the target is present: half its ratio to the error, half the same up to a gain. The first
    alone teaches a model that is not sure to fall silent, and a silent mask hardly learns. Where it
    is absent: the output's level, down to -20 dB, at half the weight, for the same reason.

    Args:
        mask: `(B, bands, S)` in 0..1.
        batch: the energies; the mixture's total is 1.
    """
    present = (heard_ratio_db(mask, batch) + scale_invariant_ratio_db(mask, batch)) / 2
    level = (mask.square() * batch.mixture_energy).sum(dim=(1, 2))
    absent = -5.0 * torch.log10(level + _ABSENT_FLOOR)
    return -torch.where(batch.present, present, absent).mean() / 10.0


def scale_invariant_ratio_db(mask: Tensor, batch: Batch) -> Tensor:
    """SI-SDR of the masked mixture in dB `(B,)`, within the limits that `_FLOOR` sets.

    Args:
        mask: `(B, bands, S)` in 0..1.
        batch: the energies.
    """
    shown = batch.example_energy  # answered rightly
    heard = (mask.square() * batch.mixture_energy).sum(dim=(1, 2)) + shown
    energy = heard * (batch.target_energy + shown)
    product = (mask * batch.cross_energy).sum(dim=(1, 2)).clamp(min=0.0) + shown
    correlation = (product.square() / energy.clamp(min=1e-12)).clamp(max=1.0)
    return 10 * torch.log10((correlation + _FLOOR) / (1 - correlation + _FLOOR))


def heard_ratio_db(mask: Tensor, batch: Batch) -> Tensor:
    """How close the masked mixture comes to the target, in dB `(B,)`.

    With the target present: the ratio of the target's energy to the error's, as SDR. Absent: how
    far the output lies below the mixture.

    Args:
        mask: `(B, bands, S)` in 0..1.
        batch: the energies; the mixture's total is 1.
    """
    spent = mask.square() * batch.mixture_energy - 2 * mask * batch.cross_energy
    error = (spent.sum(dim=(1, 2)) + batch.target_energy).clamp(min=0.0)
    scale = torch.where(batch.present, batch.target_energy + batch.example_energy, 1.0)
    return 10 * torch.log10((scale + _FLOOR) / (error + _FLOOR))
