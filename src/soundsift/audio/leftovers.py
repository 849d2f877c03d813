"""Complete or remove what killed processes left in output folders.

An output folder may come from a stranger, as an unpacked archive or a shared folder does. So a
note of unfinished work is trusted only if this user wrote it on this disk: it holds inode numbers
and the time at which the kernel changed a marker file, which no archive can set. Folders are held
by descriptor and links are never followed, so a move cannot be redirected while it goes on.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from soundsift.audio.staging import (
    BY_DESCRIPTOR,
    FOLDER,
    MARKER,
    NO_FOLLOW,
    NO_LINKS,
    NOTE,
    STAGING_NAME,
    empty_folder,
    file_names,
    identity,
    is_abandoned,
    is_plain_name,
    same_file,
    untouched,
    wait_for_lock,
)

_LARGEST_NOTE = 2**20


def clear_leftovers(folder: Path) -> None:
    """Complete or remove what killed processes left in an output folder.

    What is still being written stays, as does everything that this user did not write: links,
    files and folders of others, and notes that were copied, unpacked or made up. A file that has
    been added or changed since the process was killed is never replaced.

    Args:
        folder: The output folder; may be missing.
    """
    if not BY_DESCRIPTOR:
        return
    with suppress(OSError), _opened(folder, FOLDER) as descriptor:
        names = sorted(filter(STAGING_NAME.fullmatch, file_names(descriptor)))
        if not names or not wait_for_lock(descriptor):
            return
        for name in names:
            with suppress(OSError):
                _clear(name, descriptor)


def _clear(name: str, folder: int) -> None:
    """Clear one leftover; `folder` is the descriptor of the output folder."""
    # A named pipe would keep a blocking open waiting.
    with _opened(name, os.O_RDONLY | os.O_NONBLOCK | NO_FOLLOW, folder) as descriptor:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid() or not is_abandoned(descriptor, found):
            return
        if stat.S_ISREG(found.st_mode) and name.endswith(".tmp"):
            os.unlink(name, dir_fd=folder)
        elif stat.S_ISDIR(found.st_mode) and not name.endswith(".tmp"):
            if _recovered(descriptor, folder):
                empty_folder(descriptor)
            # Fails, as it should, where the folder still holds something.
            os.rmdir(name, dir_fd=folder)


@dataclass(frozen=True)
class _Note:
    """Files of a complete staging folder: identities by name, and what they may replace."""

    files: Mapping[str, list[int]]
    replaces: Mapping[str, list[int]]


def _recovered(staging: int, folder: int) -> bool:
    """Move the files of a staging folder if its note says so; whether the rest may be removed."""
    try:
        marker = os.stat(MARKER, dir_fd=staging, follow_symlinks=False)
    except FileNotFoundError:
        return False
    if not _is_own_file(marker):
        return False
    try:
        note = _read_note(staging, marker)
    except FileNotFoundError:
        return True
    if note is None:
        return False
    for name, noted in note.files.items():
        # What has moved already is missing.
        with suppress(FileNotFoundError):
            source = os.stat(name, dir_fd=staging, follow_symlinks=False)
            if not stat.S_ISREG(source.st_mode) or source.st_uid != os.geteuid():
                return False
            if identity(source) == noted:
                _recover(name, source, note.replaces.get(name), staging, folder)
    return True


def _recover(
    name: str, source: os.stat_result, replaced: list[int] | None, staging: int, folder: int
) -> None:
    try:
        target = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        # A second name elsewhere would let others change the file afterwards.
        if source.st_nlink == 1:
            _link(name, staging, folder)
        return
    if not same_file(source, target) and untouched(target) == replaced and source.st_nlink == 1:
        os.replace(name, name, src_dir_fd=staging, dst_dir_fd=folder)


def _link(name: str, staging: int, folder: int) -> None:
    try:
        os.link(name, name, src_dir_fd=staging, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        pass
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        os.rename(name, name, src_dir_fd=staging, dst_dir_fd=folder)


def _read_note(staging: int, marker: os.stat_result) -> _Note | None:
    """The note of a staging folder; None if this user did not write it here.

    Raises:
        FileNotFoundError: There is none.
    """
    with _opened(NOTE, os.O_RDONLY | os.O_NONBLOCK | NO_FOLLOW, staging) as descriptor:
        found = os.fstat(descriptor)
        if not _is_own_file(found) or found.st_size > _LARGEST_NOTE:
            return None
        data = os.read(descriptor, _LARGEST_NOTE)
    try:
        note = json.loads(data)
        if note["marker"] != untouched(marker):
            return None
        files, replaces = dict(note["files"]), dict(note["replaces"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return _Note(files, replaces) if all(map(is_plain_name, (*files, *replaces))) else None


def _is_own_file(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_nlink == 1


@contextmanager
def _opened(path: Path | str, flags: int, folder: int | None = None) -> Iterator[int]:
    descriptor = os.open(path, flags, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
