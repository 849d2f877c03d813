"""A transaction of a SQLite database that several threads share."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager


@contextmanager
def transaction(
    database: sqlite3.Connection, lock: AbstractContextManager[object]
) -> Iterator[None]:
    """Write all that is done within, or nothing.

    Args:
        database: without transactions of its own (`isolation_level=None`).
        lock: held meanwhile.
    """
    with lock:
        database.execute("BEGIN IMMEDIATE")
        try:
            yield
            database.execute("COMMIT")
        finally:
            # Some errors have rolled back already.
            if database.in_transaction:
                database.execute("ROLLBACK")
