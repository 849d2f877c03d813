"""Run the jobs of a batch in this process, or in several worker processes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from soundsift.audio.leftovers import clear_leftovers
from soundsift.batch.planner import RecordingJob
from soundsift.batch.runner import Outcome, failed, run_job
from soundsift.batch.worker import load_model, start
from soundsift.batch.worker import run as run_in_worker
from soundsift.processors import processors
from soundsift.signals import ended_like_interrupted

if TYPE_CHECKING:
    from soundsift.separation.separator import Separator

#: Called with a job and the fraction of it that is done.
Progress = Callable[[RecordingJob, float], None]

_TICK_SECONDS = 0.2
_PATIENCE_SECONDS = 10.0


def run(jobs: Sequence[RecordingJob], workers: int, progress: Progress) -> Iterator[Outcome]:
    """Run jobs, with the model loaded once per process.

    An interruption leaves no partial file.

    Args:
        jobs: the recordings, all with the same model.
        workers: number of processes; with one, everything runs in this process.
        progress: receives the progress of each job.

    Yields:
        The outcome of each sound, in the order in which they end.

    Raises:
        SoundsiftError: the model can't be loaded.
    """
    with ended_like_interrupted():
        try:
            if min(workers, len(jobs)) <= 1:
                yield from _run_here(jobs, progress)
            else:
                yield from _run_in_workers(jobs, min(workers, len(jobs)), progress)
        except BaseException:
            # A second interruption may come while the files of the first are being removed.
            for folder in {one.out for job in jobs for one in job.jobs}:
                clear_leftovers(folder)
            raise


def _run_here(jobs: Sequence[RecordingJob], progress: Progress) -> Iterator[Outcome]:
    loaded: list[Separator] = []

    def load() -> Separator:
        if not loaded:
            first = jobs[0].jobs[0]
            loaded.append(load_model(first))
        return loaded[0]

    for job in jobs:
        progress(job, 0.0)
        outcomes = run_job(job, load, partial(progress, job))
        progress(job, 1.0)
        yield from outcomes


def _run_in_workers(
    jobs: Sequence[RecordingJob], workers: int, progress: Progress
) -> Iterator[Outcome]:
    threads = max(1, processors() // workers)
    with _worker_threads(threads):
        left = list(jobs)
        while left:
            begun, left = yield from _until_killed(left, min(workers, len(left)), threads, progress)
            if left and not begun:
                # If no process could begin a job, another pool won't either.
                begun, left = left, []
            elif len(begun) > 1:
                # One of these jobs ends its process: find it by running each alone.
                begun = yield from _one_at_a_time(begun, threads, progress)
            for job in begun:
                progress(job, 1.0)
                yield from failed(
                    job,
                    f"{job.recording} was given up: its process was killed, perhaps for lack of "
                    "memory. Use fewer --jobs.",
                )


def _one_at_a_time(
    jobs: Sequence[RecordingJob], threads: int, progress: Progress
) -> Generator[Outcome, None, list[RecordingJob]]:
    """Run each job in a process of its own.

    Returns:
        The jobs whose process was killed.
    """
    killed = []
    for job in jobs:
        begun, left = yield from _until_killed([job], 1, threads, progress)
        killed += begun + left
    return killed


def _until_killed(
    jobs: Sequence[RecordingJob], workers: int, threads: int, progress: Progress
) -> Generator[Outcome, None, tuple[list[RecordingJob], list[RecordingJob]]]:
    """Run jobs with a new pool, which breaks when one of its processes is killed.

    Returns:
        The jobs that were running then, and those that were not begun.
    """
    # Spawned, not forked: PyTorch's threads don't survive a fork.
    context = multiprocessing.get_context("spawn")
    messages = context.SimpleQueue()
    first = jobs[0].jobs[0]
    pool = ProcessPoolExecutor(workers, context, start, (messages, first, threads))
    by_index = {job.index: job for job in jobs}
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
            for job in jobs:
                waiting[pool.submit(run_in_worker, job)] = job
        while waiting:
            done, _ = wait(waiting, _TICK_SECONDS, FIRST_COMPLETED)
            listen()
            for future in done:
                job = waiting.pop(future)
                # In a broken pool, all futures end with this exception, begun or not.
                if not isinstance(future.exception(), BrokenProcessPool):
                    del left[job.index]
                    progress(job, 1.0)
                    yield from future.result()
    except BaseException:
        _stop(pool)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    listen()
    unfinished = list(left.values())
    return (
        [job for job in unfinished if job.index in begun],
        [job for job in unfinished if job.index not in begun],
    )


def _stop(pool: ProcessPoolExecutor) -> None:
    """Terminate the processes, which then remove their unfinished files."""
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
def _worker_threads(threads: int) -> Iterator[None]:
    """Set the number of threads of processes that are started meanwhile."""
    # Read by the libraries that PyTorch loads, before `worker.start` runs.
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("OMP_NUM_THREADS", None)
        else:
            os.environ["OMP_NUM_THREADS"] = before
