"""What one of several processes does: passes, with a model that it loads once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from soundsift.batch.planner import RecordingJob
from soundsift.batch.runner import Outcome, work

if TYPE_CHECKING:
    from soundsift.separation.separator import Separator

# What a process was started with, and its model: a pool's processes have no other place for it.
_own: dict[str, Any] = {}


def start(messages: Any, model: tuple[str, str | None, str], threads: int) -> None:
    """Make a process ready.

    Args:
        messages: queue for the number of a pass and the fraction of it that is done.
        model: name or folder, device and precision; loaded when it is needed.
        threads: that the process may use.
    """
    # Ctrl-C reaches every process of the terminal; the first one decides what happens.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _own.update(messages=messages, model=model, threads=threads)


def do(one: RecordingJob) -> list[Outcome]:
    """Do a pass, and say that it is begun before anything can go wrong with it.

    Raises:
        SoundsiftError: the model can't be loaded.
    """

    def report(fraction: float) -> None:
        _own["messages"].put((one.index, fraction))

    try:
        report(0.0)
        return work(one, _load, report)
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
    wait([sentinel])
    os._exit(1)


def _leave(*_: Any) -> None:
    raise SystemExit(1)
