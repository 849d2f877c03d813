"""The queue of jobs, as the device workers see it."""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
import time
from dataclasses import dataclass, replace
from typing import Protocol

from pydantic import ValidationError

from soundsift.studio.database import Database
from soundsift.studio.disk import DiskSpace, disk_is_full
from soundsift.studio.engine import Task
from soundsift.studio.errors import RequestError
from soundsift.studio.limits import Limits
from soundsift.studio.records import AUDIO, ORIGINAL, JobRow, RecordingRow
from soundsift.studio.schemas import JobRequest
from soundsift.studio.storage import Storage
from soundsift.studio.worker import Ending

#: A job whose worker or server was lost is started once more.
_ATTEMPTS = 2
_WAIT_SECONDS = 0.5
#: Fraction done from which the remaining time can be estimated.
_EARLY = 0.02

_LOST = (
    "The process that separates ended twice during this job, perhaps for lack of memory. Use a "
    "shorter recording or a smaller model."
)
_INTERRUPTED = "The server ended twice during this job."
_DAMAGED = "The job's record is damaged."
_NO_ROOM = "The server's disk is full. Delete recordings or jobs, then try again."
_NOT_BEGUN = "The job could not be started: the server's log says more. Try again."
_NOT_SAVED = "The result could not be saved: the server's disk has an error."

_log = logging.getLogger(__name__)


class Watcher(Protocol):
    """Receives events for statistics."""

    def job_ended(self, status: str, seconds: float) -> None:
        """A job ended after this many seconds of work."""
        ...

    def worker_restarted(self) -> None:
        """A worker had ended by itself."""
        ...


@dataclass
class _Live:
    """A running job.

    Attributes:
        begun: whether its worker has its model and works.
        fraction: how much is done.
        first: time and fraction when that was first above zero.
        cancelled: whether it is to be stopped.
        promised: bytes of the disk.
    """

    begun: bool = False
    fraction: float = 0.0
    first: tuple[float, float] | None = None
    cancelled: bool = False
    promised: int = 0


