"""Numbered tasks over the workers of a Ray cluster, each answered once.

These are Ray's actors, not Ray Data. Ray Data repeats the tasks of a worker that died without end,
or drops the rows that it held along with their siblings; here, the task that was running is given
up after three workers died of it, and the others are done.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, TypeVar

from soundsift.errors import SoundsiftError, one_line
from soundsift.ray_cluster import Cluster

T = TypeVar("T")
R = TypeVar("R")

_ATTEMPTS = 3
_KILLED = "its worker was killed, perhaps for lack of memory"
#: Tasks that a worker holds: while one runs, the next is there.
_AHEAD = 2
#: With stages around it, of which the next must be decoded before.
_AHEAD_OF_STAGES = 4
_TICK_SECONDS = 1.0
#: For which a cluster may be too full for any worker; some add machines meanwhile.
_ROOM_SECONDS = 600.0


@dataclass(frozen=True)
class Answer(Generic[R]):
    """What became of a task.

    Attributes:
        number: of the task.
        value: the answer; None if there is none.
        error: why there is none.
    """

    number: int
    value: R | None
    error: str | None = None


@dataclass(frozen=True)
class Stages:
    """What is done with a task. All of it is pickled, `compute` once for each worker.

    Attributes:
        compute: called in a worker, which keeps it: it may load a model when it is first called.
        before: called with the task, on any free processor of the cluster, while the worker
            computes another; `compute` gets its answer. None: nothing is done before.
        after: the same with the answer of `compute`.
    """

    compute: Callable[[Any], Any]
    before: Callable[[Any], Any] | None = None
    after: Callable[[Any], Any] | None = None


def ray_answers(
    cluster: Cluster, stages: Stages, tasks: Iterable[tuple[int, T]]
) -> Iterator[Answer[Any]]:
    """Do tasks on a cluster.

    A worker that dies is replaced. The task that it was doing is repeated, and given up after the
    third time; those that waited there go elsewhere.

    Args:
        cluster: the cluster.
        stages: what is done with a task.
        tasks: numbers and tasks, taken when a worker is free.

    Yields:
        The answers, in the order in which they come.

    Raises:
        SoundsiftError: `compute` raised one, or no worker can live.
    """
    pool = _Pool(cluster, stages)
    try:
        yield from pool.answers(iter(tasks))
    finally:
        pool.close()


class _Worker:
    """An actor; Ray makes it in a process of its own."""

    def __init__(self, compute: Callable[[Any], Any], threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self._compute = compute

    def ready(self) -> None:
        """Answer as soon as the process is there."""

    def do(self, task: Any) -> Any:
        return self._compute(task)


@dataclass
class _Task:
    number: int
    content: Any
    attempts: int = 0


@dataclass
class _Hand:
    """A worker as its pool sees it.

    Attributes:
        actor: Ray's handle.
        starting: the answer of `ready`, until it is there.
        calls: tasks that it holds, by the references of their answers, in order.
    """

    actor: Any
    starting: Any | None
    calls: dict[Any, _Task] = field(default_factory=dict)


class _Pool:
    def __init__(self, cluster: Cluster, stages: Stages) -> None:
        self._cluster, self._ray = cluster, cluster.ray
        self._apart = stages.before is not None or stages.after is not None
        self._ahead = _AHEAD_OF_STAGES if self._apart else _AHEAD
        self._hands: list[_Hand] = []
        self._waiting: deque[_Task] = deque()
        #: Workers that died since the last answer.
        self._deaths = 0
        #: When a worker was last there.
        self._roomless = time.monotonic()
        self._compute = self._ray.put(stages.compute)
        self._before, self._after = self._stage(stages.before), self._stage(stages.after)
        # Those that stages are apart for compute elsewhere, and leave the processors to these.
        processors = 0 if cluster.gpus or self._apart else 1
        self._actor = self._ray.remote(
            num_cpus=processors, num_gpus=cluster.gpus, max_restarts=0, max_task_retries=0
        )(_Worker)

    def answers(self, tasks: Iterator[tuple[int, Any]]) -> Iterator[Answer[Any]]:
        while True:
            self._hand_out(tasks)
            self._hire(tasks)
            awaited = {ref: hand for hand in self._hands for ref in self._references(hand)}
            if not awaited:
                return
            ready, _ = self._ray.wait(list(awaited), num_returns=1, timeout=_TICK_SECONDS)
            if not ready:
                self._check_room()
            for ref in ready:
                yield from self._received(awaited[ref], ref)

    def close(self) -> None:
        for hand in self._hands:
            self._ray.kill(hand.actor)

    def _stage(self, function: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
        """A stage on any free processor: references in, references out."""
        if function is None:
            return None
        kept, call = self._ray.put(function), self._ray.remote(num_cpus=1)(_call)
        return lambda reference: call.remote(kept, reference)

    def _references(self, hand: _Hand) -> list[Any]:
        return list(hand.calls) if hand.starting is None else [hand.starting]

    def _hire(self, tasks: Iterator[tuple[int, Any]]) -> None:
        """Start workers, no more than there are tasks for them."""
        starting = self._starting()
        missing = self._cluster.workers - len(self._hands)
        if missing and missing + starting > len(self._waiting):
            new = islice(tasks, missing + starting - len(self._waiting))
            self._waiting.extend(_Task(number, content) for number, content in new)
        for _ in range(min(missing, len(self._waiting) - starting)):
            actor = self._actor.remote(self._compute, self._cluster.threads)
            self._hands.append(_Hand(actor, actor.ready.remote()))

    def _starting(self) -> int:
        return sum(hand.starting is not None for hand in self._hands)

    def _hand_out(self, tasks: Iterator[tuple[int, Any]]) -> None:
        while free := [
            hand for hand in self._hands if hand.starting is None and len(hand.calls) < self._ahead
        ]:
            hand = min(free, key=lambda one: len(one.calls))
            # What a starting worker can begin at once, a busy one leaves to it.
            if len(self._waiting) > (self._starting() if hand.calls else 0):
                task = self._waiting.popleft()
            else:
                found = next(tasks, None)
                if found is None:
                    return
                task = _Task(*found)
            given = task.content if self._before is None else self._before(task.content)
            answer = hand.actor.do.remote(given)
            hand.calls[answer if self._after is None else self._after(answer)] = task

    def _check_room(self) -> None:
        if any(hand.starting is None for hand in self._hands):
            self._roomless = time.monotonic()
        elif time.monotonic() > self._roomless + _ROOM_SECONDS:
            raise SoundsiftError(
                "The cluster has had no room for a worker for ten minutes. Wait for its other "
                "jobs, or add a machine."
            )

    def _received(self, hand: _Hand, ref: Any) -> Iterator[Answer[Any]]:
        if hand not in self._hands:
            return  # It died, and its tasks are elsewhere.
        try:
            value = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            yield from self._failed(hand, ref, error)
            return
        if ref is hand.starting:
            hand.starting = None
        else:
            self._deaths = 0
            yield Answer(hand.calls.pop(ref).number, value)

    def _failed(self, hand: _Hand, ref: Any, error: Exception) -> Iterator[Answer[Any]]:
        cause = getattr(error, "cause", None)
        if isinstance(cause, SoundsiftError):
            raise SoundsiftError(str(cause)) from error
        exceptions = self._ray.exceptions
        if not isinstance(error, exceptions.RayActorError) and not isinstance(
            cause, exceptions.RayActorError
        ):
            yield from self._again(hand.calls.pop(ref), one_line(cause or error))
            return
        self._hands.remove(hand)
        self._ray.kill(hand.actor)
        self._deaths += 1
        if self._deaths > _ATTEMPTS * (self._cluster.workers + 1):
            raise SoundsiftError(
                "The workers end before they answer, perhaps for lack of memory. Use fewer "
                f"--workers. The last one: {one_line(error, 400)}"
            )
        yield from self._rescued(hand)

    def _rescued(self, hand: _Hand) -> Iterator[Answer[Any]]:
        """What a dead worker held: answers that came through, and tasks for others."""
        untouched: list[_Task] = []
        suspected = False
        for ref, task in hand.calls.items():
            try:
                yield Answer(task.number, self._ray.get(ref))
            except self._ray.exceptions.RayError:
                if suspected:
                    untouched.append(task)
                else:
                    # Tasks run in order: this one was running.
                    suspected = True
                    yield from self._again(task, _KILLED)
        self._waiting.extendleft(reversed(untouched))

    def _again(self, task: _Task, why: str) -> Iterator[Answer[Any]]:
        task.attempts += 1
        if task.attempts < _ATTEMPTS:
            self._waiting.append(task)
        else:
            yield Answer(task.number, None, f"given up after {_ATTEMPTS} attempts: {why}")


def _call(function: Callable[[Any], Any], given: Any) -> Any:
    return function(given)
