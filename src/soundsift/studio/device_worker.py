"""The worker process of a device, and the thread that gives it jobs."""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from soundsift.audio.limits import duration_in_words
from soundsift.studio.engine import Engine, ListenTask, Task
from soundsift.studio.worker import CANCEL, Ending, run

_TICK_SECONDS = 0.05
#: A worker that does not cancel a job within this time is killed.
_PATIENCE_SECONDS = 5.0
#: Time limit for loading a model.
_START_SECONDS = 600.0
_PAUSE_SECONDS = 1.0
_UNEXPECTED = "The job failed unexpectedly; the server's log says more."

_log = logging.getLogger(__name__)


class TaskSource(Protocol):
    """Gives a device worker its tasks and receives their results. Called from its thread."""

    def next_task(self) -> Task | ListenTask | None:
        """The next task; None after a while without one."""
        ...

    def is_cancelled(self, identity: str) -> bool:
        """Whether a job is cancelled."""
        ...

    def progressed(self, identity: str, fraction: float) -> None:
        """The fraction of a job that is done."""
        ...

    def ended(self, identity: str, ending: Ending) -> None:
        """A job has ended."""
        ...

    def lost(self, identity: str) -> None:
        """The worker ended before the job."""
        ...

    def left(self, identity: str) -> None:
        """The server ends before the job."""
        ...


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection[Any, Any]

    def kill(self) -> None:
        with suppress(OSError):
            self.process.kill()
        self.process.join()

    def end(self) -> None:
        self.kill()
        self.connection.close()


class DeviceWorker:
    """A device with its worker process.

    Args:
        engine: runs the tasks, in the worker process.
        source: gives tasks.
        restarted: called when a worker had to be restarted.
    """

    def __init__(self, engine: Engine, source: TaskSource, restarted: Callable[[], None]) -> None:
        self._engine, self._source, self._restarted = engine, source, restarted
        self._stopping = threading.Event()
        self._sourceer: _Worker | None = None
        self._thread = threading.Thread(target=self._serve, name="device-worker", daemon=True)

    def start(self) -> None:
        """Start the worker, which loads its model, and take tasks."""
        self._thread.start()

    def stop(self) -> None:
        """End the worker and leave its task."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._sourceer is not None:
            self._sourceer.end()

    @property
    def alive(self) -> bool:
        """Whether the thread takes tasks."""
        return self._thread.is_alive()

    @property
    def process_id(self) -> int | None:
        """Process id of the worker, if there is one."""
        return None if self._sourceer is None else self._sourceer.process.pid

    def _serve(self) -> None:
        # Nothing may end this thread, or the device would take no more jobs.
        with suppress(Exception):
            self._ready()
        while not self._stopping.is_set():
            task = None
            try:
                task = self._source.next_task()
                if task is not None:
                    self._do(task)
            except Exception:
                _log.exception("a device worker failed")
                if task is not None:
                    with suppress(Exception):
                        self._source.ended(task.id, Ending("failed", _UNEXPECTED))
                self._stopping.wait(_PAUSE_SECONDS)

    def _ready(self) -> _Worker:
        """The worker; restarted if it has ended."""
        if self._sourceer is not None:
            if self._sourceer.process.is_alive():
                return self._sourceer
            self._sourceer.end()
            self._restarted()
        # Spawned, because threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        own, theirs = context.Pipe()
        process = context.Process(target=run, args=(theirs, self._engine), daemon=True)
        process.start()
        # With this copy closed, the pipe ends with the worker.
        theirs.close()
        self._sourceer = _Worker(process, own)
        return self._sourceer

    def _do(self, task: Task | ListenTask) -> None:
        try:
            worker = self._ready()
        except OSError as error:
            _log.warning("no process can be started for a job (%s)", error)
            self._stopping.wait(_PAUSE_SECONDS)
            self._source.lost(task.id)
            return
        # Once stopped, a worker has some time to end the task and keep its model.
        stopped: Ending | None = None
        # A worker that was just started loads its model before it begins.
        begun, end = False, time.monotonic() + max(_START_SECONDS, task.seconds)
        try:
            worker.connection.send(task)
            while True:
                if worker.connection.poll(_TICK_SECONDS):
                    message = worker.connection.recv()
                    if isinstance(message, Ending):
                        if message.status == "cancelled" and stopped is not None:
                            message = stopped
                        self._source.ended(task.id, message)
                        return
                    if not begun and stopped is None:
                        begun, end = True, time.monotonic() + task.seconds
                    self._source.progressed(task.id, message)
                if self._stopping.is_set():
                    self._source.left(task.id)
                    return
                late = time.monotonic() > end
                if stopped is None and (late or self._source.is_cancelled(task.id)):
                    stopped = _too_slow(task) if late else Ending("cancelled")
                    end = time.monotonic() + _PATIENCE_SECONDS
                    worker.connection.send(CANCEL)
                elif stopped is not None and late:
                    worker.kill()
                    self._source.ended(task.id, stopped)
                    return
        except (EOFError, OSError):
            worker.kill()
            if stopped is not None:
                self._source.ended(task.id, stopped)
            else:
                self._source.lost(task.id)


def _too_slow(task: Task | ListenTask) -> Ending:
    return Ending(
        "failed",
        f"The separation of {task.name} exceeded its time limit of "
        f"{duration_in_words(task.seconds)}. Use a shorter recording, "
        "a smaller model or a quicker preset.",
    )
