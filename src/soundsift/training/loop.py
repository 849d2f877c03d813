"""The loop of every training run: steps, metrics, validation, checkpoints, exact resume."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
import torch.distributed as distributed
from torch import nn
from tqdm import tqdm

from soundsift.allocator import keep_memory
from soundsift.checkpoints.store import complete_file
from soundsift.devices import pick_device
from soundsift.training.checkpoint import load_checkpoint, save_checkpoint
from soundsift.training.config import OptimiserConfig, RunConfig
from soundsift.training.plot import plot_metrics

Batch = TypeVar("Batch")

_LOG_EVERY = 20


class Task(Protocol[Batch]):
    """What is trained: networks, optimisers, data and measures."""

    def batches(self, start: int) -> Iterator[Batch]:
        """Batches from number `start` on."""
        ...

    def take_step(self, batch: Batch, step: int) -> dict[str, float]:
        """Take optimiser step number `step`; return the loss terms, the same on all processes."""
        ...

    def headline(self, terms: Mapping[str, float]) -> dict[str, str]:
        """What the progress bar shows of the mean loss terms."""
        ...

    def validate(self) -> dict[str, float]:
        """Figures of the averaged weights; called on all processes, reported by the first."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on; tensors in it are written in place."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state."""
        ...

    def save_model(self, folder: Path) -> None:
        """Write the averaged weights as a model; called on all processes."""
        ...


class Checkpoints(Protocol):
    """Where a run's state is kept."""

    def save(self, state: dict[str, Any]) -> None:
        """Write a state; called on all processes."""
        ...

    def load(self, template: dict[str, Any]) -> dict[str, Any] | None:
        """The last state, None if there is none.

        Args:
            template: a state of the same run, into whose tensors a reader may write.
        """
        ...


class FileCheckpoints:
    """Two files, written by the first process: `soundsift.training.checkpoint`.

    Args:
        file: the newer of the two.
        rank: this process.
    """

    def __init__(self, file: Path, rank: int) -> None:
        self.file, self.rank = file, rank

    def save(self, state: dict[str, Any]) -> None:
        """See `Checkpoints`."""
        if self.rank == 0:
            save_checkpoint(self.file, state)

    def load(self, template: dict[str, Any]) -> dict[str, Any] | None:  # noqa: ARG002
        """See `Checkpoints`."""
        return load_checkpoint(self.file)


class Loop:
    """A run in one process.

    It goes on from the run's last checkpoint, if there is one.

    Args:
        config: the run.
        task: what is trained.
        checkpoints: where its state is kept.
        rank, world: this process among those that share every batch.
    """

    def __init__(
        self,
        config: RunConfig,
        task: Task[Any],
        checkpoints: Checkpoints,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.config, self.task, self.checkpoints = config, task, checkpoints
        self.rank, self.world = rank, world
        self.step, self.seconds = 0, 0.0
        self.sums: dict[str, float] = {}  # of the terms since the last line of metrics
        config.run.mkdir(parents=True, exist_ok=True)
        state = checkpoints.load(self._state())
        if rank == 0:
            _forget_after(config.run / "metrics.jsonl", state["step"] if state else 0)
        if state is not None:
            self.step, self.seconds = state["step"], state["seconds"]
            self.sums = state.get("sums", {})
            task.restore(state)

    def run(self, until: int | None = None, minutes: float | None = None) -> None:
        """Take steps up to the last, up to number `until`, or for so many minutes, then save."""
        config = self.config
        until = min(config.steps, until or config.steps)
        saved = began = time.monotonic()
        already = self.seconds
        progress = tqdm(
            initial=self.step, total=until, desc="training", unit="step", disable=self.rank > 0
        )
        source = self.task.batches(self.step)
        while self.step < until:
            terms = self.task.take_step(next(source), self.step)
            self.step += 1
            self.seconds = already + time.monotonic() - began
            progress.update()
            for name, value in terms.items():
                self.sums[name] = self.sums.get(name, 0.0) + value / _LOG_EVERY
            if self.step % _LOG_EVERY == 0:
                self._log(self.sums)
                progress.set_postfix(self.task.headline(self.sums))
                self.sums = {}
            if self.step % config.validate_every == 0:
                found = self.task.validate()
                self._log({f"validation/{name}": value for name, value in found.items()})
                # The package asks for matplotlib, but a portable run goes without.
                if self.rank == 0 and find_spec("matplotlib"):
                    plot_metrics(config.run / "metrics.jsonl", config.run / "metrics.png")
            if self._all_agree(time.monotonic() - saved > 60 * config.checkpoint_minutes):
                self.save()
                saved = time.monotonic()
            if minutes is not None and self._all_agree(time.monotonic() - began > 60 * minutes):
                break
        progress.close()
        self.save()

    def save(self) -> None:
        """Write the checkpoint, and the averaged weights as a model folder beside it."""
        self.checkpoints.save(self._state())
        self.task.save_model(self.config.run / "model")

    def _state(self) -> dict[str, Any]:
        own = {"step": self.step, "seconds": self.seconds, "sums": self.sums}
        return own | self.task.state()

    def _all_agree(self, late: bool) -> bool:
        """Whether the first process is late: all processes do the same after the same step."""
        if self.world == 1:
            return late
        # Flags are small: they go by the processor where there are processors' connections.
        on = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        decision = torch.tensor([float(late)], device=on)
        distributed.broadcast(decision, 0)
        return bool(decision.item())

    def _log(self, values: dict[str, float]) -> None:
        if self.rank > 0:
            return
        line = {"step": self.step, "seconds": round(self.seconds, 1)} | {
            name: round(value, 5) for name, value in values.items()
        }
        with (self.config.run / "metrics.jsonl").open("a") as out:
            out.write(json.dumps(line) + "\n")


@contextmanager
def joined_processes(config: RunConfig) -> Iterator[tuple[int, int]]:
    """Set this process up for a run, together with the others if `torchrun` started several.

    Yields:
        This process's number and how many there are.
    """
    keep_memory()
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    if "RANK" not in os.environ:
        yield 0, 1
        return
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    rank, world = distributed.get_rank(), distributed.get_world_size()
    yield rank, world
    # Only after a whole run: one that failed must not wait for the others.
    if world > 1:
        distributed.destroy_process_group()


def process_device(wanted: str | None, world: int) -> torch.device:
    """A process's device: with several processes and GPUs, each has its own."""
    device = pick_device(wanted)
    if device.type == "cuda" and device.index is None and world > 1:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    return device


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


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every group of an optimiser a learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def _forget_after(metrics: Path, step: int) -> None:
    """Drop lines of steps after the checkpoint, which will be taken again, and one cut short."""
    if not metrics.exists():
        return
    whole = [line for line in metrics.read_text().splitlines(keepends=True) if line.endswith("}\n")]
    kept = [line for line in whole if json.loads(line)["step"] <= step]
    with complete_file(metrics) as part:
        part.write_text("".join(kept))
