"""Passes done one after the other, or by several processes at once."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from soundsift.audio.leftovers import clear_leftovers
from soundsift.batch.planner import RecordingJob
from soundsift.batch.runner import Outcome, failed, work
from soundsift.batch.worker import do, start
from soundsift.signals import ended_like_interrupted

if TYPE_CHECKING:
    from soundsift.separation.separator import Separator

#: Called with a pass and the fraction of it that is done.
Progress = Callable[[RecordingJob, float], None]

_TICK_SECONDS = 0.2
_PATIENCE_SECONDS = 10.0


def run(passes: Sequence[RecordingJob], workers: int, progress: Progress) -> Iterator[Outcome]:
    """Do passes, the model loaded once per process.

    Results are the same whatever the number of processes. An interruption leaves no partial file.

    Args:
        passes: all with the same model.
        workers: processes; with one, everything is done in this one.
        progress: told how far each pass is.

    Yields:
        What became of each job, in the order in which they end.

    Raises:
        SoundsiftError: the model can't be loaded.
    """
    with ended_like_interrupted():
        try:
            if min(workers, len(passes)) <= 1:
                yield from _here(passes, progress)
            else:
                yield from _beside(passes, min(workers, len(passes)), progress)
        except BaseException:
            # An interruption may also come while what it leaves is being removed.
            for folder in {job.out for one in passes for job in one.jobs}:
                clear_leftovers(folder)
            raise


def processors() -> int:
    """Processors that this process may use."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _here(passes: Sequence[RecordingJob], progress: Progress) -> Iterator[Outcome]:
    import soundsift

    loaded: list[Separator] = []

    def load() -> Separator:
        if not loaded:
            first = passes[0].jobs[0]
            loaded.append(soundsift.load(first.model, first.device, first.precision))
        return loaded[0]

    for one in passes:
        progress(one, 0.0)
        found = work(one, load, lambda fraction, one=one: progress(one, fraction))  # type: ignore[misc]
        progress(one, 1.0)
        yield from found


def _beside(passes: Sequence[RecordingJob], workers: int, progress: Progress) -> Iterator[Outcome]:
    threads = max(1, processors() // workers)
    with _threads_of_processes(threads):
        left = list(passes)
        while left:
            begun, left = yield from _until_killed(left, min(workers, len(left)), threads, progress)
            if left and not begun:
                # Where nothing could be begun, nothing will be with another pool.
                begun, left = left, []
            elif len(begun) > 1:
                # One of them did it: whichever is killed alone, too.
                begun = yield from _one_at_a_time(begun, threads, progress)
            for one in begun:
                progress(one, 1.0)
                yield from failed(
                    one,
                    f"{one.recording} was given up: a process was killed, perhaps for want of "
                    "memory; fewer --jobs were expected.",
                )


def _one_at_a_time(
    passes: Sequence[RecordingJob], threads: int, progress: Progress
) -> Generator[Outcome, None, list[RecordingJob]]:
    """Do passes, each with a process of its own.

    Returns:
        Those whose process was killed.
    """
    killed = []
    for one in passes:
        begun, left = yield from _until_killed([one], 1, threads, progress)
        killed += begun + left
    return killed


def _until_killed(
    passes: Sequence[RecordingJob], workers: int, threads: int, progress: Progress
) -> Generator[Outcome, None, tuple[list[RecordingJob], list[RecordingJob]]]:
    """Do passes with a pool of their own, which breaks when one of its processes is killed.

    Returns:
        What was going on then, and what was not begun.
    """
    # Spawned, not forked: PyTorch's threads don't survive a fork.
    context = multiprocessing.get_context("spawn")
    messages = context.SimpleQueue()
    first = passes[0].jobs[0]
    model = first.model, first.device, first.precision
    pool = ProcessPoolExecutor(workers, context, start, (messages, model, threads))
    by_index = {one.index: one for one in passes}
    left = dict(by_index)
    begun: set[int] = set()

    def listen() -> None:
        while not messages.empty():
            index, fraction = messages.get()
            begun.add(index)
            progress(by_index[index], fraction)

    try:
        waiting: dict[Future[list[Outcome]], RecordingJob] = {}
        with suppress(BrokenProcessPool):
            for one in passes:
                waiting[pool.submit(do, one)] = one
        while waiting:
            done, _ = wait(waiting, _TICK_SECONDS, FIRST_COMPLETED)
            listen()
            for future in done:
                one = waiting.pop(future)
                # Of a broken pool all futures end so, begun or not.
                if not isinstance(future.exception(), BrokenProcessPool):
                    del left[one.index]
                    progress(one, 1.0)
                    yield from future.result()
    except BaseException:
        _stop(pool)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    listen()
    unfinished = list(left.values())
    return (
        [one for one in unfinished if one.index in begun],
        [one for one in unfinished if one.index not in begun],
    )


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the processes, which then remove what they were writing."""
    processes = list((pool._processes or {}).values())
    for process in processes:
        with suppress(OSError, ValueError):
            process.terminate()
    for process in processes:
        process.join(_PATIENCE_SECONDS)
        if process.is_alive():
            process.kill()
            process.join(_PATIENCE_SECONDS)


@contextmanager
def _threads_of_processes(threads: int) -> Iterator[None]:
    """Have processes read, when they start, how many threads they may use."""
    # PyTorch's own libraries read it too.
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("OMP_NUM_THREADS", None)
        else:
            os.environ["OMP_NUM_THREADS"] = before
