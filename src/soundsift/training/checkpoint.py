"""Checkpoints that survive kill -9: written beside the old one, flushed, then renamed over it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write atomically: a reader finds the old checkpoint or the new one, never half of one."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The checkpoint at `path` (nothing in it is executed), or None if there is none."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


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
        averages = list(self.weights.values())
        torch._foreach_lerp_(averages, [present[k].detach() for k in self.weights], 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"updates": self.updates, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.updates = state["updates"]
        weights: dict[str, Tensor] = state["weights"]
        for name, tensor in weights.items():
            self.weights[name].copy_(tensor)
