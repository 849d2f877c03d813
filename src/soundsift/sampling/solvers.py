"""Fixed-step solvers for the flow from noise (t = 0) to data (t = 1).

| solver | order | evaluations for n steps |
|---|---|---|
| `euler` | 1 | n |
| `midpoint` (arXiv 2512.18099: 16 steps) | 2 | 2 n |
| `heun` | 2 | 2 n, or 2 n - 1 up to t = 1 |
| `adams-bashforth` (two steps) | 2 | n |

No solver evaluates a field at t = 1, where a network that predicts data gives no usable velocity.
Heun's method would: its last step up to t = 1 is Euler's, which costs no order (arXiv 2206.00364).

A solver is a list of evaluations, each with what follows from it. That acts on every frame by
itself, so a long recording can go through it piece by piece (`soundsift.sampling.multidiffusion`).
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

State = tuple[Tensor, ...]
"""Where the field is evaluated next, then what the method remembers; all of one shape."""


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of the field, and the state that follows from it.

    Attributes:
        time: When the field is evaluated.
        advance: From the state before, and the velocity at its first tensor, to the state after.
        ends_step: Whether a step ends here.
    """

    time: float
    advance: Callable[[State, Tensor], State]
    ends_step: bool = True


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
    dtype = torch.promote_types(noise.dtype, torch.float32)
    state: State = (noise,)
    done = 0
    for evaluation in schedule(steps, solver, times):
        time = torch.tensor(evaluation.time, dtype=dtype, device=noise.device)
        state = evaluation.advance(state, field(state[0], time))
        if evaluation.ends_step:
            done += 1
            if callback is not None:
                callback(done, state[0])
    return state[0]


def schedule(
    steps: int, solver: Solver = "midpoint", times: Tensor | None = None
) -> list[Evaluation]:
    """The evaluations that a solver makes, in order.

    Args:
        steps: Number of steps, at least 1.
        solver: The method.
        times: `(steps + 1,)`, rising, where steps begin and end; evenly from 0 to 1 unless given.

    Returns:
        Evaluations; the first takes the state `(noise,)`, the last gives `(data,)`.

    Raises:
        ValueError: If `steps` is below 1, `solver` is not known, or `times` has another length or
            does not rise.
    """
    if solver not in _SCHEDULES:
        raise ValueError(f"unknown solver {solver!r}, expected one of {', '.join(_SCHEDULES)}")
    return _SCHEDULES[solver](_grid(steps, times))


def evaluations(solver: Solver, steps: int) -> int:
    """Number of times that `solve` evaluates the field from t = 0 to t = 1.

    Args:
        solver: The method.
        steps: Number of steps.

    Returns:
        The number of evaluations.
    """
    return len(schedule(steps, solver))


def _grid(steps: int, times: Tensor | None) -> list[float]:
    if steps < 1:
        raise ValueError(f"steps is {steps}, expected at least 1")
    if times is None:
        return [step / steps for step in range(steps + 1)]
    grid: list[float] = times.tolist()
    if len(grid) != steps + 1 or any(a >= b for a, b in pairwise(grid)):
        raise ValueError(f"times must be {steps + 1} rising numbers for {steps} steps, got {grid}")
    return grid


def _euler(grid: list[float]) -> list[Evaluation]:
    return [_euler_step(start, end - start) for start, end in pairwise(grid)]


def _euler_step(start: float, length: float) -> Evaluation:
    return Evaluation(start, lambda state, velocity: (state[0] + length * velocity,))


def _midpoint(grid: list[float]) -> list[Evaluation]:
    def step(start: float, length: float) -> list[Evaluation]:
        half = length / 2
        return [
            Evaluation(start, lambda x, velocity: (x[0] + half * velocity, x[0]), False),
            Evaluation(start + half, lambda x, velocity: (x[1] + length * velocity,)),
        ]

    return [part for start, end in pairwise(grid) for part in step(start, end - start)]


def _heun(grid: list[float]) -> list[Evaluation]:
    def step(start: float, end: float) -> list[Evaluation]:
        length = end - start
        if end >= 1:
            return [_euler_step(start, length)]
        return [
            Evaluation(start, lambda x, v: (x[0] + length * v, x[0], v), False),
            Evaluation(end, lambda x, v: (x[1] + length * ((x[2] + v) / 2),)),
        ]

    return [part for start, end in pairwise(grid) for part in step(start, end)]


def _adams_bashforth(grid: list[float]) -> list[Evaluation]:
    def step(start: float, length: float, before: float | None, last: bool) -> Evaluation:
        def advance(state: State, velocity: Tensor) -> State:
            middle = velocity
            if before is not None:
                # The line through this velocity and the one before, at the step's middle; steps may
                # differ in length.
                middle = velocity + length / (2 * before) * (velocity - state[1])
            x = state[0] + length * middle
            return (x,) if last else (x, velocity)

        return Evaluation(start, advance)

    lengths = [end - start for start, end in pairwise(grid)]
    return [
        step(start, length, before, last=i == len(lengths) - 1)
        for i, (start, length, before) in enumerate(
            zip(grid, lengths, [None, *lengths], strict=False)
        )
    ]


_SCHEDULES: dict[str, Callable[[list[float]], list[Evaluation]]] = {
    "euler": _euler,
    "midpoint": _midpoint,
    "heun": _heun,
    "adams-bashforth": _adams_bashforth,
}
