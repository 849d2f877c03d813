"""Checkpoints that survive kill -9 and damaged disks: the last two are kept, each whole."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from soundsift.cache import PARTIAL, partial_path, replace_durably
from soundsift.errors import SoundsiftError, one_line
from soundsift.training.sharded import own_part


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; the one before it becomes `previous_path(path)`.

    A reader finds the old checkpoint or the new one, never half of one. A damaged one does not
    take the place of the previous one.

    Raises:
        OSError: if it cannot be written; the old ones are still there.
    """
    for left in path.parent.glob(f"{path.name}.*{PARTIAL}"):  # by a process that was killed
        left.unlink(missing_ok=True)
    # A name that cannot be foreseen: it could be a link to another file.
    partial = partial_path(path)
    try:
        with partial.open("xb") as file:
            torch.save(state, file)
        if _is_whole(path):
            _keep(path)
        replace_durably(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The checkpoint at `path`, or the one before it if that is damaged or missing.

    Nothing in it is executed. Which one is missing or damaged is said on standard error.

    Returns:
        None if there is none.

    Raises:
        SoundsiftError: if all that are there are damaged.
    """
    problems = []
    for file in (path, previous_path(path)):
        if not file.exists():
            problems.append(f"{file} is missing")
            continue
        try:
            _check_sums(file)
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # of a damaged file, both libraries raise anything
            problems.append(f"{file} is damaged ({one_line(error)})")
            continue
        if problems:
            _say(f"{problems[0]}; training goes on from the checkpoint before, {file}.")
        return state
    if not any(file.exists() for file in (path, previous_path(path))):
        return None
    raise SoundsiftError(
        f"{' and '.join(problems)}. Restore one from a copy, or move them away to begin anew."
    )


def previous_path(path: Path) -> Path:
    """Where the checkpoint before the one at `path` is kept."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def _check_sums(file: Path) -> None:
    """Compare a checkpoint with its check sums, which PyTorch writes but does not read.

    Raises:
        OSError, ValueError, zipfile.BadZipFile: it is damaged, or cannot be read.
    """
    with zipfile.ZipFile(file) as archive:
        bad = archive.testzip()
    if bad is not None:
        raise ValueError(f"{bad} has a wrong check sum")


def _is_whole(file: Path) -> bool:
    try:
        _check_sums(file)
    except Exception:  # of a damaged file, the library raises anything
        return False
    return True


def _keep(path: Path) -> None:
    """Keep a checkpoint as the previous one; it stays in its own place, too."""
    again = partial_path(path)
    try:
        os.link(path, again)
    except OSError:  # no hard links on this file system
        path.replace(previous_path(path))
        return
    try:
        again.replace(previous_path(path))
    finally:
        again.unlink(missing_ok=True)


def _say(message: str) -> None:
    with suppress(OSError, ValueError):
        print(message, file=sys.stderr, flush=True)


class RunningAverage:
    """Exponential moving average of a module's weights, in float32.

    Args:
        module: whose weights to follow.
        decay: share of the old average kept per update; less at first, so that the start is
            forgotten.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.weights = {k: v.detach().clone() for k, v in module.state_dict().items()}

    def update(self, module: nn.Module) -> None:
        """Move towards the module's present weights."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        present = module.state_dict()
        averages = [own_part(average) for average in self.weights.values()]
        new = [own_part(present[name].detach()) for name in self.weights]
        torch._foreach_lerp_(averages, new, 1 - decay)

    @contextmanager
    def applied(self, module: nn.Module) -> Iterator[None]:
        """The module with the averaged weights, while the context lasts."""
        present = module.state_dict()
        kept = {name: present[name].detach().clone() for name in self.weights}
        with torch.no_grad():
            for name, average in self.weights.items():
                own_part(present[name]).copy_(own_part(average))
        try:
            yield
        finally:
            with torch.no_grad():
                for name, weight in kept.items():
                    own_part(present[name]).copy_(own_part(weight))

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"updates": self.updates, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.updates = state["updates"]
        weights: dict[str, Tensor] = state["weights"]
        for name, tensor in weights.items():
            self.weights[name].copy_(tensor)
