"""The training loop: one process or several, exact to resume after kill -9."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from soundsift.allocator import keep_memory
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.checkpoints.store import complete_file, load_config, load_weights, save_model
from soundsift.config import FRAME_RATE, VelocityFieldConfig
from soundsift.data.bank import Bank
from soundsift.devices import pick_device
from soundsift.errors import SoundsiftError
from soundsift.models.mel_codec import MelCodec
from soundsift.models.velocity_field import VelocityField
from soundsift.sampling.flow import as_data
from soundsift.training.alignment_loss import TaggedField, Tagger, concept_embeddings
from soundsift.training.batches import Batch, Batches, batch_loader
from soundsift.training.checkpoint import RunningAverage, load_checkpoint, save_checkpoint
from soundsift.training.config import OptimiserConfig, TrainingConfig
from soundsift.training.deepen import grow
from soundsift.training.losses import training_loss
from soundsift.training.plot import plot_metrics
from soundsift.training.validation import Validation, noisy_latents, predict

_LOG_EVERY = 20


def train(config: TrainingConfig, until: int | None = None, minutes: float | None = None) -> None:
    """Train, from the run's checkpoint if there is one, to the last step (or to step `until`).

    Under `torchrun` the processes share every batch; the loss curve is that of one process.

    Args:
        config: the run.
        until: stop after this step, with a checkpoint, as if interrupted.
        minutes: stop after so many minutes in the same way; the next call continues.
    """
    keep_memory()
    rank, world = _join()
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    trainer = Trainer(config, rank, world)
    trainer.run(min(config.steps, until or config.steps), minutes)
    if world > 1:
        distributed.destroy_process_group()


class Trainer:
    """State of a run in one process.

    Args:
        config: the run.
        rank, world: this process among those that share every batch.
    """

    def __init__(self, config: TrainingConfig, rank: int = 0, world: int = 1) -> None:
        self.config, self.rank, self.world = config, rank, world
        config.run.mkdir(parents=True, exist_ok=True)
        self.codec = MelCodec(config.model.codec)
        self.device = _device(config.device, rank, world)
        self.text = TextEncoder(self.device)
        self.field = VelocityField(config.model.field)
        if config.start_from is not None:
            self.field.load_state_dict(_beginning(config.start_from, config.model.field))
        tagger = None
        if config.loss.alignment:
            embeddings = concept_embeddings(Bank(config.bank), self.text)
            tagger = Tagger(config.model.field.transformer.dim, embeddings)
        self.model = TaggedField(self.field, tagger, config.loss.alignment_block)
        self.model.to(self.device)
        self.average = RunningAverage(self.field, config.optimiser.ema)
        self.optimiser = make_optimiser(self.model, config.optimiser)
        self.step, self.seconds, self.sound_seconds = 0, 0.0, 0.0
        self.sums: dict[str, float] = {}  # of the terms since the last line of metrics
        self._resume()
        if config.compile:
            # One block at a time: all share the compiled code, a minute instead of five.
            for block in self.field.transformer.blocks:
                block.compile(dynamic=True)
        self.parallel: nn.Module = (
            DistributedDataParallel(self.model, find_unused_parameters=True)
            if world > 1
            else self.model
        )

    def run(self, until: int, minutes: float | None = None) -> None:
        """Take steps up to number `until`, or for so many minutes, then save."""
        config = self.config
        batches = Batches(config, "train", self.rank, self.world)
        validation = Validation(config, self.codec, self.text) if self.rank == 0 else None
        saved = began = time.monotonic()
        already = self.seconds
        progress = tqdm(
            initial=self.step, total=until, desc="training", unit="step", disable=self.rank > 0
        )
        source = batch_loader(batches, self.step, config.workers)
        while self.step < until:
            terms = self._take_step(next(source))
            self.step += 1
            self.seconds = already + time.monotonic() - began
            progress.update()
            for name, value in terms.items():
                self.sums[name] = self.sums.get(name, 0.0) + value / _LOG_EVERY
            if self.step % _LOG_EVERY == 0:
                self._log(self.sums)
                progress.set_postfix(snr=f"{-10 * self.sums['mask_snr']:.2f} dB")
                self.sums = {}
            if validation and self.step % config.validate_every == 0:
                found = validation.run(self._averaged())
                self._log({f"validation/{name}": value for name, value in found.items()})
                plot_metrics(config.run / "metrics.jsonl", config.run / "metrics.png")
            if time.monotonic() - saved > 60 * config.checkpoint_minutes:
                self.save()
                saved = time.monotonic()
            if minutes is not None and self._all_agree(time.monotonic() - began > 60 * minutes):
                break
        progress.close()
        self.save()

    def _all_agree(self, late: bool) -> bool:
        """Whether the first process is late: all processes stop after the same step."""
        if self.world == 1:
            return late
        decision = torch.tensor([float(late)], device=self.device)
        distributed.broadcast(decision, 0)
        return bool(decision.item())

    def _take_step(self, batch: Batch) -> dict[str, float]:
        config = self.config
        batch = batch.to(self.device)
        rate = learning_rate(self.step, config.steps, config.optimiser)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
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

    def _averaged(self) -> VelocityField:
        field = VelocityField(self.config.model.field).to(self.device)
        field.load_state_dict(self.average.weights)
        return field

    def _log(self, values: dict[str, float]) -> None:
        if self.rank > 0:
            return
        line = {"step": self.step, "seconds": round(self.seconds, 1)} | {
            name: round(value, 5) for name, value in values.items()
        }
        with (self.config.run / "metrics.jsonl").open("a") as out:
            out.write(json.dumps(line) + "\n")

    def save(self) -> None:
        """Write the checkpoint, and the averaged weights as a model folder beside it."""
        if self.rank > 0:
            return
        state: dict[str, Any] = {
            "step": self.step,
            "seconds": self.seconds,
            "sound_seconds": self.sound_seconds,
            "sums": self.sums,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": torch.get_rng_state(),
        }
        save_checkpoint(self.config.run / "checkpoint.pt", state)
        weights = {name: tensor.cpu() for name, tensor in self.average.weights.items()}
        save_model(self.config.run / "model", self.config.model, weights)

    def _resume(self) -> None:
        state = load_checkpoint(self.config.run / "checkpoint.pt")
        if self.rank == 0:
            _forget_after(self.config.run / "metrics.jsonl", state["step"] if state else 0)
        if state is None:
            return
        self.step, self.seconds = state["step"], state["seconds"]
        self.sound_seconds = state["sound_seconds"]
        self.sums = state.get("sums", {})
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])


def _beginning(folder: Path, wanted: VelocityFieldConfig) -> dict[str, Tensor]:
    """The weights in a model folder, grown to the size wanted."""
    try:
        return grow(load_weights(folder), load_config(folder).field, wanted)
    except ValueError as error:
        raise SoundsiftError(f"start_from: {folder}: {error}") from error


def learning_rate(step: int, steps: int, config: OptimiserConfig) -> float:
    """Rate at a step: linear warm-up, constant, linear decay to zero at the end."""
    warm = min(1.0, (step + 1) / max(1, config.warmup))
    left = (steps - step) / max(1.0, steps * config.decay_share)
    return config.rate * min(warm, left, 1.0)


def make_optimiser(field: nn.Module, config: OptimiserConfig) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices alone."""
    matrices = [p for p in field.parameters() if p.ndim >= 2]
    vectors = [p for p in field.parameters() if p.ndim < 2]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.rate, betas=config.betas, fused=True)


def _device(wanted: str | None, rank: int, world: int) -> torch.device:
    """A process's device: with several processes and GPUs, each has its own."""
    device = pick_device(wanted)
    if device.type == "cuda" and device.index is None and world > 1:
        return torch.device("cuda", rank % torch.cuda.device_count())
    return device


def _join() -> tuple[int, int]:
    """Join the other processes if `torchrun` started several."""
    if "RANK" not in os.environ:
        return 0, 1
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return distributed.get_rank(), distributed.get_world_size()


def _forget_after(metrics: Path, step: int) -> None:
    """Drop lines of steps after the checkpoint, which will be taken again, and one cut short."""
    if not metrics.exists():
        return
    whole = [line for line in metrics.read_text().splitlines(keepends=True) if line.endswith("}\n")]
    kept = [line for line in whole if json.loads(line)["step"] <= step]
    with complete_file(metrics) as part:
        part.write_text("".join(kept))
