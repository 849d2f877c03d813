"""Check that results can be written, before any long work."""

from __future__ import annotations

import tempfile
from pathlib import Path

from soundsift.errors import SoundsiftError


def check_folder(folder: Path) -> None:
    """Refuse a folder that can't be written or made; leaves nothing behind.

    Permissions are not enough for the superuser and special file systems, so this opens an unnamed
    file.

    Args:
        folder: the folder; it and its parents may be missing.

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
            f"{folder} can't be written ({error.strerror or error}). Choose a writable folder."
        ) from error
