"""Fixed-step solvers for the flow from noise (t = 0) to data (t = 1).

| solver | order | evaluations for n steps |
|---|---|---|
| `euler` | 1 | n |
| `midpoint` (arXiv 2512.18099: 16 steps) | 2 | 2 n |
| `heun` | 2 | 2 n, or 2 n - 1 up to t = 1 |
| `adams-bashforth` (two steps) | 2 | n |

No solver evaluates a field at t = 1, where a network that predicts data gives no usable velocity.
Heun's method would: its last step up to t = 1 is Euler's, which costs no order (arXiv 2206.00364).
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

Field = Callable[[Tensor, Tensor], Tensor]
"""`(x, t)` to the velocity at x, of the shape of x; t is a tensor with a single number."""

Solver = Literal["euler", "midpoint", "heun", "adams-bashforth"]


@dataclass(frozen=True)
class _Past:
    """What a multistep method remembers of the step before."""

    velocity: Tensor
    length: float


def solve(
    field: Field,
    noise: Tensor,
    steps: int,
    solver: Solver = "midpoint",
    times: Tensor | None = None,
    callback: Callable[[int, Tensor], None] | None = None,
) -> Tensor:
    """Follow a field.

    Args:
        field: The velocity at a point and time. Times come as float32 (float64 if the noise is).
        noise: Where to start, of any shape.
        steps: Number of steps, at least 1.
        solver: The method; see the table above for what a step costs.
        times: `(steps + 1,)`, rising, where steps begin and end; evenly from 0 to 1 unless given.
        callback: Called after each step with the number of steps done and the point reached.

    Returns:
        The point reached, of the shape of `noise`.

    Raises:
        ValueError: If `steps` is below 1, `solver` is not known, or `times` has another length or
            does not rise.
    """
    if solver not in _STEPS:
        raise ValueError(f"unknown solver {solver!r}, expected one of {', '.join(_STEPS)}")
    step = _STEPS[solver]
    x, past = noise, None
    grid = _grid(steps, times)
    dtype = torch.promote_types(noise.dtype, torch.float32)

    def evaluate(x: Tensor, time: float) -> Tensor:
        return field(x, torch.tensor(time, dtype=dtype, device=noise.device))

    for done, (start, end) in enumerate(pairwise(grid), start=1):
        x, past = step(evaluate, x, start, end, past)
        if callback is not None:
            callback(done, x)
    return x


def evaluations(solver: Solver, steps: int) -> int:
    """Number of times that `solve` evaluates the field from t = 0 to t = 1.

    Args:
        solver: The method.
        steps: Number of steps.

    Returns:
        The number of evaluations.
    """
    return {"midpoint": 2 * steps, "heun": 2 * steps - 1}.get(solver, steps)


def _grid(steps: int, times: Tensor | None) -> list[float]:
    if steps < 1:
        raise ValueError(f"steps is {steps}, expected at least 1")
    if times is None:
        return [step / steps for step in range(steps + 1)]
    grid: list[float] = times.tolist()
    if len(grid) != steps + 1 or any(a >= b for a, b in pairwise(grid)):
        raise ValueError(f"times must be {steps + 1} rising numbers for {steps} steps, got {grid}")
    return grid


# A field whose time is a plain number.
_Evaluate = Callable[[Tensor, float], Tensor]


def _euler(
    field: _Evaluate, x: Tensor, start: float, end: float, _past: _Past | None
) -> tuple[Tensor, _Past]:
    velocity = field(x, start)
    return x + (end - start) * velocity, _Past(velocity, end - start)


def _midpoint(
    field: _Evaluate, x: Tensor, start: float, end: float, _past: _Past | None
) -> tuple[Tensor, _Past]:
    half = (end - start) / 2
    velocity = field(x + half * field(x, start), start + half)
    return x + (end - start) * velocity, _Past(velocity, end - start)


def _heun(
    field: _Evaluate, x: Tensor, start: float, end: float, past: _Past | None
) -> tuple[Tensor, _Past]:
    if end >= 1:
        return _euler(field, x, start, end, past)
    first = field(x, start)
    velocity = (first + field(x + (end - start) * first, end)) / 2
    return x + (end - start) * velocity, _Past(velocity, end - start)


def _adams_bashforth(
    field: _Evaluate, x: Tensor, start: float, end: float, past: _Past | None
) -> tuple[Tensor, _Past]:
    if past is None:
        return _euler(field, x, start, end, past)
    velocity, length = field(x, start), end - start
    # The line through this velocity and the one before, at the step's middle; steps may differ.
    middle = velocity + length / (2 * past.length) * (velocity - past.velocity)
    return x + length * middle, _Past(velocity, length)


_Step = Callable[[_Evaluate, Tensor, float, float, _Past | None], tuple[Tensor, _Past]]
_STEPS: dict[str, _Step] = {
    "euler": _euler,
    "midpoint": _midpoint,
    "heun": _heun,
    "adams-bashforth": _adams_bashforth,
}
