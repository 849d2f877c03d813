"""Can the results be written? Asked before any long work is done."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from soundsift.errors import SoundsiftError


def check_name(name: str) -> None:
    """Refuse a name that is no first part of a file's name.

    Raises:
        SoundsiftError: it is empty, has a path separator in it, or is a folder's name.
    """
    separators = {"/", os.sep, os.altsep, "\0"} - {None}
    if not name.strip() or name in (".", "..") or any(s in name for s in separators if s):
        raise SoundsiftError(
            f"--name {name!r} can't begin a file's name; a word without slashes, such as 'street', "
            "was expected."
        )


def check_files(paths: Iterable[Path], overwrite: bool, source: Path | None = None) -> None:
    """Refuse places where a result could not be written; makes no file and no folder.

    Args:
        paths: the files to be written.
        overwrite: whether existing files may be replaced.
        source: what is read, and must not be replaced even so.

    Raises:
        SoundsiftError: a file exists already, or a folder can't be written.
    """
    from soundsift.audio import ensure_writable

    paths = list(paths)
    for path in paths:
        ensure_writable(path, overwrite=overwrite)
        if source is not None and path.exists() and source.exists() and path.samefile(source):
            raise SoundsiftError(
                f"{path} is the recording itself; another --name or --out was expected."
            )
    for folder in sorted({path.parent for path in paths}):
        check_folder(folder)


def check_folder(folder: Path) -> None:
    """Refuse a folder that can't be written or made; makes nothing that stays.

    Permissions say nothing about the superuser or special file systems, so this opens an unnamed
    file.

    Args:
        folder: may be missing, its parents too.

    Raises:
        SoundsiftError: it, or the nearest parent that exists, is no folder or can't be written.
    """
    nearest = folder
    try:
        while not nearest.exists() and nearest != nearest.parent:
            nearest = nearest.parent
        if not nearest.is_dir():
            raise SoundsiftError(f"{folder} can't be written: {nearest} is not a folder.")
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise SoundsiftError(
            f"{folder} can't be written ({error.strerror or error}); a writable folder was "
            "expected."
        ) from error
