"""Sounds that are heard in a recording, to suggest as prompts.

Device workers listen while no job waits, and stop when one arrives.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections import deque
from typing import Any

from soundsift.studio.database import Database
from soundsift.studio.device_worker import TaskSource
from soundsift.studio.engine import ListenTask, Task
from soundsift.studio.job_queue import JobQueue
from soundsift.studio.limits import Limits
from soundsift.studio.records import AUDIO, RecordingRow
from soundsift.studio.storage import Storage
from soundsift.studio.worker import Ending

_log = logging.getLogger(__name__)

#: Recordings that wait to be listened to, at most; the oldest goes.
_MOST = 100
_SUFFIX = ".heard.json"


class Suggestions(TaskSource):
    """Gives device workers the jobs of a queue, and recordings to listen to when there are none.

    What was heard is kept like a copy of the recording in another format. Methods may be called
    from any thread.

    Args:
        queue: the jobs.
        storage: files of the recordings.
        database: rows of the jobs.
        limits: limits of a task.
    """

    def __init__(
        self, queue: JobQueue, storage: Storage, database: Database, limits: Limits
    ) -> None:
        self._queue, self._storage = queue, storage
        self._database, self._limits = database, limits
        self._lock = threading.Lock()
        self._waiting: deque[RecordingRow] = deque(maxlen=_MOST)
        self._live: dict[str, RecordingRow] = {}

    def of(self, row: RecordingRow) -> dict[str, Any]:
        """What was heard in a recording, as `soundsift.studio.schemas.Heard`; or ask for it."""
        place = self._storage.copies / f"{row.id}{_SUFFIX}"
        try:
            heard: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
        except FileNotFoundError:
            self._ask(row)
            return {"status": "listening", "error": None, "sounds": []}
        self._storage.use(place)
        return heard

    def _ask(self, row: RecordingRow) -> None:
        with self._lock:
            if row.id in self._live or any(other.id == row.id for other in self._waiting):
                return
            self._waiting.append(row)
        self._queue.notify()

    # --- for device workers -----------------------------------------------------------------------

    def next_task(self) -> Task | ListenTask | None:
        """See `soundsift.studio.device_worker.TaskSource`."""
        if (task := self._queue.next_task()) is not None:
            return task
        with self._lock:
            if self._queue.stopping or not self._waiting:
                return None
            row = self._waiting.popleft()
            self._live[row.id] = row
        source = self._storage.recording(row.id) / AUDIO
        return ListenTask(row.id, source, row.name, self._limits.of_job(row.seconds))

    def is_cancelled(self, identity: str) -> bool:
        """See `soundsift.studio.device_worker.TaskSource`."""
        if identity in self._live:
            return self._database.count("queued") > 0
        return self._queue.is_cancelled(identity)

    def progressed(self, identity: str, fraction: float) -> None:
        """See `soundsift.studio.device_worker.TaskSource`."""
        if identity not in self._live:
            self._queue.progressed(identity, fraction)

    def ended(self, identity: str, ending: Ending) -> None:
        """See `soundsift.studio.device_worker.TaskSource`."""
        with self._lock:
            row = self._live.pop(identity, None)
            if row is not None and ending.status == "cancelled":
                self._waiting.append(row)
        if row is None:
            self._queue.ended(identity, ending)
        elif ending.status != "cancelled":
            self._keep(row, ending)

    def lost(self, identity: str) -> None:
        """See `soundsift.studio.device_worker.TaskSource`."""
        if identity in self._live:
            self.ended(identity, Ending("failed", "The worker ended while it was listening."))
        else:
            self._queue.lost(identity)

    def left(self, identity: str) -> None:
        """See `soundsift.studio.device_worker.TaskSource`."""
        with self._lock:
            row = self._live.pop(identity, None)
        if row is None:
            self._queue.left(identity)

    def _keep(self, row: RecordingRow, ending: Ending) -> None:
        heard = {"status": ending.status, "error": ending.error, "sounds": ending.sounds or []}
        place = self._storage.copies / f"{row.id}{_SUFFIX}"
        try:
            # Deleted meanwhile: nothing may be left of it.
            if self._database.recording(row.id) is None:
                return
            with self._storage.partial_folder() as folder:
                (folder / place.name).write_text(json.dumps(heard), encoding="utf-8")
                self._storage.move(folder / place.name, place)
        except (OSError, sqlite3.Error) as error:
            _log.warning("what was heard in %s can't be stored (%s)", row.id, error)
