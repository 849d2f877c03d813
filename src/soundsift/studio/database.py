"""The database of recordings and jobs: SQLite with a write-ahead log."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

Status = Literal["queued", "running", "done", "failed", "cancelled"]

_TABLES = """
CREATE TABLE IF NOT EXISTS recordings (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    seconds REAL NOT NULL,
    sample_rate INTEGER NOT NULL,
    channels INTEGER NOT NULL,
    has_video INTEGER NOT NULL,
    suffix TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    used REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    recording TEXT NOT NULL,
    source_job TEXT,
    source_stem TEXT,
    request TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    started REAL,
    finished REAL,
    error TEXT,
    settings TEXT,
    target_level_db REAL,
    used REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS jobs_by_status ON jobs (status, number);
CREATE INDEX IF NOT EXISTS jobs_by_recording ON jobs (recording);
"""


@dataclass(frozen=True)
class RecordingRow:
    """A recording.

    Attributes:
        id: SHA-256 of the file as it was uploaded.
        name: of the file, for people; never a path.
        seconds: its length.
        sample_rate: in Hz.
        channels: how many.
        has_video: whether there is a moving picture.
        suffix: of a video with this picture; ".wav" where there is none.
        bytes: of the file as it was uploaded.
        used: when it was last used, in seconds since 1970.
    """

    id: str
    name: str
    seconds: float
    sample_rate: int
    channels: int
    has_video: bool
    suffix: str
    bytes: int
    used: float = field(default_factory=time.time)


@dataclass(frozen=True)
class JobRow:
    """A job.

    Attributes:
        number: in the order of arrival.
        id: made by the server.
        recording: the recording that it began with, some turns ago perhaps.
        source_job: whose stem it works on; None where that is the recording.
        source_stem: which stem.
        request: as it was asked for.
        status: how far it is.
        attempts: how often it was begun.
        created, started, finished: in seconds since 1970.
        error: why it failed, in a sentence.
        settings: everything needed to make the result again.
        target_level_db: energy of the target against what it was lifted from.
        used: when its results were last asked for.
    """

    number: int
    id: str
    recording: str
    source_job: str | None
    source_stem: str | None
    request: dict[str, Any]
    status: Status
    attempts: int
    created: float
    started: float | None
    finished: float | None
    error: str | None
    settings: dict[str, Any] | None
    target_level_db: float | None
    used: float


class Database:
    """All recordings and jobs. Methods may be called from any thread.

    Args:
        path: of the database, made if missing.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        # The log is on the disk at every checkpoint: a power cut may cost the last jobs, not the
        # database.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    # --- recordings -------------------------------------------------------------------------------

    def add_recording(self, row: RecordingRow) -> None:
        """Add a recording; the same file under another name takes the new one."""
        names = [f.name for f in fields(RecordingRow)]
        marks = ", ".join("?" * len(names))
        self._run(
            f"INSERT INTO recordings ({', '.join(names)}) VALUES ({marks}) "
            "ON CONFLICT (id) DO UPDATE SET name = excluded.name, used = excluded.used",
            *(getattr(row, name) for name in names),
        )

    def recording(self, identity: str) -> RecordingRow | None:
        """A recording by its id."""
        return next(self._recordings("WHERE id = ?", identity), None)

    def recordings(self) -> list[RecordingRow]:
        """All of them, those used last first."""
        return list(self._recordings("ORDER BY used DESC"))

    def old_recordings(self, before: float) -> list[RecordingRow]:
        """Those that were last used before that, and that no job is left of."""
        return list(
            self._recordings(
                "WHERE used < ? AND id NOT IN (SELECT recording FROM jobs) ORDER BY used", before
            )
        )

    def use_recording(self, identity: str) -> None:
        """Note that it was used."""
        self._run("UPDATE recordings SET used = ? WHERE id = ?", time.time(), identity)

    def remove_recording(self, identity: str) -> bool:
        """Remove a recording that no unfinished job needs; whether it could be removed."""
        return bool(
            self._run(
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
        """Add a job to the queue, unless the queue is full; whether there was room."""
        job, stem = source or (None, None)
        now = time.time()
        return bool(
            self._run(
                "INSERT INTO jobs (id, recording, source_job, source_stem, request, status, "
                "created, used) SELECT ?, ?, ?, ?, ?, 'queued', ?, ? "
                "WHERE (SELECT count(*) FROM jobs WHERE status = 'queued') < ?",
                *(identity, recording, job, stem, json.dumps(request), now, now, most_waiting),
            )
        )

    def job(self, identity: str) -> JobRow | None:
        """A job by its id."""
        return next(self._jobs("WHERE id = ?", identity), None)

    def jobs(self, limit: int = -1, offset: int = 0) -> list[JobRow]:
        """Jobs, the newest first."""
        return list(self._jobs("ORDER BY number DESC LIMIT ? OFFSET ?", limit, offset))

    def jobs_on(self, job: str) -> list[JobRow]:
        """Jobs that work on a stem of this one."""
        return list(self._jobs("WHERE source_job = ? ORDER BY number", job))

    def old_jobs(self, before: float) -> list[JobRow]:
        """Finished ones whose results were last asked for before that, the newest first."""
        return list(
            self._jobs(
                "WHERE used < ? AND status NOT IN ('queued', 'running') ORDER BY number DESC",
                before,
            )
        )

    def waiting_before(self, number: int) -> int:
        """Jobs in the queue before this number."""
        with self._lock:
            found = self._db.execute(
                "SELECT count(*) FROM jobs WHERE status = 'queued' AND number < ?", (number,)
            )
            return int(found.fetchone()[0])

    def count(self, status: Status) -> int:
        """Jobs in a state."""
        with self._lock:
            found = self._db.execute("SELECT count(*) FROM jobs WHERE status = ?", (status,))
            return int(found.fetchone()[0])

    def begin_next(self) -> JobRow | None:
        """Take the job that has waited longest; None if none waits."""
        with self._transaction():
            job = next(self._jobs("WHERE status = 'queued' ORDER BY number LIMIT 1"), None)
            if job is None:
                return None
            self._run(
                "UPDATE jobs SET status = 'running', started = ?, attempts = attempts + 1 "
                "WHERE id = ?",
                time.time(),
                job.id,
            )
            return self.job(job.id)

    def wait_again(self, identity: str, *, counted: bool = True) -> None:
        """Put a job that was begun back into the queue, where it was.

        Args:
            identity: the job.
            counted: whether it is to blame for its end, and has one attempt less.
        """
        self._run(
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
        """End a job; whether it had not ended before."""
        now = time.time()
        return bool(
            self._run(
                "UPDATE jobs SET status = ?, finished = ?, used = ?, error = ?, settings = ?, "
                "target_level_db = ? WHERE id = ? AND status IN ('queued', 'running')",
                *(status, now, now, error),
                None if settings is None else json.dumps(settings),
                *(target_level_db, identity),
            )
        )

    def cancel_waiting(self, identity: str) -> bool:
        """Cancel a job that was not begun; whether it was one."""
        return bool(
            self._run(
                "UPDATE jobs SET status = 'cancelled', finished = ? WHERE id = ? AND "
                "status = 'queued'",
                time.time(),
                identity,
            )
        )

    def use_job(self, identity: str) -> None:
        """Note that its results were asked for."""
        self._run("UPDATE jobs SET used = ? WHERE id = ?", time.time(), identity)

    def remove_job(self, identity: str) -> bool:
        """Remove a job that has ended; whether it could be removed."""
        return bool(
            self._run(
                "DELETE FROM jobs WHERE id = ? AND status NOT IN ('queued', 'running') AND NOT "
                "EXISTS (SELECT 1 FROM jobs WHERE source_job = ? AND status IN "
                "('queued', 'running'))",
                identity,
                identity,
            )
        )

    def interrupted(self) -> list[JobRow]:
        """Those that were running when the last server ended."""
        return list(self._jobs("WHERE status = 'running' ORDER BY number"))

    # --- SQL --------------------------------------------------------------------------------------

    def _run(self, sql: str, *values: Any) -> int:
        """Rows changed."""
        with self._lock:
            return self._db.execute(sql, values).rowcount

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _recordings(self, where: str, *values: Any) -> Iterator[RecordingRow]:
        with self._lock:
            rows = self._db.execute(f"SELECT * FROM recordings {where}", values).fetchall()
        for row in rows:
            yield RecordingRow(**dict(row) | {"has_video": bool(row["has_video"])})

    def _jobs(self, where: str, *values: Any) -> Iterator[JobRow]:
        with self._lock:
            rows = self._db.execute(f"SELECT * FROM jobs {where}", values).fetchall()
        for row in rows:
            settings = None if row["settings"] is None else json.loads(row["settings"])
            yield JobRow(
                **dict(row) | {"request": json.loads(row["request"]), "settings": settings}
            )
