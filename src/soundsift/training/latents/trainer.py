"""Training of the separator in DAC-VAE latents; the loop is `soundsift.training.loop`.

Flow matching as in arXiv 2512.18099: the field predicts the velocity of target and residual
together, given the mixture's latents and a prompt of which parts are withheld.

With several processes, weights, gradients and moments are shared out (FSDP2). Dropout follows from
seed, step and process, so that a run that was stopped ends like one that was not.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed
from safetensors.torch import save_file
from torch import Tensor, nn

from soundsift.checkpoints import pe_vision
from soundsift.checkpoints.load import CODEC_WEIGHTS, TEXT_ENCODER, VISION_WEIGHTS
from soundsift.checkpoints.released_form import vision_weights
from soundsift.checkpoints.store import complete_file, save_model
from soundsift.models.velocity_field import Conditioning
from soundsift.sampling.flow import interpolate, velocity_target
from soundsift.training.checkpoint import RunningAverage
from soundsift.training.latents.alignment import FrameModel, alignment_term, load_frame_model
from soundsift.training.latents.batches import LatentBatch, LatentBatches
from soundsift.training.latents.config import LatentTrainingConfig
from soundsift.training.latents.encoding import BatchEncoder
from soundsift.training.latents.networks import (
    FrozenCodec,
    build_field,
    build_text_encoder,
    text_encoder_folder,
    with_projector,
)
from soundsift.training.latents.validation import LatentValidation
from soundsift.training.loader import batch_loader
from soundsift.training.loop import (
    Loop,
    joined_processes,
    learning_rate,
    make_optimiser,
    process_device,
    set_rate,
)
from soundsift.training.sharded import (
    ShardedCheckpoints,
    forget_gathered,
    optimiser_state,
    shard,
    whole,
)

_DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


def train_latents(
    config: LatentTrainingConfig, until: int | None = None, minutes: float | None = None
) -> None:
    """Train a separator in latents; see `soundsift.training.trainer.train`."""
    with joined_processes(config) as (rank, world):
        trainer = LatentTrainer(config, rank, world)
        checkpoints = ShardedCheckpoints(config.run / "checkpoints", rank, world)
        loop = Loop(config, trainer, checkpoints, rank, world)
        loop.run(until, minutes)


class LatentTrainer:
    """The separator's networks, optimiser and data: a `soundsift.training.loop.Task`.

    Args:
        config: the run.
        rank, world: this process among those that share every batch.

    Raises:
        SoundsiftError: if a network is missing, damaged or of other sizes.
    """

    def __init__(self, config: LatentTrainingConfig, rank: int = 0, world: int = 1) -> None:
        self.config, self.rank, self.world = config, rank, world
        self.device = process_device(config.device, world)
        self.data = LatentBatches(config, rank, world)
        self.codec = FrozenCodec(config.codec, config.codec_config, self.device)
        self.text = build_text_encoder(config, self.device)
        frames: FrameModel | None = None
        if config.loss.alignment:
            frames = load_frame_model(config.frame_model, self.device)
        self.encoder = BatchEncoder(self.codec, frames, config.codec_config.sample_rate)
        field = build_field(config)
        self.model = with_projector(field, config, frames.width if frames else 0)
        self.model.to(self.device)
        blocks = field.transformer.blocks
        if config.compile:
            for block in blocks:
                block.compile(dynamic=True)
        if world > 1:
            shard(self.model, blocks)
        self.average = RunningAverage(self.model.field, config.optimiser.ema)
        self.optimiser = make_optimiser(self.model, config.optimiser)
        self.validation: LatentValidation | None = None
        self.sound_seconds = 0.0

    def batches(self, start: int) -> Iterator[list[LatentBatch]]:
        """See `soundsift.training.loop.Task`."""
        return batch_loader(self.data, start, self.config.workers)

    def headline(self, terms: Mapping[str, float]) -> dict[str, str]:
        """See `soundsift.training.loop.Task`."""
        return {"velocity": f"{terms['velocity']:.4f}"}

    def take_step(self, batch: list[LatentBatch], step: int) -> dict[str, float]:
        """See `soundsift.training.loop.Task`."""
        config = self.config
        torch.manual_seed((config.seed * 1_000_003 + step) * 4099 + self.rank)
        rate = learning_rate(step, config.steps, config.optimiser)
        set_rate(self.optimiser, rate)
        terms = torch.zeros(3, device=self.device)
        for part in batch:
            velocity, alignment = self._losses(part.to(self.device))
            loss = velocity + config.loss.alignment * alignment
            # Processes average their gradients: parts of a batch count by their size.
            (loss * part.share).backward()  # type: ignore[no-untyped-call]
            terms += torch.stack([loss, velocity, alignment]).detach() * part.share
            seconds = part.targets.shape[1] / config.codec_config.sample_rate
            self.sound_seconds += self.world * len(part.phrases) * seconds
        norm = whole(nn.utils.clip_grad_norm_(self.model.parameters(), config.optimiser.clip))
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.average.update(self.model.field)
        if self.world > 1:
            distributed.all_reduce(terms)
            terms /= self.world
        names = ("loss", "velocity", "alignment")
        found = dict(zip(names, terms.tolist(), strict=True))
        return found | {"gradient": float(norm), "rate": rate}

    def _losses(self, batch: LatentBatch) -> tuple[Tensor, Tensor]:
        """The two terms of the loss of a part of a batch."""
        encoded = self.encoder.encode(batch)
        data = torch.cat([encoded.targets, encoded.residuals], dim=-1)
        sigma = self.config.loss.sigma_min
        noisy = interpolate(batch.noise, data, batch.time, sigma)
        prompt = self.conditioning(batch, encoded.context)
        output, projected = self.evaluate(noisy, batch.time, prompt)
        error = output.float() - velocity_target(batch.noise, data, sigma)
        velocity = error.square().mean()
        if projected is None or encoded.heard is None:
            return velocity, torch.zeros_like(velocity)
        return velocity, alignment_term(projected, encoded.heard)

    def conditioning(self, batch: LatentBatch, context: Tensor) -> Conditioning:
        """What the field is told of a batch, whose mixtures it sees as `context`."""
        states, mask = self.text.encode_batch(batch.phrases)
        return Conditioning(
            context=context,
            text=states,
            text_mask=mask,
            anchors=batch.anchors,
            video=batch.video,
        )

    def evaluate(
        self, noisy: Tensor, time: Tensor, conditioning: Conditioning
    ) -> tuple[Tensor, Tensor | None]:
        """The field's velocity, and the projection of its middle block."""
        dtype = _DTYPES[self.config.precision]
        with torch.autocast(self.device.type, dtype, enabled=dtype != torch.float32):
            output: tuple[Tensor, Tensor | None] = self.model(noisy, time, conditioning)
        return output

    def validate(self) -> dict[str, float]:
        """See `soundsift.training.loop.Task`."""
        if self.validation is None:
            self.validation = LatentValidation(self.config, self.codec, self.rank, self.world)

        def velocity(noisy: Tensor, time: Tensor, conditioning: Conditioning) -> Tensor:
            return self.evaluate(noisy, time.expand(len(noisy)), conditioning)[0].float()

        def told(batch: LatentBatch) -> Conditioning:
            return self.conditioning(batch, self.codec.context(batch.targets + batch.residuals))

        self.model.eval()
        with torch.no_grad(), self.average.applied(self.model.field):
            found = self.validation.run(velocity, told, self.device)
        forget_gathered(self.model)
        self.model.train()
        return found

    def state(self) -> dict[str, Any]:
        """See `soundsift.training.loop.Task`."""
        return {
            "sound_seconds": self.sound_seconds,
            "updates": self.average.updates,
            "model": self.model.state_dict(),
            "average": self.average.weights,
            "optimiser": optimiser_state(self.model, self.optimiser),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """See `soundsift.training.loop.Task`; tensors were read in place."""
        self.sound_seconds = state["sound_seconds"]
        self.average.updates = state["updates"]

    def save_model(self, folder: Path) -> None:
        """Write the averaged weights with codec and encoders: what `--model` accepts."""
        weights = {}
        for name, average in self.average.weights.items():
            full = whole(average)
            if self.rank == 0:
                weights[name] = full.cpu()
        if self.rank == 0:
            save_model(folder, self.config.model, weights)
            self._save_surroundings(folder)

    def _save_surroundings(self, folder: Path) -> None:
        """Write what is not trained; it stays the same, so once is enough."""
        text = text_encoder_folder(self.config)
        if text is not None and not (folder / TEXT_ENCODER).exists():
            shutil.copytree(text, folder / TEXT_ENCODER)
        if not (folder / CODEC_WEIGHTS).exists():
            codec = {name: self.codec.weights[name].contiguous() for name in self.codec.weights}
            with complete_file(folder / CODEC_WEIGHTS) as part:
                save_file(codec, part)
        source = self.config.vision_from
        if source is not None and not (folder / VISION_WEIGHTS).exists():
            vision = pe_vision.convert(vision_weights(source))
            with complete_file(folder / VISION_WEIGHTS) as part:
                save_file({name: vision[name].contiguous() for name in vision}, part)
