"""Training of the separator in mel shares; the loop is `soundsift.training.loop`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from soundsift.checkpoints.minilm import TextEncoder
from soundsift.checkpoints.store import load_config, load_weights, save_model
from soundsift.config import FRAME_RATE, VelocityFieldConfig
from soundsift.data.bank import Bank
from soundsift.data.rendering import ResidentSamples
from soundsift.errors import SoundsiftError
from soundsift.models.mel_codec import MelCodec
from soundsift.models.velocity_field import VelocityField
from soundsift.sampling.flow import as_data
from soundsift.training.alignment_loss import TaggedField, Tagger, concept_embeddings
from soundsift.training.batches import Batch, Batches, BatchRenderer, DrawnBatches
from soundsift.training.checkpoint import RunningAverage
from soundsift.training.config import TrainingConfig
from soundsift.training.deepen import grow
from soundsift.training.loader import batch_loader, one_ahead
from soundsift.training.loop import (
    FileCheckpoints,
    Loop,
    joined_processes,
    learning_rate,
    make_optimiser,
    process_device,
    set_rate,
)
from soundsift.training.losses import training_loss
from soundsift.training.validation import Validation, noisy_latents, predict


def train(config: TrainingConfig, until: int | None = None, minutes: float | None = None) -> None:
    """Train, from the run's checkpoint if there is one, to the last step (or to step `until`).

    Under `torchrun` the processes share every batch; the loss curve is that of one process.

    Args:
        config: the run.
        until: stop after this step, with a checkpoint, as if interrupted.
        minutes: stop after so many minutes in the same way; the next call continues.
    """
    with joined_processes(config) as (rank, world):
        trainer = Trainer(config, rank, world)
        checkpoints = FileCheckpoints(config.run / "checkpoint.pt", rank)
        loop = Loop(config, trainer, checkpoints, rank, world)
        trainer.parallelise()
        loop.run(until, minutes)


class Trainer:
    """The separator's networks, optimiser and data: a `soundsift.training.loop.Task`.

    Args:
        config: the run.
        rank, world: this process among those that share every batch.
    """

    def __init__(self, config: TrainingConfig, rank: int = 0, world: int = 1) -> None:
        self.config, self.rank, self.world = config, rank, world
        self.codec = MelCodec(config.model.codec)
        self.device = process_device(config.device, world)
        self.text = TextEncoder(self.device, config.packed_text)
        self.field = VelocityField(config.model.field)
        if config.start_from is not None:
            self.field.load_state_dict(_beginning(config.start_from, config.model.field))
        tagger = None
        if self.device.type == "cuda":
            # One by one, a GPU takes a minute for them.
            self.text.encode_ahead(c for clip in Bank(config.bank).clips for c in clip.captions)
        if config.loss.alignment:
            embeddings = concept_embeddings(Bank(config.bank), self.text)
            tagger = Tagger(config.model.field.transformer.dim, embeddings)
        self.model = TaggedField(self.field, tagger, config.loss.alignment_block)
        self.model.to(self.device)
        self.average = RunningAverage(self.field, config.optimiser.ema)
        self.optimiser = make_optimiser(self.model, config.optimiser)
        self.sound_seconds = 0.0
        self.validation: Validation | None = None
        self.parallel: nn.Module = self.model

    def parallelise(self) -> None:
        """Compile the blocks and share gradients, as configured; after weights are restored."""
        if self.config.compile:
            # One block at a time: all share the compiled code, a minute instead of five.
            for block in self.field.transformer.blocks:
                block.compile(dynamic=True)
        if self.world > 1:
            self.parallel = DistributedDataParallel(self.model, find_unused_parameters=True)

    def batches(self, start: int) -> Iterator[Batch]:
        """See `soundsift.training.loop.Task`."""
        on_gpu = self.device.type == "cuda"
        if (self.config.render or ("device" if on_gpu else "workers")) == "workers":
            batches = Batches(self.config, "train", self.rank, self.world)
            return batch_loader(batches, start, self.config.workers)
        drawn = DrawnBatches(self.config, "train", self.rank, self.world)
        # Workers start before the clips are read, of which they need none.
        coming = batch_loader(drawn, start, self.config.workers)
        clips = ResidentSamples(drawn.generator.bank, self.device)
        return one_ahead(coming, BatchRenderer(self.config, drawn.generator, clips))

    def take_step(self, batch: Batch, step: int) -> dict[str, float]:
        """See `soundsift.training.loop.Task`."""
        config = self.config
        batch = batch.to(self.device)
        rate = learning_rate(step, config.steps, config.optimiser)
        set_rate(self.optimiser, rate)
        output, tags = predict(self.parallel, batch, self.text)
        clean = as_data(
            output.float(),
            config.model.prediction,
            noisy_latents(batch),
            batch.time,
            config.loss.sigma_min,
        )
        losses = training_loss(self.codec, clean, batch, config.loss, tags)
        # Processes average their gradients: unequal parts of a batch must count by their size.
        share = batch.share
        (losses.total * share).backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), config.optimiser.clip)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.average.update(self.field)
        queries, frames = batch.context.shape[:2]
        self.sound_seconds += self.world / share * queries * frames / FRAME_RATE
        parts = [losses.total.detach(), losses.flow, losses.mask_snr, losses.alignment]
        terms = torch.stack([*(part * share for part in parts), norm])
        if self.world > 1:
            distributed.all_reduce(terms)
            terms /= self.world
        names = ("loss", "flow", "mask_snr", "alignment", "gradient")
        return dict(zip(names, terms.tolist(), strict=True)) | {"rate": rate}

    def headline(self, terms: Mapping[str, float]) -> dict[str, str]:
        """See `soundsift.training.loop.Task`."""
        return {"snr": f"{-10 * terms['mask_snr']:.2f} dB"}

    def validate(self) -> dict[str, float]:
        """See `soundsift.training.loop.Task`."""
        if self.rank > 0:
            return {}
        if self.validation is None:  # rendering its scenes takes a while
            self.validation = Validation(self.config, self.codec, self.text)
        field = VelocityField(self.config.model.field).to(self.device)
        field.load_state_dict(self.average.weights)
        return self.validation.run(field)

    def state(self) -> dict[str, Any]:
        """See `soundsift.training.loop.Task`."""
        return {
            "sound_seconds": self.sound_seconds,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """See `soundsift.training.loop.Task`."""
        self.sound_seconds = state["sound_seconds"]
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])

    def save_model(self, folder: Path) -> None:
        """See `soundsift.training.loop.Task`."""
        if self.rank == 0:
            weights = {name: tensor.cpu() for name, tensor in self.average.weights.items()}
            save_model(folder, self.config.model, weights)


def _beginning(folder: Path, wanted: VelocityFieldConfig) -> dict[str, Tensor]:
    """The weights in a model folder, grown to the size wanted."""
    try:
        return grow(load_weights(folder), load_config(folder).field, wanted)
    except ValueError as error:
        raise SoundsiftError(f"start_from: {folder}: {error}") from error
