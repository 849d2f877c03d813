"""Train an adapter for a sound: low-rank changes, while all other answers stay what they were."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from soundsift.allocator import keep_memory
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.models.low_rank import (
    LowRankChange,
    add_low_rank,
    low_rank_changes,
    without_low_rank,
)
from soundsift.models.mel_codec import MelCodec
from soundsift.models.velocity_field import VelocityField
from soundsift.training.batches import Batch
from soundsift.training.config import LossConfig, OptimiserConfig
from soundsift.training.loader import batch_loader
from soundsift.training.loop import learning_rate, set_rate
from soundsift.training.losses import training_loss
from soundsift.training.tune.config import LAYERS, TuningConfig
from soundsift.training.tune.scenes import TuningBatch, TuningScenes
from soundsift.training.validation import predict

#: An output this far below the mixture is nearly silent; a difference this far below an output is
#: hardly heard.
_QUIET, _HELD = 10.0**-2, 10.0**-2.5
_LOSS = LossConfig(alignment=0.0, mean_share=1.0, level=0.25)

#: Called after each step with its number, from 1, and its loss terms.
OnStep = Callable[[int, dict[str, float]], None]
Drawn = TypeVar("Drawn")


def train_adapter(
    field: VelocityField,
    config: TuningConfig,
    scenes: TuningScenes,
    codec: MelCodec,
    text: TextEncoder,
    seed: int,
    on_step: OnStep,
    workers: int = 1,
) -> dict[str, LowRankChange]:
    """Train low-rank changes of a field; the same seed gives the same on one machine.

    Queries about the tuned sound have the loss of training. All others are pulled to what the
    field answers without the changes.

    Args:
        field: the model's field; layers are added to it.
        config: the run.
        scenes: its batches.
        codec: the model's codec.
        text: the model's text encoder.
        seed: of the changes' first values.
        on_step: receives the loss terms.
        workers: processes that make scenes; 0 makes them in this one.

    Returns:
        The changes, by the name of the layer.
    """
    keep_memory()
    device = next(field.parameters()).device
    layers = _layers(field)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        add_low_rank(field, dict.fromkeys(layers, config.rank), config.alpha)
    field.to(device).train()
    optimise(
        field,
        config,
        batch_loader(scenes, 0, workers),
        lambda drawn: _losses(field, drawn, config, codec, text, device),
        on_step,
    )
    return low_rank_changes(field.eval())


def optimise(
    field: VelocityField,
    config: TuningConfig,
    batches: Iterable[Drawn],
    losses: Callable[[Drawn], dict[str, Tensor]],
    on_step: OnStep,
) -> None:
    """Train those weights of a field that take a gradient.

    Args:
        field: changed in place.
        config: the run.
        batches: one for each step.
        losses: the terms of a batch's loss, weighted.
        on_step: receives them.
    """
    weights = [weight for weight in field.parameters() if weight.requires_grad]
    schedule = OptimiserConfig(rate=config.rate, warmup=config.warmup, decay_share=1.0)
    optimiser = torch.optim.AdamW(weights, lr=config.rate, betas=schedule.betas, weight_decay=0.0)
    for step, drawn in enumerate(batches):
        set_rate(optimiser, learning_rate(step, config.steps, schedule))
        terms = losses(drawn)
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(weights, config.clip)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        on_step(step + 1, {name: float(term.detach()) for name, term in terms.items()})


def _losses(
    field: VelocityField,
    drawn: TuningBatch,
    config: TuningConfig,
    codec: MelCodec,
    text: TextEncoder,
    device: torch.device,
) -> dict[str, Tensor]:
    """The terms of the loss, weighted: of the tuned sound, and of what is to be kept."""
    batch = drawn.batch.to(device)
    predicted = predict(field, batch, text).float()
    tuned = drawn.tuned.nonzero().flatten()
    kept = (~drawn.tuned).nonzero().flatten()
    terms = {}
    if len(tuned):
        own = _rows(batch, tuned)
        terms["tuned"] = training_loss(codec, predicted[tuned], own, _LOSS).total
    if len(kept) and config.hold:
        others = _rows(batch, kept)
        with torch.no_grad(), without_low_rank(field):
            before = predict(field, others, text).float()
        masks = codec.cell_mask(predicted[kept]), codec.cell_mask(before)
        terms["kept"] = config.hold * hold_loss(*masks, others.mixture_energy)
    return terms


def hold_loss(mask: Tensor, before: Tensor, energy: Tensor) -> Tensor:
    """How far outputs are from those before, in bels, averaged over queries.

    The energy of the difference against that of the output before, or against the mixture at
    -20 dB where that is more: nearly silent answers may differ more. From -25 dB on, differences
    count less.

    Args:
        mask: `(B, bands, S)`, of the field with its changes.
        before: the same without them.
        energy: the mixture's, same shape.
    """
    whole = energy.sum(dim=(1, 2))
    output = (before.square() * energy).sum(dim=(1, 2))
    difference = ((mask - before).square() * energy).sum(dim=(1, 2))
    ratio = difference / torch.maximum(output, whole * _QUIET).clamp(min=1e-12)
    return torch.log10(ratio + _HELD).mean() - math.log10(_HELD)


def _rows(batch: Batch, rows: Tensor) -> Batch:
    """Some queries of a batch."""
    numbers = rows.tolist()
    tensors: dict[str, Any] = {
        field.name: value[rows]
        for field in fields(batch)
        if isinstance(value := getattr(batch, field.name), Tensor)
    }
    return replace(batch, phrases=[batch.phrases[i] for i in numbers], **tensors)


def _layers(field: VelocityField) -> list[str]:
    blocks = range(len(field.transformer.blocks))
    names = [f"transformer.blocks.{block}.{layer}" for block in blocks for layer in LAYERS]
    return [name for name in names if _has(field, name)]


def _has(field: VelocityField, name: str) -> bool:
    try:
        return isinstance(field.get_submodule(name), nn.Linear)
    except AttributeError:
        return False
