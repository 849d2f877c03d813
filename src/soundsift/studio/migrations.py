"""Open the database: create it, refuse unknown versions, migrate older ones after a backup."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from soundsift.errors import SoundsiftError

_VERSION_1 = """
CREATE TABLE recordings (
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
CREATE TABLE jobs (
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
CREATE INDEX jobs_by_status ON jobs (status, number);
CREATE INDEX jobs_by_recording ON jobs (recording);
"""

# Every file and folder that the studio creates is listed before it is created, and only listed
# ones are ever deleted. The clock advances with use, see `Database.now`.
_VERSION_2 = """
CREATE TABLE files (
    path TEXT PRIMARY KEY,
    temporary INTEGER NOT NULL,
    used REAL NOT NULL
);
CREATE TABLE clock (reading REAL NOT NULL, wall REAL NOT NULL);
"""

_HASH, _TOKEN = "[0-9a-f]{64}", "[0-9a-f]{32}"
#: Names that servers of schema version 1 gave.
_NAMES_1 = {
    "recordings": re.compile(_HASH),
    "jobs": re.compile(_TOKEN),
    "partial": re.compile(_TOKEN),
    "copies": re.compile(rf"({_HASH}|{_TOKEN}\.(target|residual))\.[a-z0-9]+"),
}


def open_database(path: Path) -> sqlite3.Connection:
    """Open the database of a data folder in the current schema version.

    Args:
        path: file, created if missing. A file of an older version is backed up beside it first.

    Returns:
        A connection in autocommit mode, usable from any thread under a lock.

    Raises:
        SoundsiftError: the file is no such database, damaged, or of a newer version.
    """
    # Created here: SQLite would make it readable for other users.
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)):
        pass
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        version = _version(connection)
        if not 0 <= version <= len(_MIGRATIONS):
            raise SoundsiftError(
                f"{path} has schema version {version}; this version of soundsift reads up to "
                f"{len(_MIGRATIONS)}. Update soundsift, or choose another folder (--data)."
            )
        if 0 < version < len(_MIGRATIONS):
            _back_up(connection, path, version)
        for number in range(version, len(_MIGRATIONS)):
            _migrate(connection, path, number)
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        connection.close()
        raise SoundsiftError(
            f"{path} can't be opened ({error}). Free disk space, check its permissions, or choose "
            "another folder (--data)."
        ) from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise SoundsiftError(
            f"{path} is damaged ({error}). Restore it from a backup, or choose another folder "
            "(--data)."
        ) from error
    except BaseException:
        connection.close()
        raise
    # Written to the disk at every checkpoint: a power cut may lose the last jobs, not more.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.row_factory = sqlite3.Row
    return connection


def is_studio_database(path: Path) -> bool:
    """Whether a file is a database of the studio, of any version."""
    if path.is_symlink() or not path.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            return {"recordings", "jobs"} <= _tables(connection)
    except sqlite3.Error:
        return False


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def _version(connection: sqlite3.Connection) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = _tables(connection)
    if version == 0 and tables:
        if not {"recordings", "jobs"} <= tables:
            raise sqlite3.DatabaseError("it has other tables")
        # Before versions were counted.
        return 1
    return version


def _back_up(connection: sqlite3.Connection, path: Path, version: int) -> None:
    place, count = path.with_name(f"{path.name}.v{version}.backup"), 1
    while place.exists():
        count += 1
        place = path.with_name(f"{path.name}.v{version}.backup{count}")
    os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(place)) as backup:
        connection.backup(backup)


def _migrate(connection: sqlite3.Connection, path: Path, number: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        _MIGRATIONS[number](connection, path)
        connection.execute(f"PRAGMA user_version = {number + 1}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _to_1(connection: sqlite3.Connection, _: Path) -> None:
    _execute_all(connection, _VERSION_1)


def _to_2(connection: sqlite3.Connection, path: Path) -> None:
    _execute_all(connection, _VERSION_2)
    now = time.time()
    # Uses were noted by the wall clock before; the last one is the latest time that is certain.
    (last,) = connection.execute(
        "SELECT max(used) FROM (SELECT used FROM recordings UNION ALL SELECT used FROM jobs) "
        "WHERE typeof(used) = 'real'"
    ).fetchone()
    reading = now if last is None else min(float(last), now)
    connection.execute("INSERT INTO clock VALUES (?, ?)", (reading, reading))
    for folder, pattern in _NAMES_1.items():
        place = path.parent / folder
        for found in place.iterdir() if place.is_dir() and not place.is_symlink() else ():
            name = found.name
            known = (
                folder in ("partial", "copies")
                or connection.execute(f"SELECT 1 FROM {folder} WHERE id = ?", (name,)).fetchone()
            )
            if known and pattern.fullmatch(name):
                connection.execute(
                    "INSERT INTO files VALUES (?, ?, ?)",
                    (f"{folder}/{name}", folder == "partial", reading),
                )


def _execute_all(connection: sqlite3.Connection, script: str) -> None:
    # Not `executescript`, which ends the transaction.
    for statement in script.split(";"):
        if statement.strip():
            connection.execute(statement)


_MIGRATIONS: tuple[Callable[[sqlite3.Connection, Path], None], ...] = (_to_1, _to_2)
