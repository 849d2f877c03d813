"""Passes done one after the other, or by several processes at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait as wait_for
from typing import TYPE_CHECKING, Any

from soundsift.audio.together import clear_leftovers
from soundsift.batch.plan import Pass
from soundsift.batch.work import Outcome, failed, work

if TYPE_CHECKING:
    from soundsift.separation.separator import Separator

#: Called with a pass and the fraction of it that is done.
Progress = Callable[[Pass, float], None]

_TICK_SECONDS = 0.2
_PATIENCE_SECONDS = 10.0


def run(passes: Sequence[Pass], workers: int, progress: Progress) -> Iterator[Outcome]:
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
    with _ended_like_interrupted():
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


def _here(passes: Sequence[Pass], progress: Progress) -> Iterator[Outcome]:
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


def _beside(passes: Sequence[Pass], workers: int, progress: Progress) -> Iterator[Outcome]:
    # Spawned, not forked: PyTorch's threads don't survive a fork.
    context = multiprocessing.get_context("spawn")
    messages = context.SimpleQueue()
    by_index = {one.index: one for one in passes}
    threads = max(1, processors() // workers)
    # What a process reads when it starts, PyTorch's own libraries too.
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    first = passes[0].jobs[0]
    model = first.model, first.device, first.precision
    pool = ProcessPoolExecutor(workers, context, _start, (messages, model, threads))
    try:
        waiting: dict[Future[list[Outcome]], Pass] = {pool.submit(_do, one): one for one in passes}
        while waiting:
            done, _ = wait(waiting, _TICK_SECONDS, FIRST_COMPLETED)
            while not messages.empty():
                index, fraction = messages.get()
                progress(by_index[index], fraction)
            for future in done:
                one = waiting.pop(future)
                progress(one, 1.0)
                yield from _outcomes(future, one)
    except BaseException:
        _stop(pool)
        raise
    finally:
        if before is None:
            os.environ.pop("OMP_NUM_THREADS", None)
        else:
            os.environ["OMP_NUM_THREADS"] = before
        pool.shutdown(wait=True, cancel_futures=True)


def _outcomes(future: Future[list[Outcome]], one: Pass) -> list[Outcome]:
    try:
        return future.result()
    except BrokenProcessPool:
        reason = (
            f"{one.recording} was given up: a process was killed, perhaps for want of memory; "
            "fewer --jobs were expected."
        )
        return failed(one, reason)


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


# --- in the processes -----------------------------------------------------------------------------

# What a process was started with, and its model: a pool's processes have no other place for it.
_own: dict[str, Any] = {}


def _start(messages: Any, model: tuple[str, str | None, str], threads: int) -> None:
    # Ctrl-C reaches every process of the terminal; the first one decides what happens.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _own.update(messages=messages, model=model, threads=threads)


def _do(one: Pass) -> list[Outcome]:
    try:
        return work(one, _load, lambda fraction: _own["messages"].put((one.index, fraction)))
    except SystemExit:
        # Told to end, and everything is cleaned up; the pool would go on with the next job.
        os._exit(1)


def _load() -> Separator:
    if "separator" not in _own:
        import torch

        import soundsift

        torch.set_num_threads(_own["threads"])
        _own["separator"] = soundsift.load(*_own["model"])
    separator: Separator = _own["separator"]
    return separator


def _end_with(sentinel: Any) -> None:
    """Don't outlive a killed parent: it would have the model in memory for nobody."""
    wait_for([sentinel])
    os._exit(1)


def _leave(*_: Any) -> None:
    raise SystemExit(1)


@contextmanager
def _ended_like_interrupted() -> Iterator[None]:
    """Have SIGTERM clean up as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
