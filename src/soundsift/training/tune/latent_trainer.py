"""The training of an adapter of a released model: flow matching in the codec's latents."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from soundsift.allocator import keep_memory
from soundsift.checkpoints.load import StoredModel
from soundsift.checkpoints.released_form import joined_matrices
from soundsift.checkpoints.state_dict import LazyStateDict, build
from soundsift.config import VelocityFieldConfig
from soundsift.models.components import TextEncoder
from soundsift.models.low_rank import (
    LowRankChange,
    LowRankLinear,
    add_low_rank,
    low_rank_changes,
    without_low_rank,
)
from soundsift.models.velocity_field import Conditioning, VelocityField
from soundsift.models.waveform_codec import WaveformCodec, mixture_context
from soundsift.sampling.flow import interpolate, velocity_target
from soundsift.training.latents.networks import forget_inside
from soundsift.training.loader import batch_loader
from soundsift.training.tune.config import LATENT_LAYERS, LatentTuningConfig
from soundsift.training.tune.latent_scenes import LatentTuningBatch, LatentTuningScenes
from soundsift.training.tune.trainer import OnStep, optimise


def load_field(
    stored: StoredModel, place: Path, device: torch.device, dtype: torch.dtype
) -> VelocityField:
    """A model's field for tuning: frozen, the matrices of its blocks in another type.

    Args:
        stored: the model.
        place: its folder, for messages.
        device: where it goes.
        dtype: type of the matrices.

    Raises:
        SoundsiftError: if weights and configuration disagree.
    """
    narrow = {f"{name}.weight" for name in latent_layers(stored.config.field)}
    readers = {
        name: partial(_read, stored.field, name, dtype if name in narrow else torch.float32)
        for name in stored.field
    }
    config = stored.config.field
    return build(lambda: VelocityField(config), LazyStateDict(readers), place, device)


def _read(weights: Mapping[str, Tensor], name: str, dtype: torch.dtype) -> Tensor:
    return weights[name].to(dtype)


def latent_layers(config: VelocityFieldConfig) -> list[str]:
    """Names of the layers that get a product: attention and feed-forward layers of all blocks."""
    blocks = range(config.transformer.layers)
    return [f"transformer.blocks.{block}.{layer}" for block in blocks for layer in LATENT_LAYERS]


def make_trainable(field: VelocityField, config: LatentTuningConfig) -> None:
    """Put low-rank products beside a field's layers, one for each released matrix.

    Args:
        field: changed in place.
        config: the run.
    """
    names = dict.fromkeys(latent_layers(field.config), config.rank)
    add_low_rank(field, names, config.alpha, lambda name: len(joined_matrices(name)) or 1)
    if config.checkpoint_activations:
        for block in field.transformer.blocks:
            forget_inside(block)


def train_latent_adapter(
    field: VelocityField,
    config: LatentTuningConfig,
    scenes: LatentTuningScenes,
    codec: WaveformCodec,
    text: TextEncoder,
    seed: int,
    on_step: OnStep,
    workers: int = 1,
) -> dict[str, LowRankChange]:
    """Train low-rank changes of a released field; the same seed gives the same on one machine.

    Queries about the tuned sound have the flow matching loss (arXiv 2512.18099, section 5). All
    others are pulled to the velocity that the field gave without the changes.

    Args:
        field: from `load_field`; layers are added to it.
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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        make_trainable(field, config)
    # Dropout stays off: what is to be kept would differ from what was by its noise alone.
    field.to(device).eval()
    optimise(
        field,
        config,
        batch_loader(scenes, 0, workers),
        lambda drawn: latent_losses(field, drawn.to(device), config, codec, text),
        on_step,
    )
    return low_rank_changes(field)


def latent_losses(
    field: VelocityField,
    batch: LatentTuningBatch,
    config: LatentTuningConfig,
    codec: WaveformCodec,
    text: TextEncoder,
) -> dict[str, Tensor]:
    """The terms of the loss, weighted: of the tuned sound, and of what is to be kept."""
    with torch.no_grad():
        # One at a time: the codec's inside is hundreds of times as large as a wave.
        latents = torch.cat([codec.vae.encode(wave[None, None]) for wave in batch.waves])
    data = torch.cat([latents[batch.target], latents[batch.residual]], dim=-1)
    states, mask = text.encode_batch(batch.phrases)
    prompt = Conditioning(
        context=mixture_context(latents[batch.mixture]),
        text=states,
        text_mask=mask,
        anchors=batch.anchors,
    )
    noisy = interpolate(batch.noise, data, batch.time)
    predicted = _velocity(field, noisy, batch.time, prompt)
    terms = {}
    tuned, kept = batch.tuned, ~batch.tuned
    if tuned.any():
        error = predicted[tuned] - velocity_target(batch.noise, data)[tuned]
        terms["tuned"] = error.square().mean()
    if kept.any() and config.hold:
        with torch.no_grad(), without_low_rank(field):
            before = _velocity(field, noisy[kept], batch.time[kept], _rows(prompt, kept))
        terms["kept"] = config.hold * (predicted[kept] - before).square().mean()
    return terms


def _velocity(field: VelocityField, noisy: Tensor, time: Tensor, prompt: Conditioning) -> Tensor:
    """The field's output, float32, with products in the type of its matrices."""
    dtype = next(m for m in field.modules() if isinstance(m, LowRankLinear)).base.weight.dtype
    with torch.autocast(noisy.device.type, dtype, enabled=dtype != torch.float32):
        output: Tensor = field(noisy, time, prompt)
    return output.float()


def _rows(prompt: Conditioning, rows: Tensor) -> Conditioning:
    """The conditioning of some queries."""
    return Conditioning(
        context=prompt.context[rows],
        text=None if prompt.text is None else prompt.text[rows],
        text_mask=None if prompt.text_mask is None else prompt.text_mask[rows],
        anchors=None if prompt.anchors is None else prompt.anchors[rows],
    )