class JobQueue:
    """Hands jobs to device workers and stores how they end. Methods may be called from any thread.

    No error of the disk or the database ends a worker: a job whose end can't be stored is kept in
    memory as failed, and stored as soon as that is possible.

    Args:
        storage: files of the jobs.
        database: rows of the jobs.
        space: disk space.
        limits: limits of a job.
        watcher: for statistics.
    """

    def __init__(
        self,
        storage: Storage,
        database: Database,
        space: DiskSpace,
        limits: Limits,
        watcher: Watcher,
    ) -> None:
        self._storage, self._database, self._space = storage, database, space
        self._limits, self._watcher = limits, watcher
        self._arrived = threading.Condition()
        self._lock = threading.Lock()
        self._live: dict[str, _Live] = {}
        self._unsaved: dict[str, Ending] = {}
        self.stopping = False

    def start(self) -> None:
        """Queue again what was running when the last server ended."""
        for row in self._database.interrupted():
            if row.attempts < _ATTEMPTS:
                self._database.wait_again(row.id)
            else:
                self._database.finish(row.id, "failed", error=_INTERRUPTED)

    def stop(self) -> None:
        """Hand out no more jobs."""
        self.stopping = True
        with self._arrived:
            self._arrived.notify_all()

    def notify(self) -> None:
        """Wake a worker: a job was added."""
        with self._arrived:
            self._arrived.notify()

    def cancel(self, identity: str) -> None:
        """Tell a running job to stop."""
        with self._lock:
            if identity in self._live:
                self._live[identity].cancelled = True

    def current(self, row: JobRow) -> JobRow:
        """A job's row as it would be if its end could have been stored."""
        with self._lock:
            ending = self._unsaved.get(row.id)
        if ending is None or row.status != "running":
            return row
        return replace(row, status=ending.status, error=ending.error)

    def progress(self, row: JobRow) -> tuple[float, float | None]:
        """The fraction done, and the remaining seconds if they can be estimated."""
        with self._lock:
            live = self._live.get(row.id)
            if row.status != "running" or live is None:
                return (1.0 if row.status == "done" else 0.0), None
            fraction, first = live.fraction, live.first
        if first is None or fraction < _EARLY or fraction <= first[1]:
            return fraction, None
        speed = (fraction - first[1]) / max(1e-3, time.monotonic() - first[0])
        return fraction, round((1 - fraction) / speed, 1)

    def step(self, row: JobRow) -> str | None:
        """What is done for a job now, as `soundsift.studio.schemas.JobOut.step`."""
        if row.status == "queued":
            return "waiting"
        if row.status != "running":
            return None
        with self._lock:
            live = self._live.get(row.id)
            if live is None or not live.begun:
                return "starting"
            return "saving" if live.fraction >= 1 else "separating"

    def seconds_until_free(self) -> float:
        """Rough number of seconds until a place in the queue is free."""
        estimates = [
            eta
            for identity in list(self._live)
            if (row := self._database.job(identity)) is not None
            if (eta := self.progress(row)[1]) is not None
        ]
        return min(max(min(estimates, default=5.0), 1.0), 600.0)

    def bytes_needed(self, recording: RecordingRow) -> int:
        """Disk space that both stems of a recording take at most."""
        return round(recording.seconds * recording.sample_rate * recording.channels * 8) + (1 << 16)

    # --- for device workers -----------------------------------------------------------------------

    def next_task(self) -> Task | None:
        """See `soundsift.studio.device_worker.TaskSource`."""
        self._save_endings()
        with self._arrived:
            with self._lock:
                row = None if self.stopping else self._database.begin_next()
                if row is not None:
                    self._live[row.id] = _Live()
            if row is None:
                if not self.stopping:
                    self._arrived.wait(_WAIT_SECONDS)
                return None
        try:
            return self._task(row)
        except Exception as error:
            if not disk_is_full(error) and not isinstance(error, RequestError):
                _log.exception("job %s can't be started", row.id)
            if disk_is_full(error):
                reason = _NO_ROOM
            else:
                # The words of other errors name files of the server.
                reason = error.sentence if isinstance(error, RequestError) else _NOT_BEGUN
            self.ended(row.id, Ending("failed", reason))
            return None

    def is_cancelled(self, identity: str) -> bool:
        """See `soundsift.studio.device_worker.TaskSource`."""
        with self._lock:
            return identity in self._live and self._live[identity].cancelled

    def progressed(self, identity: str, fraction: float) -> None:
        """See `soundsift.studio.device_worker.TaskSource`."""
        with self._lock:
            live = self._live[identity]
            live.begun = True
            live.fraction = max(live.fraction, fraction)
            if live.first is None and fraction > 0:
                live.first = (time.monotonic(), fraction)

    def ended(self, identity: str, ending: Ending) -> None:
        """See `soundsift.studio.device_worker.TaskSource`."""
        if ending.status != "done":
            self._storage.remove(self._storage.job(identity))
        try:
            self._finish(identity, ending)
        except (sqlite3.Error, ValueError, TypeError) as error:
            _log.warning("the end of job %s can't be stored (%s)", identity, error)
            # Without its result there may be room to note the failure.
            self._storage.remove(self._storage.job(identity))
            reason = _NO_ROOM if disk_is_full(error) else _NOT_SAVED
            failed = Ending("failed", ending.error or reason)
            with self._lock:
                self._unsaved[identity] = failed
            self._save_endings()
        self._forget(identity)

    def lost(self, identity: str) -> None:
        """See `soundsift.studio.device_worker.TaskSource`."""
        row = self._database.job(identity)
        if self.is_cancelled(identity):
            self.ended(identity, Ending("cancelled"))
        elif row is not None and row.attempts < _ATTEMPTS:
            self._forget(identity)
            self._database.wait_again(identity)
        else:
            self.ended(identity, Ending("failed", _LOST))

    def left(self, identity: str) -> None:
        """See `soundsift.studio.device_worker.TaskSource`."""
        if self.is_cancelled(identity):
            self.ended(identity, Ending("cancelled"))
        else:
            self._forget(identity)
            self._database.wait_again(identity, counted=False)

    # --- internal ---------------------------------------------------------------------------------

    def _task(self, row: JobRow) -> Task | None:
        if not is_readable(row):
            self.ended(row.id, Ending("failed", _DAMAGED))
            return None
        recording = self._database.recording(row.recording)
        source = self._storage.recording(row.recording) / AUDIO
        if row.source_job is not None and row.source_stem is not None:
            source = self._storage.stem(row.source_job, row.source_stem)
        if recording is None or not source.exists():
            self.ended(row.id, Ending("failed", "The job's recording or stem has been deleted."))
            return None
        size = self.bytes_needed(recording)
        self._space.take(size)
        with self._lock:
            self._live[row.id].promised = size
        self._storage.reserve(self._storage.job(row.id))
        video = self._storage.recording(row.recording) / ORIGINAL if recording.has_video else None
        return Task(
            row.id,
            source,
            recording.name,
            video,
            self._storage.job(row.id),
            row.request,
            self._limits.of_job(recording.seconds),
        )

    def _finish(self, identity: str, ending: Ending) -> None:
        level = None if ending.result is None else ending.result.target_level_db
        self._database.finish(
            identity,
            ending.status,
            error=ending.error,
            settings=None if ending.result is None else ending.result.settings,
            target_level_db=round(level, 2) if level is not None and math.isfinite(level) else None,
        )
        row = self._database.job(identity)
        if row is not None and row.started is not None:
            self._watcher.job_ended(ending.status, time.time() - row.started)

    def _save_endings(self) -> None:
        """Store the ends of jobs that could not be stored before."""
        with self._lock:
            unsaved = list(self._unsaved.items())
        for identity, ending in unsaved:
            try:
                self._finish(identity, ending)
            except sqlite3.Error:
                return
            with self._lock:
                self._unsaved.pop(identity, None)

    def _forget(self, identity: str) -> None:
        with self._lock:
            live = self._live.pop(identity, None)
        if live is not None and live.promised:
            self._space.give(live.promised)


def is_readable(row: JobRow) -> bool:
    """Whether the stored request of a job is valid."""
    try:
        JobRequest.model_validate(row.request)
    except ValidationError:
        return False
    return True
