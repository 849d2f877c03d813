"""Output files that appear whole or not at all: one alone, or several at once."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from soundsift.audio.staging import StagingFolder, exclusive_access, hold, new_name
from soundsift.errors import SoundsiftError

_MOST_ATTEMPTS = 3


@contextmanager
def atomic_files(folder: Path, *, overwrite: bool = False) -> Iterator[StagingFolder]:
    """Collect files that appear in a folder all at once, or not at all.

    Args:
        folder: The output folder; made if missing.
        overwrite: Whether existing files may be replaced.

    Yields:
        Where to write the files.

    Raises:
        SoundsiftError: A file exists already and `overwrite` is off, or cannot be written.
    """
    made: list[Path] = []
    done = False
    try:
        made, staging = _stage(folder)
        try:
            yield staging
            for name in staging.names:
                ensure_writable(folder / name, overwrite=overwrite)
            staging.complete(overwrite=overwrite)
            done = True
        finally:
            staging.remove()
    except FileExistsError as error:
        raise _exists(Path(error.filename2 or error.filename or folder)) from error
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        if not done:
            for empty in made:
                with suppress(OSError):
                    empty.rmdir()


@contextmanager
def atomic_file(path: str | Path, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """Open a temporary file in the same folder that moves to its place once it is complete.

    On any error, an interruption included, the temporary file is removed and the old file, if any,
    is untouched.

    Args:
        path: The file to write; missing folders are made.
        overwrite: Whether an existing file may be replaced.

    Yields:
        The open file.

    Raises:
        SoundsiftError: The file exists and `overwrite` is off, or it cannot be written.
    """
    path = Path(path)
    ensure_writable(path, overwrite=overwrite)
    # Not named after the file: a name of 255 bytes has no room for more.
    temporary = path.parent / new_name(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with exclusive_access(path.parent):
                opened = temporary.open("xb")
                hold(opened.fileno())
            with opened as file:
                yield file
                file.flush()
                # Without it, a power cut after the move may leave an empty file under the final
                # name.
                os.fsync(file.fileno())
            _move(temporary, path, overwrite)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def ensure_writable(path: str | Path, *, overwrite: bool = False) -> None:
    """Refuse, before any long work, a place where the result could not be written.

    Makes no file and no folder.

    Args:
        path: The file to be written.
        overwrite: Whether an existing file may be replaced.

    Raises:
        SoundsiftError: The file exists and `overwrite` is off, it is a folder, or its folder can't
            be written.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise SoundsiftError(f"{path} is a folder. Give the name of a file.")
        # A link that leads nowhere is there, too.
        if os.path.lexists(path) and not overwrite:
            raise _exists(path)
        folder = path.parent
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        is_folder = folder.is_dir()
    except OSError as error:
        raise cannot_write(path, error) from error
    if not is_folder:
        raise SoundsiftError(f"{path} can't be written: {folder} is not a folder.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SoundsiftError(
            f"{path} can't be written: no permission to write into the folder {folder}."
        )


def cannot_write(path: Path, error: OSError) -> SoundsiftError:
    """The message for an error of the file system, with the remedy.

    Args:
        path: The file or folder that was being written.
        error: What the file system said.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SoundsiftError(
            f"{path} can't be written: no space left on the disk. Free some space, or choose "
            "another folder."
        )
    if error.errno == errno.EFBIG:
        return SoundsiftError(
            f"{path} can't be written: the file is larger than the disk or a limit allows. Choose "
            "another folder, or a format that takes less room, such as flac."
        )
    return SoundsiftError(
        f"{path} can't be written ({error.strerror or error}). Choose a folder that can be written."
    )


def _exists(path: Path) -> SoundsiftError:
    return SoundsiftError(f"{path} exists already. Choose another place, or allow overwriting.")


def _move(temporary: Path, path: Path, overwrite: bool) -> None:
    if not overwrite:
        try:
            # Unlike a rename, a link replaces no file that another program has just made.
            os.link(temporary, path, follow_symlinks=False)
        except FileExistsError as error:
            raise _exists(path) from error
        except (OSError, NotImplementedError):
            # No hard links on this file system.
            if os.path.lexists(path):
                raise _exists(path) from None
        else:
            return
    temporary.replace(path)


def _stage(folder: Path) -> tuple[list[Path], StagingFolder]:
    """Folders made, the innermost first, and a staging folder in it."""
    for attempt in range(_MOST_ATTEMPTS):
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return made, StagingFolder(folder)
        except FileNotFoundError:
            # Another program that failed has removed the empty folder in between.
            if attempt == _MOST_ATTEMPTS - 1:
                raise
    raise AssertionError
