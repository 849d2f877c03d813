"""Staging folders: files are written there and move to their places together.

A staging folder is hidden, lies in the output folder and is locked while its process works. When
all files are on the disk, a note lists them; then they move. A process that is killed before the
note leaves rubbish; one that is killed after it leaves a move that `leftovers` completes.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows has no locks of this kind
    fcntl = None  # type: ignore[assignment]

#: Names of staging folders and, with a suffix, of temporary files.
STAGING_NAME = re.compile(r"\.soundsift-[0-9a-f]{16}(\.tmp)?")
_PREFIX = ".soundsift-"
MARKER, NOTE, _DRAFT = ".unfinished", ".complete", ".complete-part"

# Windows can't address files relative to an open folder. Files are moved there by path, and what a
# killed process leaves stays.
BY_DESCRIPTOR = {os.open, os.stat, os.link, os.rename, os.unlink, os.rmdir} <= os.supports_dir_fd
NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)

# What file systems without hard links answer.
NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP}

# Where locks don't work, what is older than this counts as left over.
_OLD_SECONDS = 24 * 3600.0
# Creating a temporary file and locking it are microseconds apart; a process may be stopped then.
_PATIENCE_SECONDS, _PAUSE_SECONDS = 1.0, 0.005


def new_name(suffix: str = "") -> str:
    """A name for a staging folder or, with ".tmp", a temporary file."""
    return f"{_PREFIX}{secrets.token_hex(8)}{suffix}"


def is_plain_name(name: object) -> bool:
    """Whether a value names a file within a folder: no path, no reserved name."""
    return (
        isinstance(name, str)
        and name not in ("", "..", MARKER, NOTE, _DRAFT)
        and "\0" not in name
        and Path(name).name == name
        and not name.startswith(_PREFIX)
    )


class StagingFolder:
    """Files on their way to one folder.

    Args:
        folder: The output folder; must exist.

    Attributes:
        path: Where the files are written.
        names: Names of the files so far, in the order in which they will appear.

    Raises:
        OSError: The staging folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / new_name()
        self.names: list[str] = []
        self._folder = folder
        self._descriptor = -1
        with exclusive_access(folder):
            self.path.mkdir(mode=0o700)
            try:
                if BY_DESCRIPTOR:
                    self._descriptor = os.open(self.path, FOLDER | NO_FOLLOW)
                    hold(self._descriptor)
                os.close(self._open(MARKER, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            except BaseException:
                self.remove()
                raise

    def file(self, name: str) -> Path:
        """Where to write the file that will have this name.

        Raises:
            ValueError: The name is a path or reserved.
        """
        if not is_plain_name(name):
            raise ValueError(f"{name!r} is not a plain file name")
        self.names.append(name)
        return self.path / name

    def complete(self, *, overwrite: bool) -> None:
        """Put the files on the disk and move them to their places.

        Args:
            overwrite: Whether existing files may be replaced.

        Raises:
            FileExistsError: A file exists and `overwrite` is off; no file has moved.
            OSError: A file is missing, not regular, or cannot be moved.
        """
        for name in self.names:
            self._flush(name)
        draft = self._open(_DRAFT, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with os.fdopen(draft, "w", encoding="utf-8") as file:
            json.dump(self._note(overwrite), file)
            file.flush()
            os.fsync(file.fileno())
        # Two programs that replace the same files must not take turns.
        with exclusive_access(self._folder):
            try:
                self._rename(_DRAFT, self.path / NOTE)
                self._move(overwrite)
            except (KeyboardInterrupt, SystemExit):
                # An interruption, too, means all files or none, and the rest takes no time.
                if (self.path / NOTE).exists():
                    self._move(overwrite)
                raise

    def remove(self) -> None:
        """Remove the folder with what is left in it, and release its lock."""
        if self._descriptor < 0:
            shutil.rmtree(self.path, ignore_errors=True)
            return
        try:
            with suppress(OSError):
                empty_folder(self._descriptor)
                self.path.rmdir()
        finally:
            os.close(self._descriptor)
            self._descriptor = -1

    def _note(self, overwrite: bool) -> dict[str, Any]:
        """The facts by which recovery knows its files again."""
        files: dict[str, list[int]] = {}
        replaced: dict[str, list[int]] = {}
        for name in self.names:
            files[name] = identity(self._stat(name))
            with suppress(FileNotFoundError):
                if overwrite:
                    replaced[name] = untouched(os.lstat(self._folder / name))
        marker = untouched(self._stat(MARKER))
        return {"marker": marker, "files": files, "replaces": replaced}

    def _move(self, overwrite: bool) -> None:
        moved: list[str] = []
        try:
            for name in self.names:
                # After an interruption some have moved already.
                with suppress(FileNotFoundError):
                    self._appear(name, overwrite)
                moved.append(name)
        except OSError:
            # Another program may have made one of the files since the last look.
            self._unlink(NOTE)
            for name in moved:
                with suppress(OSError):
                    if same_file(self._stat(name), os.lstat(self._folder / name)):
                        (self._folder / name).unlink()
            raise

    def _appear(self, name: str, overwrite: bool) -> None:
        target = self._folder / name
        if overwrite:
            self._rename(name, target)
            return
        source = self._stat(name)
        try:
            if self._descriptor < 0:
                os.link(self.path / name, target)
            else:
                os.link(name, target, src_dir_fd=self._descriptor, follow_symlinks=False)
        except FileExistsError:
            if not same_file(source, os.lstat(target)):
                raise
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from error
            self._rename(name, target)

    def _open(self, name: str, flags: int) -> int:
        if self._descriptor < 0:
            return os.open(self.path / name, flags, 0o600)
        return os.open(name, flags | NO_FOLLOW, 0o600, dir_fd=self._descriptor)

    def _flush(self, name: str) -> None:
        """Put a file on the disk; a power cut after the move would else leave it empty."""
        if not stat.S_ISREG(self._stat(name).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", name)
        descriptor = self._open(name, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _stat(self, name: str) -> os.stat_result:
        if self._descriptor < 0:
            return os.lstat(self.path / name)
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)

    def _rename(self, name: str, target: Path) -> None:
        if self._descriptor < 0:
            (self.path / name).replace(target)
        else:
            os.replace(name, target, src_dir_fd=self._descriptor)

    def _unlink(self, name: str) -> None:
        if self._descriptor < 0:
            (self.path / name).unlink()
        else:
            os.unlink(name, dir_fd=self._descriptor)


def empty_folder(descriptor: int) -> None:
    """Remove the files of a staging folder; those that say what it is come last."""
    for name in sorted(file_names(descriptor), key=_rank):
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=descriptor)


def file_names(descriptor: int) -> list[str]:
    """Names of all entries of an open folder."""
    with os.scandir(descriptor) as entries:
        return [entry.name for entry in entries]


def _rank(name: str) -> int:
    return {NOTE: 1, MARKER: 2}.get(name, 0)


def identity(found: os.stat_result) -> list[int]:
    """What stays the same while a file is linked and moved."""
    return [found.st_ino, found.st_size, found.st_mtime_ns]


def untouched(found: os.stat_result) -> list[int]:
    """What changes whenever a file is touched; only the kernel sets the time of change."""
    return [found.st_ino, found.st_ctime_ns]


def same_file(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether two names lead to one file."""
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


# --- locks, which end with their process ---------------------------------------------------------


def hold(descriptor: int) -> None:
    """Lock a file or folder for as long as the descriptor is open, at most until the process ends.

    Without locks, as on some network file systems, this does nothing.

    Args:
        descriptor: Of an open file or folder.
    """
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def exclusive_access(folder: Path) -> Iterator[None]:
    """Keep other programs from making, moving and clearing temporary files in a folder.

    Else one that was just made and not locked yet would look abandoned. Others wait for a second
    at most.

    Args:
        folder: The output folder.
    """
    if fcntl is None:
        yield
        return
    try:
        descriptor = os.open(folder, FOLDER)
    except PermissionError:
        # A folder may be writable but not readable, and so not listed either.
        yield
        return
    try:
        wait_for_lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def wait_for_lock(descriptor: int) -> bool:
    """Lock a folder; False if another process has kept it for a second."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(_PAUSE_SECONDS)
        except OSError:
            return True
        else:
            return True


def is_abandoned(descriptor: int, found: os.stat_result) -> bool:
    """Whether the process that made a temporary file or folder has ended.

    Args:
        descriptor: Of the file or folder, opened while the output folder is locked.
        found: Its status.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return time.time() - found.st_mtime > _OLD_SECONDS
    return True
