"""The separating process, one per device, which keeps its model loaded.

Messages go through a pipe. The server sends a `Task`, or `CANCEL`. The worker answers with the
fraction done, from the start of the task, and with an `Ending`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from multiprocessing.process import parent_process
from typing import Any, Literal

from soundsift.errors import SoundsiftError
from soundsift.studio.disk import disk_is_full
from soundsift.studio.engine import Engine, ListenTask, Result, Task

CANCEL = "cancel"
_NO_ROOM = "The server's disk is full. Delete recordings or jobs, then try again."


@dataclass(frozen=True)
class Ending:
    """End of a task.

    Attributes:
        status: status of the job.
        error: reason of a failure, in a sentence.
        result: result of a finished task.
        sounds: what was heard, of a finished `ListenTask`.
    """

    status: Literal["done", "failed", "cancelled"]
    error: str | None = None
    result: Result | None = None
    sounds: list[dict[str, Any]] | None = None


class _CancelledError(Exception):
    pass


def run(connection: Connection[Any, Any], engine: Engine) -> None:
    """Run tasks until the server ends.

    Args:
        connection: the worker's end of the pipe.
        engine: runs the tasks.
    """
    # Ctrl-C reaches every process of the terminal; the server ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    try:
        engine.prepare()
    except SoundsiftError:
        # The first job that needs the model reports it.
        pass
    except Exception:
        traceback.print_exc()
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            return
        # A cancellation may arrive after the end of its task.
        if message != CANCEL:
            connection.send(_do(message, engine, connection))


def _do(task: Task | ListenTask, engine: Engine, connection: Connection[Any, Any]) -> Ending:
    def report(fraction: float) -> None:
        while connection.poll():
            if connection.recv() == CANCEL:
                raise _CancelledError
        connection.send(min(1.0, max(0.0, fraction)))

    try:
        # Starts the job's time limit.
        report(0.0)
        if isinstance(task, ListenTask):
            return Ending("done", sounds=engine.listen(task, report))
        return Ending("done", result=engine.separate(task, report))
    except _CancelledError:
        return Ending("cancelled")
    except SoundsiftError as error:
        if disk_is_full(error):
            return Ending("failed", _NO_ROOM)
        # Paths of the server are not shown to clients.
        said = str(error).replace(str(task.source), task.name)
        if isinstance(task, Task):
            said = said.replace(str(task.folder), "the server's folder")
        return Ending("failed", said)
    except MemoryError:
        return Ending("failed", f"There is not enough memory to separate {task.name}.")
    except Exception as error:
        if disk_is_full(error):
            return Ending("failed", _NO_ROOM)
        print(f"job {task.id}:", file=sys.stderr)
        traceback.print_exc()
        kind = type(error).__name__
        return Ending("failed", f"The separation failed ({kind}); the server's log says more.")


def _end_with(sentinel: Any) -> None:
    """End with a killed server, to free the model's memory."""
    wait_for([sentinel])
    os._exit(1)
