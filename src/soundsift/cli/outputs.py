"""Can the results be written? Asked before any long work is done."""

from __future__ import annotations

import tempfile
from pathlib import Path

from soundsift.errors import SoundsiftError


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
