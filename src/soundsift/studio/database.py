"""The database of recordings, jobs and files: SQLite with a write-ahead log."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from soundsift.studio.disk import disk_is_full
from soundsift.studio.migrations import open_database
from soundsift.studio.records import JobRow, RecordingRow, Status
from soundsift.studio.transaction import transaction

_SPARE_BYTES = 1 << 20
_DAY_SECONDS = 24 * 3600.0
_LEFTOVER = (
    "temporary OR "
    "(path LIKE 'recordings/%' AND substr(path, 12) NOT IN (SELECT id FROM recordings)) OR "
    "(path LIKE 'jobs/%' AND substr(path, 6) NOT IN (SELECT id FROM jobs))"
)
_RECORDING, _JOB = TypeAdapter(RecordingRow), TypeAdapter(JobRow)

_log = logging.getLogger(__name__)


class Database:
    """Recordings, jobs and files. Methods may be called from any thread.

    Unreadable rows, such as those that another program changed, are skipped and logged.

    Args:
        path: file, created if missing.
        most_away: seconds that `now` advances at most while no server runs.

    Raises:
        SoundsiftError: see `open_database`.
    """

    def __init__(self, path: Path, most_away: float = _DAY_SECONDS) -> None:
        self._lock = threading.RLock()
        self._db = open_database(path)
        self._reported: set[str] = set()
        self._spare = path.with_name(f"{path.name}.spare")
        self._keep_spare()
        reading, wall = self._clock()
        away = min(max(0.0, time.time() - wall), most_away)
        self._reading, self._since = reading + away, time.monotonic()

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self.save_clock()
            self._db.close()

    def now(self) -> float:
        """Time by which recordings and jobs expire, in seconds.

        It advances with the time that servers run, and by a bounded step while none does. A wall
        clock that is wrong or is corrected therefore expires nothing.
        """
        return self._reading + time.monotonic() - self._since

    def save_clock(self) -> None:
        """Store the time for the next server, and keep what full disks need."""
        self._keep_spare()
        with suppress(sqlite3.Error):
            self._run("UPDATE clock SET reading = ?, wall = ?", self.now(), time.time())

    def _clock(self) -> tuple[float, float]:
        row = self._db.execute("SELECT reading, wall FROM clock").fetchone()
        now = time.time()
        try:
            return float(row[0]), float(row[1])
        except (TypeError, ValueError):
            self._db.execute("DELETE FROM clock")
            self._db.execute("INSERT INTO clock VALUES (?, ?)", (now, now))
            return now, now

    # --- files ------------------------------------------------------------------------------------

    def list_file(self, path: str, *, temporary: bool = False) -> None:
        """Note that a file or folder is the server's own.

        Args:
            path: relative to the data folder.
            temporary: whether to delete it when the server starts.
        """
        self._run(
            "INSERT INTO files (path, temporary, used) VALUES (?, ?, ?) ON CONFLICT (path) DO "
            "UPDATE SET temporary = excluded.temporary, used = excluded.used",
            *(path, temporary, self.now()),
        )

    def unlist_file(self, path: str) -> None:
        """Note that a file or folder was deleted."""
        self._run_vital("DELETE FROM files WHERE path = ?", path)

    def is_listed(self, path: str) -> bool:
        """Whether a file or folder is the server's own."""
        return bool(self._select("SELECT 1 FROM files WHERE path = ?", path))

    def leftovers(self) -> list[str]:
        """Files that are temporary, or whose recording or job was removed."""
        return [row["path"] for row in self._select(f"SELECT path FROM files WHERE {_LEFTOVER}")]

    def is_leftover(self, path: str) -> bool:
        """Whether a file is one of `leftovers`."""
        return bool(self._select(f"SELECT 1 FROM files WHERE path = ? AND ({_LEFTOVER})", path))

    def use_file(self, path: str) -> None:
        """Note that a file was used."""
        with suppress(sqlite3.OperationalError):
            self._run("UPDATE files SET used = ? WHERE path = ?", self.now(), path)

    def old_files(self, start: str, before: float) -> list[str]:
        """Files whose path has this start and that were last used before a time."""
        rows = self._select(
            "SELECT path FROM files WHERE substr(path, 1, ?) = ? AND used < ?",
            *(len(start), start, before),
        )
        return [row["path"] for row in rows]

    # --- recordings -------------------------------------------------------------------------------

    def add_recording(self, row: RecordingRow) -> None:
        """Add a recording; a known file takes the new name."""
        names = [f.name for f in fields(RecordingRow)]
        marks = ", ".join("?" * len(names))
        self._run(
            f"INSERT INTO recordings ({', '.join(names)}) VALUES ({marks}) "
            "ON CONFLICT (id) DO UPDATE SET name = excluded.name, used = excluded.used",
            *(getattr(row, name) for name in names),
        )

    def recording(self, identity: str) -> RecordingRow | None:
        """Find a recording."""
        return next(self._recordings("WHERE id = ?", identity), None)

    def has_recording(self, identity: str) -> bool:
        """Whether there is a recording, even one whose row can't be read."""
        return bool(self._select("SELECT 1 FROM recordings WHERE id = ?", identity))

    def recordings(self) -> list[RecordingRow]:
        """All recordings, last used first."""
        return list(self._recordings("ORDER BY used DESC"))

    def old_recordings(self, before: float) -> list[RecordingRow]:
        """Recordings without jobs that were last used before a time."""
        return list(
            self._recordings(
                "WHERE used < ? AND id NOT IN (SELECT recording FROM jobs) ORDER BY used", before
            )
        )

    def rename_recording(self, identity: str, name: str) -> None:
        """Give a recording another name."""
        self._run("UPDATE recordings SET name = ? WHERE id = ?", name, identity)

    def use_recording(self, identity: str) -> None:
        """Note that a recording was used."""
        # Reading must work on a full disk.
        with suppress(sqlite3.OperationalError):
            self._run("UPDATE recordings SET used = ? WHERE id = ?", self.now(), identity)

    def remove_recording(self, identity: str) -> bool:
        """Delete a recording's row unless an unfinished job needs it; whether it was deleted."""
        return bool(
            self._run_vital(
                "DELETE FROM recordings WHERE id = ? AND NOT EXISTS (SELECT 1 FROM jobs WHERE "
                "recording = ? AND status IN ('queued', 'running'))",
                identity,
                identity,
            )
        )

    # --- jobs -------------------------------------------------------------------------------------

    def add_job(
        self,
        identity: str,
        recording: str,
        source: tuple[str, str] | None,
        request: Mapping[str, Any],
        most_waiting: int,
    ) -> bool:
        """Add a job unless the queue is full; whether it was added."""
        job, stem = source or (None, None)
        now, used = time.time(), self.now()
        return bool(
            self._run(
                "INSERT INTO jobs (id, recording, source_job, source_stem, request, status, "
                "created, used) SELECT ?, ?, ?, ?, ?, 'queued', ?, ? "
                "WHERE (SELECT count(*) FROM jobs WHERE status = 'queued') < ?",
                *(identity, recording, job, stem, json.dumps(request), now, used, most_waiting),
            )
        )

    def job(self, identity: str) -> JobRow | None:
        """Find a job."""
        return next(self._jobs("WHERE id = ?", identity), None)

    def has_job(self, identity: str) -> bool:
        """Whether there is a job, even one whose row can't be read."""
        return bool(self._select("SELECT 1 FROM jobs WHERE id = ?", identity))

    def jobs(self, limit: int = -1, offset: int = 0) -> list[JobRow]:
        """Jobs, newest first."""
        return list(self._jobs("ORDER BY number DESC LIMIT ? OFFSET ?", limit, offset))

    def jobs_of(self, recording: str) -> list[str]:
        """Ids of the jobs on a recording, newest first."""
        sql = "SELECT id FROM jobs WHERE recording = ? ORDER BY number DESC"
        return [row["id"] for row in self._select(sql, recording)]

    def jobs_on(self, job: str) -> list[JobRow]:
        """Jobs that work on a stem of a job."""
        return list(self._jobs("WHERE source_job = ? ORDER BY number", job))

    def old_jobs(self, before: float) -> list[JobRow]:
        """Ended jobs that were last used before a time, newest first."""
        return list(
            self._jobs(
                "WHERE used < ? AND status NOT IN ('queued', 'running') ORDER BY number DESC",
                before,
            )
        )

    def waiting_before(self, number: int) -> int:
        """Number of queued jobs before a number."""
        sql = "SELECT count(*) FROM jobs WHERE status = 'queued' AND number < ?"
        return int(self._select(sql, number)[0][0])

    def count(self, status: Status) -> int:
        """Number of jobs in a state."""
        return int(self._select("SELECT count(*) FROM jobs WHERE status = ?", status)[0][0])

    def begin_next(self) -> JobRow | None:
        """Start the job that has waited longest; None without waiting jobs."""
        try:
            return self._begin_next()
        except sqlite3.OperationalError as error:
            self._make_room(error)
            return self._begin_next()

    def _begin_next(self) -> JobRow | None:
        with self._transaction():
            for row in self._select("SELECT id FROM jobs WHERE status = 'queued' ORDER BY number"):
                if self.job(row["id"]) is None:
                    self._run(
                        "UPDATE jobs SET status = 'failed', finished = ?, error = ? WHERE id = ?",
                        *(time.time(), "The job's record is damaged.", row["id"]),
                    )
                    continue
                self._run(
                    "UPDATE jobs SET status = 'running', started = ?, attempts = attempts + 1 "
                    "WHERE id = ?",
                    *(time.time(), row["id"]),
                )
                return self.job(row["id"])
            return None

    def wait_again(self, identity: str, *, counted: bool = True) -> None:
        """Put a started job back to its place in the queue.

        Args:
            identity: id of the job.
            counted: whether the attempt counts.
        """
        self._run_vital(
            "UPDATE jobs SET status = 'queued', started = NULL, attempts = attempts - ? "
            "WHERE id = ? AND status = 'running'",
            0 if counted else 1,
            identity,
        )

    def finish(
        self,
        identity: str,
        status: Literal["done", "failed", "cancelled"],
        *,
        error: str | None = None,
        settings: Mapping[str, Any] | None = None,
        target_level_db: float | None = None,
    ) -> bool:
        """End a job; whether it was unfinished."""
        now, used = time.time(), self.now()
        return bool(
            self._run_vital(
                "UPDATE jobs SET status = ?, finished = ?, used = ?, error = ?, settings = ?, "
                "target_level_db = ? WHERE id = ? AND status IN ('queued', 'running')",
                *(status, now, used, error),
                None if settings is None else json.dumps(settings),
                *(target_level_db, identity),
            )
        )

    def cancel_waiting(self, identity: str) -> bool:
        """Cancel a job that was not started; whether it was one."""
        return bool(
            self._run_vital(
                "UPDATE jobs SET status = 'cancelled', finished = ? WHERE id = ? AND "
                "status = 'queued'",
                time.time(),
                identity,
            )
        )

    def use_job(self, identity: str) -> None:
        """Note that a job's results were used."""
        with suppress(sqlite3.OperationalError):
            self._run("UPDATE jobs SET used = ? WHERE id = ?", self.now(), identity)

    def remove_job(self, identity: str) -> bool:
        """Delete an ended job's row unless another job needs it; whether it was deleted."""
        return bool(
            self._run_vital(
                "DELETE FROM jobs WHERE id = ? AND status NOT IN ('queued', 'running') AND NOT "
                "EXISTS (SELECT 1 FROM jobs WHERE source_job = ? AND status IN "
                "('queued', 'running'))",
                identity,
                identity,
            )
        )

    def interrupted(self) -> list[JobRow]:
        """Jobs that were running when the last server ended."""
        return list(self._jobs("WHERE status = 'running' ORDER BY number"))

    # --- SQL --------------------------------------------------------------------------------------

    def _run(self, sql: str, *values: Any) -> int:
        """Execute a statement; the number of changed rows."""
        with self._lock:
            return self._db.execute(sql, values).rowcount

    def _run_vital(self, sql: str, *values: Any) -> int:
        """`_run` for what must work on a full disk: the ends of jobs, and deleting."""
        try:
            return self._run(sql, *values)
        except sqlite3.OperationalError as error:
            self._make_room(error)
            return self._run(sql, *values)

    def _make_room(self, error: sqlite3.OperationalError) -> None:
        """Give a full disk the space that is kept for this; other errors are raised."""
        if not disk_is_full(error):
            raise error
        with suppress(OSError):
            self._spare.unlink()

    def _keep_spare(self) -> None:
        """Have a file whose space can be freed for vital writes."""
        folder = self._spare.parent
        with suppress(OSError):
            if not self._spare.exists() and shutil.disk_usage(folder).free > 16 * _SPARE_BYTES:
                with os.fdopen(os.open(self._spare, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                    # Random: some file systems store zeros in no space at all.
                    file.write(os.urandom(_SPARE_BYTES))

    def _transaction(self) -> AbstractContextManager[None]:
        return transaction(self._db, self._lock)

    def _select(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def _recordings(self, where: str, *values: Any) -> Iterator[RecordingRow]:
        for row in self._select(f"SELECT * FROM recordings {where}", *values):
            try:
                yield _RECORDING.validate_python(dict(row))
            except ValidationError as error:
                self._report("recording", row["id"], error)

    def _jobs(self, where: str, *values: Any) -> Iterator[JobRow]:
        for row in self._select(f"SELECT * FROM jobs {where}", *values):
            try:
                settings = None if row["settings"] is None else json.loads(row["settings"])
                facts = dict(row) | {"request": json.loads(row["request"]), "settings": settings}
                yield _JOB.validate_python(facts)
            except (ValueError, TypeError, RecursionError) as error:
                self._report("job", row["id"], error)

    def _report(self, kind: str, identity: object, error: Exception) -> None:
        """Log an unreadable row, once."""
        key = f"{kind} {identity}"
        if key not in self._reported:
            self._reported.add(key)
            reason = str(error).splitlines()[0]
            _log.warning("the database's row of %s can't be read (%s); skipped", key, reason)
