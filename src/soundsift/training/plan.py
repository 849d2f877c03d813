"""What a run will take, from a dry run on the meta device: shapes without values.

Memory follows from the tensors that autograd would keep, time from the counted operations and the
share of a machine's peak that is assumed. Nothing is measured on the machine itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

GIGABYTE = 1e9

#: Dense peak in bfloat16, operations a second, and memory in bytes, as their makers state them.
MACHINES: dict[str, tuple[float, float]] = {
    "A100 80 GB": (312e12, 80e9),
    "H100 80 GB": (989e12, 80e9),
    "H200 141 GB": (989e12, 141e9),
}
#: Share of the peak that well-made training of transformers reaches.
UTILISATION = 0.35


@dataclass(frozen=True)
class Cost:
    """What a piece of work takes.

    Attributes:
        kept: bytes that autograd keeps for the backward pass.
        operations: floating-point operations, forwards and backwards.
    """

    kept: float
    operations: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.kept + other.kept, self.operations + other.operations)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.kept - other.kept, self.operations - other.operations)

    def __mul__(self, times: float) -> Cost:
        return Cost(self.kept * times, self.operations * times)


@dataclass(frozen=True)
class Plan:
    """A run's memory and work, of one process of several.

    Attributes:
        parameters: numbers of weights, by part.
        memory: bytes of a process, by part.
        operations: of a step, over all processes, with products in bfloat16.
        single: the same with products in float32.
        sound_seconds: seconds of sound in a step.
        steps: of the run.
        processes: that share it.
    """

    parameters: dict[str, int]
    memory: dict[str, float]
    operations: float
    single: float
    sound_seconds: float
    steps: int
    processes: int

    def lines(self, utilisation: float = UTILISATION) -> Iterator[str]:
        """The plan as text."""
        for name, count in self.parameters.items():
            yield f"{name}: {count / 1e6:,.1f} million weights"
        total = sum(self.memory.values())
        yield f"memory of each of {self.processes} processes: {total / GIGABYTE:,.2f} GB"
        for name, size in self.memory.items():
            yield f"  {name}: {size / GIGABYTE:,.2f} GB"
        hours = self.sound_seconds / 3600
        yield (
            f"a step: {hours:,.3g} hours of sound, {self.operations / 1e12:,.4g} tera-operations "
            f"in bfloat16 and {self.single / 1e12:,.4g} in float32; "
            f"{self.steps:,} steps: {hours * self.steps:,.3g} hours of sound"
        )
        yield (
            f"assumed: {utilisation:.0%} of the peak in bfloat16, half of it in float32 (TF32), "
            "data never waited for"
        )
        for machine, (peak, room) in MACHINES.items():
            work = self.operations + 2 * self.single
            seconds = work / (peak * utilisation * self.processes)
            days = seconds * self.steps / 86400
            fits = "fits" if total < 0.9 * room else "does not fit"
            yield (
                f"  {self.processes} x {machine}: {fits}; {seconds:,.3g} s a step, "
                f"{days:,.3g} days in all, {days * self.processes * 24:,.4g} machine hours"
            )


def parameter_count(module: nn.Module) -> int:
    """Number of weights."""
    return sum(parameter.numel() for parameter in module.parameters())


def training_state(parameters: int, processes: int = 1) -> dict[str, float]:
    """Bytes of float32 weights, gradients, AdamW's moments and running average, shared out."""
    share = 4 * parameters / processes
    return {
        "weights": share,
        "gradients": share,
        "moments": 2 * share,
        "running average": share,
    }


def measure(
    work: Callable[[], Tensor], weights: nn.Module, scores: tuple[tuple[int, int], ...] = ()
) -> Cost:
    """Count what one forward and backward pass takes.

    Args:
        work: computes a scalar on the meta device.
        weights: modules whose weights are not counted among what is kept.
        scores: last two dimensions of attention scores, which fused kernels do not keep.
    """
    own = {_storage(p) for p in weights.parameters()} | {_storage(b) for b in weights.buffers()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        key = _storage(tensor)
        is_score = tensor.ndim >= 3 and tuple(tensor.shape[-2:]) in scores
        if key not in own and not is_score:
            kept[key] = max(kept.get(key, 0), tensor.numel() * tensor.element_size())
        return tensor

    with FlopCounterMode(display=False) as counter:
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            result = work()
        result.backward()  # type: ignore[no-untyped-call]
    return Cost(float(sum(kept.values())), float(counter.get_total_flops()))


def count_operations(work: Callable[[], object]) -> float:
    """Count the operations of work without gradients."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())


@contextmanager
def narrow_products(module: nn.Module) -> Iterator[None]:
    """Products in bfloat16, as under autocast, which the meta device does not have."""
    narrowed = [m for m in module.modules() if isinstance(m, nn.Linear | nn.Conv1d)]

    def cast(layer: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:  # noqa: ARG001
        return tuple(part.to(torch.bfloat16) for part in given)

    handles = [layer.to(torch.bfloat16).register_forward_pre_hook(cast) for layer in narrowed]
    try:
        yield
    finally:
        for handle, layer in zip(handles, narrowed, strict=True):
            handle.remove()
            layer.float()


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
