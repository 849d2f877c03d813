"""Multi-diffusion over recordings of any length, in bounded memory.

After arXiv 2302.08113 and arXiv 2512.18099, section 3: there is one noise and one trajectory for
the whole recording. At every evaluation each window is asked for its velocity, and where windows
overlap their answers are averaged.

What a solver does with a velocity concerns each frame by itself. So an evaluation of some frames
needs no more of the one before than the windows that contain them, and the evaluations can follow
each other along the recording, each a few windows behind the last. Every one is a generator that
takes the states of its predecessor and yields its own; nothing is as long as the recording. The
result is the same as if each had finished before the next began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from soundsift.separation.sharing import shared
from soundsift.separation.track import Track
from soundsift.separation.windows import Window
from soundsift.solvers import Evaluation

Known = TypeVar("Known")
"""What is known of some windows: mixture and prompt, prepared for the network."""

#: (noisy `(windows * items, frames, channels)`, time, what is known of the windows) -> the
#: velocity, of the shape of noisy.
WindowField = Callable[[Tensor, Tensor, Known], Tensor]


@dataclass(frozen=True)
class Group(Generic[Known]):
    """Windows of one length that go through the network together.

    Attributes:
        windows: in order.
        known: what the field is told about them.
        settled: frames before this one are in no later window.
    """

    windows: tuple[Window, ...]
    known: Known
    settled: int


def group_windows(
    windows: Iterator[Window],
    prepare: Callable[[tuple[Window, ...]], Known],
    at_a_time: int,
) -> Iterator[Group[Known]]:
    """Put windows that follow each other and are of one length into groups.

    Args:
        windows: in order.
        prepare: what is known of them.
        at_a_time: the most windows in a group, which bounds the memory.
    """
    held: list[Window] = []

    def group(settled: int) -> Group[Known]:
        return Group(tuple(held), prepare(tuple(held)), settled)

    for window in windows:
        if held and (len(held) == at_a_time or window.length != held[-1].length):
            yield group(window.first)
            held = []
        held.append(window)
        if window.settled is not None:
            yield group(window.settled)
            held = []
    if held:
        yield group(held[-1].end)


def follow(
    evaluations: Iterable[Evaluation],
    groups: Iterator[Group[Known]],
    noise: Iterator[Tensor],
    field: WindowField[Known],
) -> Iterator[Tensor]:
    """Follow a field over a recording.

    Args:
        evaluations: the solver's, from `soundsift.solvers.schedule`.
        groups: the recording's windows.
        noise: where to start, in pieces `(items, frames, channels)`; at least as long as the
            recording.
        field: the velocity of a group's windows.

    Yields:
        What the solver arrives at, in pieces `(items, frames, channels)`, in order.
    """
    stages = list(evaluations)
    # Kept from the first stage that needs a group to the last, and no longer.
    copies = shared(groups, len(stages))
    states: Iterator[Tensor] = (piece[None] for piece in noise)
    for evaluation, own in zip(stages, copies, strict=True):
        states = _evaluate(evaluation, own, states, field)
    return (state[0] for state in states)


def _evaluate(
    evaluation: Evaluation,
    groups: Iterator[Group[Known]],
    states: Iterator[Tensor],
    field: WindowField[Known],
) -> Iterator[Tensor]:
    """One evaluation along the recording; states are `(parts, items, frames, channels)`."""
    before = Track(states, dim=2)
    answers, weights = None, None  # summed from frame `done` on
    done = 0
    for group in groups:
        end = group.windows[-1].end
        noisy = torch.cat([before.part(w.start, w.end)[0] for w in group.windows])
        time = torch.tensor(evaluation.time, dtype=torch.float32, device=noisy.device)
        velocities = field(noisy, time, group.known)
        velocities = velocities.reshape(len(group.windows), -1, *velocities.shape[1:])
        answers = _grown(answers, end - done, velocities[0])
        weights = _grown(weights, end - done, velocities[0, :1, :, :1])
        for window, velocity in zip(group.windows, velocities, strict=True):
            weight = window.weights(noisy.device)[:, None]
            place = slice(max(window.start, done) - done, window.end - done)
            skipped = max(0, done - window.start)
            answers[:, place] += (velocity * weight)[:, skipped:]
            weights[:, place] += weight[skipped:]
        count = group.settled - done
        state = tuple(before.part(done, group.settled))
        yield torch.stack(evaluation.advance(state, answers[:, :count] / weights[:, :count]))
        answers, weights = answers[:, count:].clone(), weights[:, count:].clone()
        done = group.settled
        before.forget(min(done, group.windows[-1].start))


def _grown(sums: Tensor | None, frames: int, like: Tensor) -> Tensor:
    """Sums `(items, frames, channels)`, continued with zeros to so many frames."""
    held = 0 if sums is None else sums.shape[1]
    more = like.new_zeros(like.shape[0], frames - held, like.shape[2])
    return more if sums is None else torch.cat((sums, more), dim=1)
