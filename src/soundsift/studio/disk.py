"""Disk space: a reserve that stays free, and what a full disk looks like."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soundsift.studio.errors import no_room


class DiskSpace:
    """Promises disk space, so that a reserve stays free whatever runs at once.

    Args:
        path: a folder on the disk.
        reserve: bytes that stay free.
    """

    def __init__(self, path: Path, reserve: int) -> None:
        self._path, self._reserve = path, reserve
        self._promised = 0
        self._lock = threading.Lock()

    def free(self) -> int:
        """Bytes that can be promised."""
        return shutil.disk_usage(self._path).free - self._reserve - self._promised

    def take(self, size: int) -> None:
        """Promise bytes until `give`.

        Raises:
            RequestError: there are not so many.
        """
        with self._lock:
            if self.free() < size:
                raise no_room()
            self._promised += size

    def give(self, size: int) -> None:
        """End a promise: the bytes were written, or will not be."""
        with self._lock:
            self._promised -= size

    @contextmanager
    def promise(self, size: int) -> Iterator[None]:
        """`take` and, at the end, `give`."""
        self.take(size)
        try:
            yield
        finally:
            self.give(size)


def disk_is_full(error: BaseException | None) -> bool:
    """Whether an exception, or one that caused it, says that a disk or a quota is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
