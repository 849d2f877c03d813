"""Evaluations that integrate each other along a recording, against whole recordings at once."""

from collections.abc import Iterator
from typing import get_args

import pytest
import torch
from torch import Tensor

from soundsift.sampling.multidiffusion import WindowGroup, group_windows, integrate
from soundsift.sampling.solvers import Solver, schedule, solve
from soundsift.sampling.windows import Window, WindowLayout

ITEMS, CHANNELS = 2, 3


def window_field(noisy: Tensor, time: Tensor, starts: Tensor) -> Tensor:
    """Nonlinear, and every frame depends on all frames of its window and on which window it is."""
    where = starts.repeat_interleave(ITEMS)[:, None, None]
    return torch.tanh(noisy.mean(dim=1, keepdim=True) + noisy * (1 + time) + 0.01 * where)


def starts_of(windows: tuple[Window, ...]) -> Tensor:
    return torch.tensor([float(w.start) for w in windows])


def groups_of(layout: WindowLayout, frames: int, at_a_time: int) -> Iterator[WindowGroup[Tensor]]:
    windows = layout.windows(lambda wanted: min(wanted, frames))
    return group_windows(windows, starts_of, at_a_time)


def noise_pieces(noise: Tensor, length: int) -> Iterator[Tensor]:
    yield from noise.split(length, dim=1)
    while True:
        yield torch.zeros(ITEMS, length, CHANNELS)


def all_at_once(layout: WindowLayout, noise: Tensor, steps: int, solver: Solver) -> Tensor:
    windows = list(layout.windows(lambda wanted: min(wanted, noise.shape[1])))

    def fused(x: Tensor, time: Tensor) -> Tensor:
        total, weights = torch.zeros_like(x), torch.zeros(x.shape[1], 1)
        for window in windows:
            part = slice(window.start, window.end)
            answer = window_field(x[:, part], time, starts_of((window,)))
            weight = window.weights()[:, None]
            total[:, part] += answer * weight
            weights[part] += weight
        return total / weights

    return solve(fused, noise, steps, solver)


@pytest.mark.parametrize("solver", get_args(Solver))
@pytest.mark.parametrize("at_a_time", [1, 3])
@pytest.mark.parametrize(
    "layout",
    [
        WindowLayout.overlapping(20, 5),
        WindowLayout.overlapping(20, 14),
        WindowLayout.trailing(20, 4, 3, 2),
    ],
    ids=["overlapping", "half and more", "trailing"],
)
@pytest.mark.parametrize("frames", [7, 20, 131])
def test_piece_by_piece_is_all_at_once(
    solver: Solver, at_a_time: int, layout: WindowLayout, frames: int
) -> None:
    noise = torch.randn(ITEMS, frames, CHANNELS, generator=torch.Generator().manual_seed(0))
    pieces = integrate(
        schedule(3, solver),
        groups_of(layout, frames, at_a_time),
        noise_pieces(noise, 17),
        window_field,
    )
    torch.testing.assert_close(
        torch.cat(list(pieces), dim=1), all_at_once(layout, noise, 3, solver)
    )


def test_nothing_is_as_long_as_the_recording() -> None:
    frames, read = 100_000, 0

    def known(wanted: int) -> int:
        nonlocal read
        read = max(read, min(wanted, frames))
        return read

    layout = WindowLayout.overlapping(20, 5)
    groups = group_windows(layout.windows(known), starts_of, 2)
    endless = noise_pieces(torch.zeros(ITEMS, 1, CHANNELS), 50)
    result = integrate(schedule(4, "midpoint"), groups, endless, window_field)
    given = 0
    for _ in range(10):
        given += next(result).shape[1]
        assert read - given < 8 * 2 * 30, "evaluations run far ahead of each other"


def test_groups_hold_windows_of_one_length() -> None:
    groups = list(groups_of(WindowLayout.trailing(20, 4, 3, 2), 61, 3))
    for group in groups:
        assert len({window.length for window in group.windows}) == 1
        assert 1 <= len(group.windows) <= 3
    assert groups[-1].settled == 61
    assert sum(len(group.windows) for group in groups) == WindowLayout.trailing(20, 4, 3, 2).count(
        61
    )
