"""The listeners' answers: a SQLite database with a write-ahead log.

Nothing is stored about a listener but a random id. An answer is on the disk before it is
acknowledged (`synchronous = FULL`).
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from soundsift.errors import SoundsiftError
from soundsift.evaluation.listening_test.design import AXES, Axis, Cell, Trial
from soundsift.studio.transaction import transaction

_RATINGS = [f"{side}_{axis}" for side in ("a", "b") for axis in AXES]
_VERSION = 1
_SCHEMA = f"""
CREATE TABLE listeners (
    id TEXT PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE,
    created REAL NOT NULL,
    seen REAL NOT NULL,
    plan TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    headphones INTEGER,
    finished REAL
);
CREATE TABLE answers (
    listener TEXT NOT NULL REFERENCES listeners (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    item TEXT NOT NULL,
    a TEXT NOT NULL,
    b TEXT NOT NULL,
    {",".join(f"{name} INTEGER NOT NULL CHECK ({name} BETWEEN 1 AND 5)" for name in _RATINGS)},
    choice TEXT NOT NULL CHECK (choice IN ('a', 'b')),
    seconds REAL NOT NULL,
    answered REAL NOT NULL,
    PRIMARY KEY (listener, position)
);
"""
#: No letters or digits that are easily taken for one another.
_ID_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
_ID_LENGTH = 14
#: Sessions without an answer for so long no longer reserve their comparisons.
_OPEN_SECONDS = 24 * 3600.0

Ratings = dict[Axis, int]


@dataclass(frozen=True)
class Answer:
    """Answer to one comparison.

    Attributes:
        listener: id of the listener.
        trial: what was compared.
        ratings_a: rating of output A by axis, 1 to 5.
        ratings_b: rating of output B by axis, 1 to 5.
        choice: the preferred output.
        seconds: time that the comparison took.
        position: place in the session.
    """

    listener: str
    trial: Trial
    ratings_a: Ratings
    ratings_b: Ratings
    choice: Literal["a", "b"]
    seconds: float = 0.0
    position: int = 0

    @property
    def rated(self) -> tuple[tuple[str, Ratings], tuple[str, Ratings]]:
        """Both systems with their ratings."""
        return (self.trial.a, self.ratings_a), (self.trial.b, self.ratings_b)

    @property
    def winner(self) -> str:
        """The system that was preferred."""
        return self.trial.a if self.choice == "a" else self.trial.b


@dataclass(frozen=True)
class Listener:
    """A listener's session.

    Attributes:
        id: random id.
        number: how many listeners there were before.
        plan: trials of the session.
        attempts: attempts at the headphone check.
        headphones: whether the check was passed; None before its end.
        finished: whether all trials are answered.
    """

    id: str
    number: int
    plan: tuple[Trial, ...]
    attempts: int
    headphones: bool | None
    finished: bool


class Answers:
    """Database of the answers of one test. Methods may be called from any thread.

    Args:
        path: file, created if missing.

    Raises:
        SoundsiftError: the file can't be opened, or is no such database.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            # Each commit is written to the disk before it returns; NORMAL would wait.
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            # Deleted answers are overwritten.
            self._db.execute("PRAGMA secure_delete = ON")
            self._prepare(path)
        except sqlite3.Error as error:
            raise SoundsiftError(
                f"{path} can't be used as the database of answers ({error}). Check its "
                "permissions, free some disk space, or restore it from a backup."
            ) from error
        path.chmod(0o600)

    def _prepare(self, path: Path) -> None:
        with self._transaction():
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    if statement.strip():
                        self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {_VERSION}")
            elif version != _VERSION:
                raise SoundsiftError(
                    f"{path} has schema version {version}; this version of soundsift reads "
                    f"{_VERSION}. Update soundsift."
                )

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    # --- listeners --------------------------------------------------------------------------------

    def next_number(self) -> int:
        """Number of the next listener."""
        (last,) = self._one("SELECT coalesce(max(number), -1) FROM listeners")
        return int(last) + 1

    def add_listener(self, number: int, plan: Sequence[Trial]) -> str:
        """Store a new listener's session; its random id."""
        identity = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
        stored = json.dumps([asdict(trial) for trial in plan])
        now = time.time()
        self._run(
            "INSERT INTO listeners (id, number, created, seen, plan) VALUES (?, ?, ?, ?, ?)",
            *(identity, number, now, now, stored),
        )
        return identity

    def listener(self, identity: str) -> Listener | None:
        """A listener's session; None if there is none by this id."""
        row = self._one("SELECT * FROM listeners WHERE id = ?", identity)
        return None if row is None else _listener(row)

    def listeners(self) -> list[Listener]:
        """All sessions in the order of their numbers."""
        return [_listener(row) for row in self._all("SELECT * FROM listeners ORDER BY number")]

    def note_headphones(self, identity: str, passed: bool | None) -> None:
        """Count an attempt at the headphone check; `passed` is None if another one follows."""
        self._run(
            "UPDATE listeners SET attempts = attempts + 1, headphones = ? WHERE id = ?",
            *(passed, identity),
        )

    def remove_listener(self, identity: str) -> None:
        """Delete a listener with all answers."""
        self._run("DELETE FROM listeners WHERE id = ?", identity)
        # Else the write-ahead log would keep them for a while.
        self._run("PRAGMA wal_checkpoint(TRUNCATE)")

    # --- answers ----------------------------------------------------------------------------------

    def count(self, identity: str) -> int:
        """Number of answered trials of a listener, which is the position of the next one."""
        (number,) = self._one("SELECT count(*) FROM answers WHERE listener = ?", identity)
        return int(number)

    def add(self, answer: Answer) -> bool:
        """Store an answer to the next trial; it is on the disk when this returns.

        The same answer may come again if its acknowledgement was lost.

        Returns:
            False if its position was answered otherwise before, or is not the next one.
        """
        with self._transaction():
            old = self._one(
                "SELECT * FROM answers WHERE listener = ? AND position = ?",
                *(answer.listener, answer.position),
            )
            if old is not None:
                known = _answer(old)
                return (known.ratings_a, known.ratings_b, known.choice) == (
                    answer.ratings_a,
                    answer.ratings_b,
                    answer.choice,
                )
            if self.count(answer.listener) != answer.position:
                return False
            now, trial = time.time(), answer.trial
            ratings = [r[axis] for r in (answer.ratings_a, answer.ratings_b) for axis in AXES]
            marks = ", ".join("?" * (9 + len(ratings)))
            self._db.execute(
                f"INSERT INTO answers (listener, position, kind, item, a, b, {', '.join(_RATINGS)},"
                f" choice, seconds, answered) VALUES ({marks})",
                (
                    *(answer.listener, answer.position, trial.kind, trial.item, trial.a, trial.b),
                    *ratings,
                    *(answer.choice, answer.seconds, now),
                ),
            )
            self._db.execute("UPDATE listeners SET seen = ? WHERE id = ?", (now, answer.listener))
        return True

    def finish(self, identity: str) -> None:
        """Note that a listener has answered all trials."""
        self._run("UPDATE listeners SET finished = ? WHERE id = ?", time.time(), identity)

    def answers(self) -> list[Answer]:
        """All answers, in the order of listeners and positions."""
        rows = self._all(
            "SELECT answers.* FROM answers JOIN listeners ON listeners.id = listener "
            "ORDER BY number, position"
        )
        return [_answer(row) for row in rows]

    def taken(self) -> Counter[Cell]:
        """How often each pair of systems of each item was compared, or is about to be."""
        counts: Counter[Cell] = Counter()
        for row in self._all("SELECT item, a, b FROM answers WHERE kind = 'comparison'"):
            counts[row["item"], frozenset((row["a"], row["b"]))] += 1
        since = time.time() - _OPEN_SECONDS
        for row in self._all("SELECT * FROM listeners WHERE finished IS NULL AND seen > ?", since):
            listener = _listener(row)
            for trial in listener.plan[self.count(listener.id) :]:
                if trial.kind == "comparison":
                    counts[trial.cell] += 1
        return counts

    # --- SQL --------------------------------------------------------------------------------------

    def _run(self, sql: str, *values: Any) -> None:
        with self._lock:
            self._db.execute(sql, values)

    def _one(self, sql: str, *values: Any) -> Any:
        with self._lock:
            return self._db.execute(sql, values).fetchone()

    def _all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def _transaction(self) -> AbstractContextManager[None]:
        return transaction(self._db, self._lock)


def _listener(row: sqlite3.Row) -> Listener:
    return Listener(
        id=row["id"],
        number=row["number"],
        plan=tuple(Trial(**trial) for trial in json.loads(row["plan"])),
        attempts=row["attempts"],
        headphones=None if row["headphones"] is None else bool(row["headphones"]),
        finished=row["finished"] is not None,
    )


def _answer(row: sqlite3.Row) -> Answer:
    return Answer(
        listener=row["listener"],
        trial=Trial(row["kind"], row["item"], row["a"], row["b"]),
        ratings_a={axis: row[f"a_{axis}"] for axis in AXES},
        ratings_b={axis: row[f"b_{axis}"] for axis in AXES},
        choice=row["choice"],
        seconds=row["seconds"],
        position=row["position"],
    )
