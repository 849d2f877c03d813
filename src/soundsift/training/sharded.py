"""Weights shared out over processes: PyTorch's FSDP2, and its distributed checkpoints.

A checkpoint is a folder `step-N`, to which every process writes its own part; it can be taken up by
another number of processes. The last two are kept. Its index is a pickle, as PyTorch writes it:
continue only runs of your own.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed
from torch import Tensor, nn
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from soundsift.errors import SoundsiftError, one_line

_PROGRESS = "progress.json"
_KEPT = 2


def shard(model: nn.Module, blocks: Iterable[nn.Module]) -> None:
    """Share a model's weights, gradients and optimiser state out over all processes.

    Args:
        model: the model, whose other weights are gathered for the whole of a step.
        blocks: parts of it that are gathered one at a time.
    """
    for block in blocks:
        fully_shard(block)
    fully_shard(model)


def forget_gathered(model: nn.Module) -> None:
    """Let go of gathered weights: those around the blocks stay after a forward pass alone.

    Call it when a process's own parts were changed by hand, or the next pass has the old weights.
    """
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def own_part(tensor: Tensor) -> Tensor:
    """This process's part of a tensor; all of it if it is not shared out."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(tensor: Tensor) -> Tensor:
    """The whole tensor; if it is shared out, called on all processes."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def optimiser_state(model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """AdamW's moments by the names of the weights; those of a fresh one are zero."""
    for parameter in model.parameters():
        if parameter.requires_grad and not optimiser.state[parameter]:
            optimiser.state[parameter] = {
                "step": torch.zeros((), device=parameter.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
    return {
        name: dict(optimiser.state[parameter])
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


class ShardedCheckpoints:
    """Distributed checkpoints of a run: `soundsift.training.loop.Checkpoints`.

    Args:
        folder: holds the folders of the checkpoints.
        rank: this process.
        world: how many there are.
    """

    def __init__(self, folder: Path, rank: int, world: int) -> None:
        self.folder, self.rank, self.alone = folder, rank, world == 1

    def save(self, state: dict[str, Any]) -> None:
        """See `soundsift.training.loop.Checkpoints`; what is no tensor must be JSON."""
        tensors, rest = _parted(state)
        final = self.folder / f"step-{state['step']}"
        partial = final.with_suffix(".partial")
        if self.rank == 0:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
        self._wait()
        state_dict_saver.save(tensors, checkpoint_id=partial, no_dist=self.alone)
        if self.rank == 0:
            (partial / _PROGRESS).write_text(json.dumps(rest))
            shutil.rmtree(final, ignore_errors=True)
            partial.rename(final)
            for old in self._complete()[_KEPT:]:
                shutil.rmtree(old, ignore_errors=True)
        self._wait()

    def load(self, template: dict[str, Any]) -> dict[str, Any] | None:
        """See `soundsift.training.loop.Checkpoints`; a damaged one makes way for the one before.

        Raises:
            SoundsiftError: if all that are there are damaged.
        """
        problems = []
        for folder in self._complete():
            tensors, _ = _parted(template)
            try:
                rest: dict[str, Any] = json.loads((folder / _PROGRESS).read_text())
                state_dict_loader.load(tensors, checkpoint_id=folder, no_dist=self.alone)
            except Exception as error:  # of a damaged file, the library raises anything
                problems.append(f"{folder}: {one_line(error)}")
                continue
            for problem in problems if self.rank == 0 else []:
                with suppress(OSError, ValueError):
                    print(f"{problem}; going on from {folder}", file=sys.stderr, flush=True)
            return template | rest
        if problems:
            raise SoundsiftError(
                f"No checkpoint can be read: {'; '.join(problems)}. Remove them to begin anew."
            )
        return None

    def _complete(self) -> list[Path]:
        """Folders of whole checkpoints, the newest first."""
        found = [file.parent for file in self.folder.glob(f"step-*/{_PROGRESS}")]
        found = [folder for folder in found if folder.suffix != ".partial"]
        return sorted(found, key=lambda folder: int(folder.name.partition("-")[2]), reverse=True)

    def _wait(self) -> None:
        if not self.alone:
            distributed.barrier()


def _parted(state: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors by their path in nested dictionaries, and the outermost entries without any."""
    tensors = {
        path: tensor for name, value in state.items() for path, tensor in _tensors(name, value)
    }
    rest = {name: value for name, value in state.items() if not list(_tensors(name, value))}
    return tensors, rest


def _tensors(path: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield path, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _tensors(f"{path}/{name}", inner)
