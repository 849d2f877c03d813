"""The data folder: claimed by a marker file, used by one server at a time."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from soundsift.errors import SoundsiftError
from soundsift.studio.migrations import is_studio_database

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

MARKER = "soundsift-studio.json"
DATABASE = "studio.db"

_VERSION = 1
_KIND = "data folder of the soundsift studio"
_TEXT = json.dumps({"kind": _KIND, "version": _VERSION}) + "\n"
_MOST_MARKER_BYTES = 4096
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


class DataFolder:
    """A folder that belongs to the studio, locked while open.

    A new or empty folder is claimed by a marker file. A folder that holds anything else is refused,
    unless a studio from before there were markers made it.

    Args:
        path: created if missing, for its owner only.

    Raises:
        SoundsiftError: the folder belongs to something else, can't be used, or is in use.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            _claim(self.path)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | _NO_FOLLOW, 0o600)
        except OSError as error:
            raise SoundsiftError(
                f"{self.path} can't be used as the studio's data folder ({error.strerror}). "
                "Choose a writable folder (--data)."
            ) from error
        if fcntl is not None:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(self._lock)
                raise SoundsiftError(
                    f"{self.path} is in use by another studio. Stop that one, or choose another "
                    "folder (--data)."
                ) from error

    @property
    def database(self) -> Path:
        """File of the database."""
        return self.path / DATABASE

    def close(self) -> None:
        """Unlock the folder."""
        os.close(self._lock)


def _claim(folder: Path) -> None:
    version = _marked_version(folder / MARKER)
    if version is not None:
        if version > _VERSION:
            raise SoundsiftError(
                f"{folder} was made by a newer version of soundsift. Update soundsift, or choose "
                "another folder (--data)."
            )
        return
    if not is_studio_database(folder / DATABASE):
        own = {"lock"} | ({MARKER} if _is_unfinished(folder / MARKER) else set())
        strangers = sorted(path.name for path in folder.iterdir() if path.name not in own)
        if strangers:
            raise SoundsiftError(
                f"{folder} holds files that are not the studio's ({strangers[0]!r}). Choose a new "
                "or an empty folder (--data)."
            )
    if _is_unfinished(folder / MARKER):
        (folder / MARKER).unlink()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(folder / MARKER, flags, 0o600), "w") as file:
        file.write(_TEXT)
        file.flush()
        os.fsync(file.fileno())


def _is_unfinished(marker: Path) -> bool:
    """Whether a marker file was left by a start that was interrupted while writing it."""
    try:
        facts = marker.lstat()
        if not stat.S_ISREG(facts.st_mode) or facts.st_size >= len(_TEXT):
            return False
        return _TEXT.startswith(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def _marked_version(marker: Path) -> int | None:
    """Version of a marker file; None if there is none that can be read."""
    try:
        facts = marker.lstat()
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _MOST_MARKER_BYTES:
            return None
        found = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("kind") != _KIND:
        return None
    version = found.get("version")
    return version if isinstance(version, int) and version > 0 else None
