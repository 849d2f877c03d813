"""Worker process of a batch: runs recording jobs with a model that it loads once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from dataclasses import replace
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from soundsift.batch.planner import Job, RecordingJob
from soundsift.batch.runner import Outcome, run_job

if TYPE_CHECKING:
    from soundsift.separation.separator import Separator

# The arguments of `start` and the model: a pool gives its processes no other place for them.
_own: dict[str, Any] = {}


def start(messages: Any, first: Job, threads: int) -> None:
    """Initialise a worker process.

    Args:
        messages: queue for pairs of a job's index and the fraction of it that is done.
        first: a job of the batch, whose model is loaded when the first recording needs it.
        threads: number of threads that the process may use.
    """
    # Ctrl-C reaches every process of the terminal; the parent decides what happens.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _own.update(messages=messages, first=first, threads=threads)


def run(job: RecordingJob) -> list[Outcome]:
    """Run a job, reported as begun before anything can go wrong with it.

    Raises:
        SoundsiftError: the model can't be loaded.
    """

    def report(fraction: float) -> None:
        _own["messages"].put((job.index, fraction))

    try:
        report(0.0)
        # Exceptions need not survive pickling; their sentences do.
        return [replace(outcome, cause=None) for outcome in run_job(job, _load, report)]
    except SystemExit:
        # SIGTERM: everything is cleaned up, but the pool would go on with the next job.
        os._exit(1)


def _load() -> Separator:
    if "separator" not in _own:
        import torch

        torch.set_num_threads(_own["threads"])
        _own["separator"] = load_model(_own["first"])
    separator: Separator = _own["separator"]
    return separator


def load_model(job: Job) -> Separator:
    """Load the model of a job.

    Raises:
        SoundsiftError: it can't be loaded.
    """
    import soundsift

    return soundsift.load(job.model, job.device, job.precision, adapter=job.adapter)


def _end_with(sentinel: Any) -> None:
    """End this process when its parent does, so that no orphan keeps the model in memory."""
    wait([sentinel])
    os._exit(1)


def _leave(*_: Any) -> None:
    raise SystemExit(1)
