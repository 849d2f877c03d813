"""What training minimises: flow matching on the latents, and the error of the decoded target."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from soundsift.heard import heard_term
from soundsift.models.mel_codec import MelCodec, fold
from soundsift.training.alignment_loss import alignment_term
from soundsift.training.batches import Batch
from soundsift.training.config import LossConfig


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
