"""Jobs: asked for, waiting, done, removed."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from soundsift.errors import SoundsiftError
from soundsift.prompts import Prompt
from soundsift.spans import Span
from soundsift.studio.command import command_line
from soundsift.studio.database import Database
from soundsift.studio.device_worker import DeviceWorker
from soundsift.studio.engine import Engine, Task
from soundsift.studio.errors import busy, in_use, no_room, not_found, unusable
from soundsift.studio.limits import Limits
from soundsift.studio.recordings import Recordings
from soundsift.studio.records import AUDIO, ORIGINAL, JobRow, RecordingRow
from soundsift.studio.schemas import STEMS, JobRequest, StemOf
from soundsift.studio.storage import Storage
from soundsift.studio.worker import Ending

#: A job whose worker was lost, or whose server was, is begun once more.
_ATTEMPTS = 2
_WAIT_SECONDS = 0.5
#: Before that, a guess would be wild.
_EARLY = 0.02

_LOST = (
    "The process that separates has ended twice during this job, perhaps for want of memory; a "
    "shorter recording or a smaller model was expected."
)
_INTERRUPTED = "The server has ended twice during this job; it was given up."


class Watcher(Protocol):
    """Is told what happens, for statistics."""

    def job_ended(self, status: str, seconds: float) -> None:
        """A job has ended after so many seconds of work."""
        ...

    def worker_restarted(self) -> None:
        """A worker had ended by itself."""
        ...


@dataclass
class _Live:
    """A running job: the fraction done, and when that was first above nothing."""

    fraction: float = 0.0
    first: tuple[float, float] | None = None
    cancelled: bool = False


class Jobs:
    """All jobs of a server. Methods may be called from any thread.

    Args:
        storage: the data folder.
        database: the database.
        recordings: what jobs work on.
        limits: how many may wait.
        engines: one for each device.
        models: names that may be asked for.
        watcher: for statistics.
    """

    def __init__(
        self,
        storage: Storage,
        database: Database,
        recordings: Recordings,
        limits: Limits,
        engines: Sequence[Engine],
        models: Sequence[str],
        watcher: Watcher,
    ) -> None:
        self._storage, self._database, self._recordings = storage, database, recordings
        self._limits, self._models, self._watcher = limits, tuple(models), watcher
        self._arrived = threading.Condition()
        self._lock = threading.Lock()
        self._live: dict[str, _Live] = {}
        self._stopping = False
        self.device_workers = [
            DeviceWorker(engine, self, watcher.worker_restarted) for engine in engines
        ]

    def start(self) -> None:
        """Take up what the last server left, and begin to work."""
        for row in self._database.interrupted():
            if row.attempts < _ATTEMPTS:
                self._database.wait_again(row.id)
            else:
                self._database.finish(row.id, "failed", error=_INTERRUPTED)
        for worker in self.device_workers:
            worker.start()

    def stop(self) -> None:
        """End; what is not done is taken up by the next server."""
        self._stopping = True
        with self._arrived:
            self._arrived.notify_all()
        for worker in self.device_workers:
            worker.stop()

    @property
    def stopping(self) -> bool:
        """Whether the server is about to end."""
        return self._stopping

    @property
    def working(self) -> bool:
        """Whether every device takes jobs."""
        return all(worker.alive for worker in self.device_workers)

    # --- asked for --------------------------------------------------------------------------------

    def add(self, request: JobRequest) -> str:
        """Take a job; its id.

        Raises:
            RequestError: the request can't be used, the queue is full, or there is no room.
        """
        if request.model not in self._models:
            names = ", ".join(self._models)
            raise unusable(f"model {request.model!r} is unknown; expected one of {names}.")
        recording, source = self._source(request)
        _check(request, recording)
        if request.seed is None:
            request = request.model_copy(update={"seed": secrets.randbelow(2**31)})
        bytes_needed = recording.seconds * recording.sample_rate * recording.channels * 8
        if not self._storage.has_room(round(bytes_needed), self._limits.reserve_bytes):
            raise no_room()
        identity = secrets.token_hex(16)
        asked = request.model_dump(mode="json")
        if not self._database.add_job(identity, recording.id, source, asked, self._limits.queue):
            queue = self._limits.queue
            waiting = "One job is" if queue == 1 else f"{queue} jobs are"
            raise busy(f"{waiting} waiting, and no more are taken now.", self._until_free())
        with self._arrived:
            self._arrived.notify()
        return identity

    def find(self, identity: str) -> JobRow:
        """A job.

        Raises:
            RequestError: there is none.
        """
        row = self._database.job(identity)
        if row is None:
            raise not_found("job", identity)
        if not _is_sound(row):
            raise in_use(f"The record of job {identity} is damaged; delete the job.")
        return row

    def describe(self, row: JobRow) -> dict[str, Any]:
        """A job as a `JobOut`, how far it is included."""
        fraction, eta = self._progress(row)
        recording = self._database.recording(row.recording)
        name = "recording" if recording is None else recording.name
        queued = row.status == "queued"
        waiting = self._database.waiting_before(row.number) if queued else None
        return {
            "id": row.id,
            "status": row.status,
            "progress": fraction,
            "eta": eta,
            "waiting": waiting,
            "error": row.error,
            "request": row.request,
            "recording": row.recording,
            "name": name,
            "settings": row.settings,
            "stems": STEMS if row.status == "done" else (),
            "target_level_db": row.target_level_db,
            "command": command_line(row.request, name, self._before(row)),
            "created": row.created,
            "started": row.started,
            "finished": row.finished,
            "expires": time.time() + row.used - self._database.now() + self._limits.keep_seconds,
        }

    def history(self, limit: int, offset: int) -> list[dict[str, Any]]:
        """Jobs as `JobOut`, the newest first."""
        return [self.describe(row) for row in self._database.jobs(limit, offset) if _is_sound(row)]

    def cancel(self, identity: str) -> JobRow:
        """Stop a job, if it has not ended; how it is then.

        Raises:
            RequestError: there is none.
        """
        self.find(identity)
        if not self._database.cancel_waiting(identity):
            with self._lock:
                if identity in self._live:
                    self._live[identity].cancelled = True
        return self.find(identity)

    def remove(self, identity: str) -> None:
        """Remove a job that has ended, and its files.

        Raises:
            RequestError: there is none, it has not ended, or one that has not needs it.
        """
        if not self._database.has_job(identity):
            raise not_found("job", identity)
        if not self._database.remove_job(identity):
            row = self._database.job(identity)
            unfinished = row is not None and row.status in ("queued", "running")
            reason = "has not ended" if unfinished else "is needed by another"
            raise in_use(f"Job {identity} {reason}; cancel that first.")
        self._forget(identity)

    def stem(self, row: JobRow, stem: str) -> Path:
        """A stem of a job that is done, which counts as used.

        Raises:
            RequestError: it is not done.
        """
        path = self._storage.stem(row.id, stem)
        if row.status != "done" or not path.exists():
            raise in_use(f"Job {row.id} is {row.status}; stems come from jobs that are done.")
        self._database.use_job(row.id)
        self._database.use_recording(row.recording)
        return path

    def sweep(self, before: float) -> None:
        """Remove those whose results were last asked for before that."""
        for row in self._database.old_jobs(before):
            if self._database.remove_job(row.id):
                self._forget(row.id)

    # --- for the lanes ----------------------------------------------------------------------------

    def next_task(self) -> Task | None:
        """See `soundsift.studio.device_worker.Work`."""
        with self._arrived:
            with self._lock:
                row = None if self._stopping else self._database.begin_next()
                if row is not None:
                    self._live[row.id] = _Live()
            if row is None:
                if not self._stopping:
                    self._arrived.wait(_WAIT_SECONDS)
                return None
        if not _is_sound(row):
            self.ended(row.id, Ending("failed", "The job's record is damaged."))
            return None
        recording = self._database.recording(row.recording)
        source = self._source_file(row)
        if recording is None or not source.exists():
            self.ended(row.id, Ending("failed", "The job's recording or stem has been removed."))
            return None
        video = self._storage.recording(row.recording) / ORIGINAL if recording.has_video else None
        self._storage.reserve(self._storage.job(row.id))
        return Task(
            row.id,
            source,
            recording.name,
            video,
            self._storage.job(row.id),
            row.request,
            self._limits.of_job(recording.seconds),
        )

    def is_cancelled(self, identity: str) -> bool:
        """See `soundsift.studio.device_worker.Work`."""
        with self._lock:
            return self._live[identity].cancelled

    def progressed(self, identity: str, fraction: float) -> None:
        """See `soundsift.studio.device_worker.Work`."""
        with self._lock:
            live = self._live[identity]
            live.fraction = max(live.fraction, fraction)
            if live.first is None and fraction > 0:
                live.first = (time.monotonic(), fraction)

    def ended(self, identity: str, ending: Ending) -> None:
        """See `soundsift.studio.device_worker.Work`."""
        result = ending.result
        if ending.status != "done":
            self._storage.remove(self._storage.job(identity))
        self._database.finish(
            identity,
            ending.status,
            error=ending.error,
            settings=None if result is None else result.settings,
            target_level_db=None if result is None else round(result.target_level_db, 2),
        )
        self._forget_progress(identity)
        row = self._database.job(identity)
        if row is not None and row.started is not None:
            self._watcher.job_ended(ending.status, time.time() - row.started)

    def lost(self, identity: str) -> None:
        """See `soundsift.studio.device_worker.Work`."""
        row = self._database.job(identity)
        if self.is_cancelled(identity):
            self.ended(identity, Ending("cancelled"))
        elif row is not None and row.attempts < _ATTEMPTS:
            self._forget_progress(identity)
            self._database.wait_again(identity)
        else:
            self.ended(identity, Ending("failed", _LOST))

    def left(self, identity: str) -> None:
        """See `soundsift.studio.device_worker.Work`."""
        if self.is_cancelled(identity):
            self.ended(identity, Ending("cancelled"))
        else:
            self._forget_progress(identity)
            self._database.wait_again(identity, counted=False)

    # --- within -----------------------------------------------------------------------------------

    def _source(self, request: JobRequest) -> tuple[RecordingRow, tuple[str, str] | None]:
        """The recording that a request began with, and the job and stem that it works on."""
        if not isinstance(request.recording, StemOf):
            return self._recordings.find(request.recording), None
        job = self.find(request.recording.job)
        self.stem(job, request.recording.stem)
        recording = self._recordings.find(job.recording)
        return recording, (request.recording.job, request.recording.stem)

    def _source_file(self, row: JobRow) -> Path:
        if row.source_job is not None and row.source_stem is not None:
            return self._storage.stem(row.source_job, row.source_stem)
        return self._storage.recording(row.recording) / AUDIO

    def _before(self, row: JobRow) -> list[Mapping[str, Any]]:
        """Requests of the turns before this one, the first one first."""
        turns: list[Mapping[str, Any]] = []
        before = row
        while before.source_job is not None:
            found = self._database.job(before.source_job)
            if found is None:
                break
            turns.insert(0, found.request)
            before = found
        return turns

    def _progress(self, row: JobRow) -> tuple[float, float | None]:
        """The fraction done, and seconds until all is."""
        with self._lock:
            live = self._live.get(row.id)
            if row.status != "running" or live is None:
                return (1.0 if row.status == "done" else 0.0), None
            fraction, first = live.fraction, live.first
        if first is None or fraction < _EARLY or fraction <= first[1]:
            return fraction, None
        speed = (fraction - first[1]) / max(1e-3, time.monotonic() - first[0])
        return fraction, round((1 - fraction) / speed, 1)

    def _until_free(self) -> float:
        """Seconds until a place in the queue is free, roughly."""
        guesses = [
            eta
            for identity in list(self._live)
            if (row := self._database.job(identity)) is not None
            if (eta := self._progress(row)[1]) is not None
        ]
        return min(max(min(guesses, default=5.0), 1.0), 600.0)

    def _forget_progress(self, identity: str) -> None:
        with self._lock:
            self._live.pop(identity, None)

    def _forget(self, identity: str) -> None:
        self._storage.remove(self._storage.job(identity))
        for stem in STEMS:
            self._recordings.forget_copies(f"{identity}.{stem}")


def _is_sound(row: JobRow) -> bool:
    """Whether the stored request of a job is one."""
    try:
        JobRequest.model_validate(row.request)
    except ValidationError:
        return False
    return True


def _check(request: JobRequest, recording: RecordingRow) -> None:
    """Refuse what can be seen to fail without loading a model."""
    if request.boxes and not recording.has_video:
        raise unusable(f"{recording.name} has no picture; boxes go with a video.")
    try:
        for box in request.boxes:
            if box.span is not None:
                Span(*box.span)
        spans = [Span(*span) for span in request.spans]
        spans += [Span(*span, positive=False) for span in request.not_spans]
        prompt = Prompt(request.text, tuple(spans))
        if not request.boxes or spans:
            prompt.check(recording.seconds)
    except SoundsiftError as error:
        raise unusable(str(error)) from error
