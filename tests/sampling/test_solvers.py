"""Solvers on fields whose integral is known in closed form."""

import math
from itertools import pairwise
from typing import get_args

import pytest
import torch
from torch import Tensor

from soundsift.sampling.flow import velocity_from_data
from soundsift.sampling.solvers import Solver, evaluations, solve

SOLVERS: tuple[Solver, ...] = get_args(Solver)
ORDERS = {"euler": 1, "midpoint": 2, "heun": 2, "adams-bashforth": 2}


def growth(x: Tensor, time: Tensor) -> Tensor:
    """From x(0) = 1 this leads to exp(sin(3)) at t = 1."""
    return 3 * torch.cos(3 * time) * x


class Gaussian:
    """Data of mean 2 and deviation 0.5: the best prediction, and where it leads, are known.

    Noise x goes to mean + deviation * x.
    """

    mean, deviation = 2.0, 0.5

    def __init__(self) -> None:
        self.latest = 0.0

    def data(self, x: Tensor, time: Tensor) -> Tensor:
        variance = (time * self.deviation) ** 2 + (1 - time) ** 2
        return self.mean + time * self.deviation**2 / variance * (x - time * self.mean)

    def __call__(self, x: Tensor, time: Tensor) -> Tensor:
        self.latest = max(self.latest, time.item())
        return velocity_from_data(self.data(x, time), x, time, sigma_min=0.0)


def slopes(errors: list[float]) -> list[float]:
    return [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]


@pytest.mark.parametrize("solver", SOLVERS)
def test_order_of_convergence(solver: Solver) -> None:
    start = torch.ones(1).double()
    errors = [
        abs(solve(growth, start, steps, solver).item() - math.exp(math.sin(3)))
        for steps in (320, 640, 1280)
    ]
    assert slopes(errors) == pytest.approx([ORDERS[solver]] * 2, abs=0.1)


@pytest.mark.parametrize("solver", SOLVERS)
def test_order_on_uneven_times(solver: Solver) -> None:
    start = torch.ones(1).double()
    errors = []
    for steps in (320, 640, 1280):
        times = torch.linspace(0, 1, steps + 1).double() ** 1.5
        end = solve(growth, start, steps, solver, times=times)
        errors.append(abs(end.item() - math.exp(math.sin(3))))
    assert slopes(errors) == pytest.approx([ORDERS[solver]] * 2, abs=0.1)


@pytest.mark.parametrize("solver", SOLVERS)
def test_data_prediction_up_to_the_end(solver: Solver) -> None:
    torch.manual_seed(0)
    noise = torch.randn(4, 3).double()
    expected = Gaussian.mean + Gaussian.deviation * noise
    errors = []
    for steps in (80, 160, 320):
        field = Gaussian()
        errors.append(float((solve(field, noise, steps, solver) - expected).abs().max()))
        assert field.latest < 1
    # At least: midpoint gains an order on this field.
    assert min(slopes(errors)) > ORDERS[solver] - 0.25


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("steps", [1, 3])
def test_straight_lines_are_exact(solver: Solver, steps: int) -> None:
    noise, data = torch.randn(2, 5), torch.randn(2, 5)
    torch.testing.assert_close(solve(lambda x, t: data - noise, noise, steps, solver), data)

    def towards_data(x: Tensor, time: Tensor) -> Tensor:
        return velocity_from_data(data, x, time, sigma_min=0.0)

    torch.testing.assert_close(solve(towards_data, noise, steps, solver), data)


@pytest.mark.parametrize("solver", SOLVERS)
def test_evaluations_and_callback(solver: Solver) -> None:
    calls: list[Tensor] = []
    done: list[int] = []

    def field(x: Tensor, time: Tensor) -> Tensor:
        calls.append(time)
        return x

    solve(field, torch.ones(2).bfloat16(), 5, solver, callback=lambda step, x: done.append(step))
    assert len(calls) == evaluations(solver, 5)
    assert all(time.ndim == 0 and time.dtype == torch.float32 for time in calls)
    assert done == [1, 2, 3, 4, 5]


def test_heun_is_whole_when_it_stops_short_of_one() -> None:
    calls: list[float] = []

    def field(x: Tensor, time: Tensor) -> Tensor:
        calls.append(time.item())
        return x

    solve(field, torch.ones(1), 1, "heun", times=torch.tensor([0.0, 0.5]))
    assert calls == [0.0, 0.5]


def test_refusals() -> None:
    x = torch.zeros(1)
    with pytest.raises(ValueError, match="at least 1"):
        solve(growth, x, 0)
    with pytest.raises(ValueError, match="unknown solver 'rk4'"):
        solve(growth, x, 1, "rk4")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="3 rising numbers"):
        solve(growth, x, 2, times=torch.tensor([0.0, 1.0]))
    with pytest.raises(ValueError, match="rising"):
        solve(growth, x, 2, times=torch.tensor([0.0, 0.5, 0.5]))
