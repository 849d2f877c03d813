"""Jobs: requests, descriptions, deletion."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from soundsift.errors import SoundsiftError
from soundsift.prompts import Prompt, check_removal
from soundsift.separation.occurrences import NOTHING_ASKED
from soundsift.separation.verdicts import POOR, seen_in_words
from soundsift.spans import Span
from soundsift.studio.command import command_line
from soundsift.studio.database import Database
from soundsift.studio.device_worker import DeviceWorker
from soundsift.studio.disk import DiskSpace
from soundsift.studio.engine import Engine
from soundsift.studio.errors import RequestError, busy, in_use, no_room, not_found, unusable
from soundsift.studio.job_queue import JobQueue, Watcher, is_readable
from soundsift.studio.limits import Limits
from soundsift.studio.marks import Marks
from soundsift.studio.recordings import Recordings
from soundsift.studio.records import JobRow, RecordingRow
from soundsift.studio.schemas import STEMS, JobRequest, StemOf
from soundsift.studio.storage import Storage
from soundsift.studio.suggestions import Suggestions


class Jobs:
    """All jobs of a server. Methods may be called from any thread.

    Args:
        storage: files of the jobs.
        database: rows of the jobs.
        recordings: inputs of the jobs.
        space: disk space.
        limits: limits of the queue and of a job.
        engines: one per device.
        models: names of the offered models.
        watcher: receives events for statistics.

    Attributes:
        suggestions: what is heard in recordings.
    """

    def __init__(
        self,
        storage: Storage,
        database: Database,
        recordings: Recordings,
        space: DiskSpace,
        limits: Limits,
        engines: Sequence[Engine],
        models: Sequence[str],
        watcher: Watcher,
    ) -> None:
        self._storage, self._database, self._recordings = storage, database, recordings
        self._space, self._limits, self._models = space, limits, tuple(models)
        self._queue = JobQueue(storage, database, space, limits, watcher)
        self.suggestions = Suggestions(self._queue, storage, database, limits)
        self.device_workers = [
            DeviceWorker(engine, self.suggestions, watcher.worker_restarted) for engine in engines
        ]

    def start(self) -> None:
        """Queue the interrupted jobs of the last server, and start the device workers."""
        self._queue.start()
        for worker in self.device_workers:
            worker.start()

    def stop(self) -> None:
        """Stop the device workers; the next server continues unfinished jobs."""
        self._queue.stop()
        for worker in self.device_workers:
            worker.stop()

    @property
    def stopping(self) -> bool:
        """Whether the server is stopping."""
        return self._queue.stopping

    @property
    def working(self) -> bool:
        """Whether all device workers are alive."""
        return all(worker.alive for worker in self.device_workers)

    # --- requests ---------------------------------------------------------------------------------

    def add(self, requests: Sequence[JobRequest]) -> list[str]:
        """Queue jobs, all or none.

        Returns:
            The jobs' ids.

        Raises:
            RequestError: a request is invalid, the queue is full, or there is no room.
        """
        added: list[str] = []
        try:
            for request in requests:
                added.append(self._add(request))
        except RequestError:
            for identity in added:
                self._database.cancel_waiting(identity)
                self._queue.cancel(identity)
                self._database.remove_job(identity)
            raise
        for _ in added:
            self._queue.notify()
        return added

    def _add(self, request: JobRequest) -> str:
        if request.model not in self._models:
            names = ", ".join(self._models)
            raise unusable(f"Model {request.model!r} is not offered here. Use one of: {names}.")
        recording, source = self._source(request)
        marks = _check(request, recording)
        if marks:
            _check_marks(marks, recording, self._recordings.measure(recording))
        if request.seed is None:
            request = request.model_copy(update={"seed": secrets.randbelow(2**31)})
        if self._space.free() < self._queue.bytes_needed(recording):
            raise no_room()
        identity = secrets.token_hex(16)
        asked = request.model_dump(mode="json")
        if not self._database.add_job(identity, recording.id, source, asked, self._limits.queue):
            queue = self._limits.queue
            waiting = "one job is" if queue == 1 else f"{queue} jobs are"
            raise busy(
                f"The queue is full: {waiting} waiting. Try again later.",
                self._queue.seconds_until_free(),
            )
        return identity

    def find(self, identity: str) -> JobRow:
        """Find a job.

        Raises:
            RequestError: there is no such job, or its row is damaged.
        """
        row = self._database.job(identity)
        if row is None:
            raise not_found("job", identity)
        if not is_readable(row):
            raise in_use(f"The record of job {identity} is damaged. Delete the job.")
        return self._queue.current(row)

    def describe(self, row: JobRow) -> dict[str, Any]:
        """A job with its progress, as `soundsift.studio.schemas.JobOut`."""
        fraction, eta = self._queue.progress(row)
        recording = self._database.recording(row.recording)
        name = "recording" if recording is None else recording.name
        queued = row.status == "queued"
        settings = row.settings or {}
        judge = settings.get("judge")
        waiting = self._database.waiting_before(row.number) if queued else None
        return {
            "id": row.id,
            "status": row.status,
            "progress": fraction,
            "eta": eta,
            "waiting": waiting,
            "step": self._queue.step(row),
            "error": row.error,
            "request": row.request,
            "recording": row.recording,
            "name": name,
            "settings": row.settings,
            "stems": STEMS if row.status == "done" else (),
            "target_level_db": row.target_level_db,
            **{name: settings.get(name, none) for name, none in NOTHING_ASKED.items()},
            "seen": seen_in_words(settings["seen"]) if settings.get("seen") else [],
            "judge": judge and {**judge, "advice": POOR if judge["poor"] else None},
            "command": command_line(row.request, name, self._before(row), judged=judge is not None),
            "created": row.created,
            "started": row.started,
            "finished": row.finished,
            "expires": time.time() + row.used - self._database.now() + self._limits.keep_seconds,
        }

    def history(self, limit: int, offset: int) -> list[dict[str, Any]]:
        """Jobs as `soundsift.studio.schemas.JobOut`, newest first."""
        rows = [row for row in self._database.jobs(limit, offset) if is_readable(row)]
        return [self.describe(self._queue.current(row)) for row in rows]

    def cancel(self, identity: str) -> JobRow:
        """Cancel a job unless it has ended.

        Returns:
            The job's row afterwards.

        Raises:
            RequestError: there is no such job.
        """
        self.find(identity)
        if not self._database.cancel_waiting(identity):
            self._queue.cancel(identity)
        return self.find(identity)

    def remove(self, identity: str) -> None:
        """Delete a finished job and its files.

        Raises:
            RequestError: there is no such job, it is unfinished, or an unfinished job needs it.
        """
        if not self._database.has_job(identity):
            raise not_found("job", identity)
        if not self._database.remove_job(identity):
            row = self._database.job(identity)
            unfinished = row is not None and row.status in ("queued", "running")
            if unfinished:
                raise in_use(f"Job {identity} is unfinished. Cancel it first.")
            raise in_use(f"An unfinished job works on a stem of job {identity}. Cancel it first.")
        self._forget(identity)

    def remove_all(self, recording: str) -> None:
        """Delete the ended jobs of a recording."""
        for identity in self._database.jobs_of(recording):
            if self._database.remove_job(identity):
                self._forget(identity)

    def stem(self, row: JobRow, stem: str) -> Path:
        """File of a finished job's stem; notes its use.

        Raises:
            RequestError: the job is not done.
        """
        path = self._storage.stem(row.id, stem)
        if row.status != "done" or not path.exists():
            raise in_use(f"Job {row.id} is {row.status} and has no stems. Wait until it is done.")
        self._database.use_job(row.id)
        self._database.use_recording(row.recording)
        return path

    def sweep(self, before: float) -> None:
        """Delete finished jobs that were last used before a time of `Database.now`."""
        for row in self._database.old_jobs(before):
            if self._database.remove_job(row.id):
                self._forget(row.id)

    # --- internal ---------------------------------------------------------------------------------

    def _source(self, request: JobRequest) -> tuple[RecordingRow, tuple[str, str] | None]:
        """The recording of the first turn, and the job and stem that a request works on."""
        if not isinstance(request.recording, StemOf):
            return self._recordings.find(request.recording), None
        job = self.find(request.recording.job)
        self.stem(job, request.recording.stem)
        recording = self._recordings.find(job.recording)
        return recording, (request.recording.job, request.recording.stem)

    def _before(self, row: JobRow) -> list[Mapping[str, Any]]:
        """Requests of the earlier turns, oldest first."""
        turns: list[Mapping[str, Any]] = []
        before = row
        while before.source_job is not None:
            found = self._database.job(before.source_job)
            if found is None:
                break
            turns.insert(0, found.request)
            before = found
        return turns

    def _forget(self, identity: str) -> None:
        self._storage.remove(self._storage.job(identity))
        for stem in STEMS:
            self._recordings.forget_copies(f"{identity}.{stem}")


def _check(request: JobRequest, recording: RecordingRow) -> Marks:
    """Refuse requests that would fail, as far as that is known without a model or a picture.

    Returns:
        What marks the object, for `_check_marks`.
    """
    if request.boxes and not recording.has_video:
        raise unusable(f"{recording.name} has no picture. Use boxes with a video.")
    if request.points and not recording.has_video:
        raise unusable(f"{recording.name} has no picture. Use points with a video.")
    try:
        marks = Marks.of(request.model_dump(include={"points", "boxes"}))
        spans = [Span(*span) for span in request.spans]
        spans += [Span(*span, positive=False) for span in request.not_spans]
        prompt = Prompt(request.text, tuple(spans), language=request.language)
        if request.mode == "remove":
            check_removal(request.text, request.language)
        if not marks or spans:
            prompt.check(recording.seconds)
    except SoundsiftError as error:
        raise unusable(str(error)) from error
    return marks


def _check_marks(marks: Marks, recording: RecordingRow, picture: tuple[int, int, float]) -> None:
    """Refuse points and boxes that fit no picture.

    Args:
        marks: points or boxes.
        recording: has a picture.
        picture: its height, width and seconds.
    """
    height, width, seconds = picture
    try:
        marks.check(height, width, max(seconds, recording.seconds), recording.name)
    except SoundsiftError as error:
        raise unusable(str(error)) from error
