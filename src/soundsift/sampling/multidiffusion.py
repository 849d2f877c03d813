"""Multi-diffusion over recordings of any length, in bounded memory.

After arXiv 2302.08113 and arXiv 2512.18099, section 3: a recording has one noise and one
trajectory. At every evaluation of the velocity field each window gives its velocity, and where
windows overlap their velocities are averaged with the windows' weights.

What a solver does with a velocity acts on each frame by itself. An evaluation of some frames
therefore needs the evaluation before only in the windows that contain them, and the evaluations can
follow each other along the recording, each a few windows behind the one before. Every evaluation is
a generator that takes the states of its predecessor and yields its own. Nothing is as long as the
recording, and the result equals that of finishing each evaluation everywhere before the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from soundsift.sampling.buffers import SlidingBuffer, bounded_tee
from soundsift.sampling.solvers import Evaluation
from soundsift.sampling.windows import Window

Prepared = TypeVar("Prepared")
"""The conditioning of a group of windows, prepared for the network."""

#: (noisy `(windows * items, frames, channels)`, time, conditioning of the windows) -> the
#: velocity, of the shape of noisy.
WindowField = Callable[[Tensor, Tensor, Prepared], Tensor]


@dataclass(frozen=True)
class WindowGroup(Generic[Prepared]):
    """Windows of one length that are evaluated together.

    Attributes:
        windows: in order.
        prepared: their conditioning.
        settled: frames before this one are in no later window.
    """

    windows: tuple[Window, ...]
    prepared: Prepared
    settled: int


def group_windows(
    windows: Iterator[Window],
    prepare: Callable[[tuple[Window, ...]], Prepared],
    most: int,
) -> Iterator[WindowGroup[Prepared]]:
    """Group consecutive windows of one length.

    Args:
        windows: in order.
        prepare: makes the conditioning of a group.
        most: windows in a group at most, which bounds the memory.
    """
    held: list[Window] = []

    def group(settled: int) -> WindowGroup[Prepared]:
        return WindowGroup(tuple(held), prepare(tuple(held)), settled)

    for window in windows:
        if held and (len(held) == most or window.length != held[-1].length):
            yield group(window.used_start)
            held = []
        held.append(window)
        if window.settled is not None:
            yield group(window.settled)
            held = []
    if held:
        yield group(held[-1].end)


def integrate(
    evaluations: Iterable[Evaluation],
    groups: Iterator[WindowGroup[Prepared]],
    noise: Iterator[Tensor],
    field: WindowField[Prepared],
) -> Iterator[Tensor]:
    """Integrate a field over a recording, fusing the windows at every evaluation.

    Args:
        evaluations: the solver's, from `soundsift.sampling.solvers.schedule`.
        groups: the recording's windows.
        noise: the initial state in pieces `(items, frames, channels)`, at least as long as the
            recording.
        field: the velocity in a group's windows.

    Yields:
        The final state in pieces `(items, frames, channels)`, in order.
    """
    stages = list(evaluations)
    # A group is kept from the first stage that needs it to the last.
    copies = bounded_tee(groups, len(stages))
    states: Iterator[Tensor] = (piece[None] for piece in noise)
    for evaluation, own in zip(stages, copies, strict=True):
        states = _evaluate(evaluation, own, states, field)
    return (state[0] for state in states)


def _evaluate(
    evaluation: Evaluation,
    groups: Iterator[WindowGroup[Prepared]],
    states: Iterator[Tensor],
    field: WindowField[Prepared],
) -> Iterator[Tensor]:
    """One evaluation along the recording; states are `(parts, items, frames, channels)`."""
    before = SlidingBuffer(states, dim=2)
    sums, weights = None, None  # of velocities and window weights, from frame `done` on
    done = 0
    for group in groups:
        end = group.windows[-1].end
        noisy = torch.cat([before.read(w.start, w.end)[0] for w in group.windows])
        time = torch.tensor(evaluation.time, dtype=torch.float32, device=noisy.device)
        velocities = field(noisy, time, group.prepared)
        velocities = velocities.reshape(len(group.windows), -1, *velocities.shape[1:])
        sums = _grown(sums, end - done, velocities[0])
        weights = _grown(weights, end - done, velocities[0, :1, :, :1])
        for window, velocity in zip(group.windows, velocities, strict=True):
            weight = window.weights(noisy.device)[:, None]
            place = slice(max(window.start, done) - done, window.end - done)
            skipped = max(0, done - window.start)
            sums[:, place] += (velocity * weight)[:, skipped:]
            weights[:, place] += weight[skipped:]
        count = group.settled - done
        state = tuple(before.read(done, group.settled))
        yield torch.stack(evaluation.advance(state, sums[:, :count] / weights[:, :count]))
        sums, weights = sums[:, count:].clone(), weights[:, count:].clone()
        done = group.settled
        before.discard(min(done, group.windows[-1].start))


def _grown(sums: Tensor | None, frames: int, like: Tensor) -> Tensor:
    """Sums `(items, frames, channels)`, extended with zeros to so many frames."""
    held = 0 if sums is None else sums.shape[1]
    more = like.new_zeros(like.shape[0], frames - held, like.shape[2])
    return more if sums is None else torch.cat((sums, more), dim=1)
