"""The data folder: where everything of a server is, under names that the server makes."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from soundsift.errors import SoundsiftError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

#: Names of the files of a recording, and of a job.
ORIGINAL, AUDIO, PEAKS = "original", "audio.wav", "peaks.npy"
STEM_FILE, SETTINGS_FILE = "stem.{stem}.wav", "stem.json"


class Storage:
    """The files of a server.

        studio.db            recordings and jobs
        recordings/ID/       original, audio.wav, peaks.npy
        jobs/ID/             stem.target.wav, stem.residual.wav, stem.json, ...
        copies/              recordings and stems in other formats
        partial/             what is being written

    Args:
        path: made if missing, for its owner only.

    Raises:
        SoundsiftError: it can't be made, or another server uses it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.database_file = self.path / "studio.db"
        self.recordings = self.path / "recordings"
        self.jobs = self.path / "jobs"
        self.copies = self.path / "copies"
        self.partial = self.path / "partial"
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (self.recordings, self.jobs, self.copies, self.partial):
                folder.mkdir(exist_ok=True, mode=0o700)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise SoundsiftError(
                f"{self.path} can't be used ({error.strerror}); a writable folder was expected."
            ) from error
        if fcntl is not None:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(self._lock)
                raise SoundsiftError(
                    f"{self.path} is in use by another studio; another folder was expected "
                    "(--data)."
                ) from error

    def close(self) -> None:
        """Let others use the folder."""
        os.close(self._lock)

    def recording(self, identity: str) -> Path:
        """Folder of a recording."""
        return self.recordings / identity

    def job(self, identity: str) -> Path:
        """Folder of a job."""
        return self.jobs / identity

    def stem(self, identity: str, stem: str) -> Path:
        """A stem of a job."""
        return self.job(identity) / STEM_FILE.format(stem=stem)

    def new_partial(self) -> Path:
        """A folder to write into; moves to its place, or is removed."""
        path = self.partial / secrets.token_hex(16)
        path.mkdir(mode=0o700)
        return path

    def has_room(self, more: int, reserve: int) -> bool:
        """Whether so many bytes fit onto the disk, with a reserve left."""
        return shutil.disk_usage(self.path).free >= more + reserve

    def remove(self, path: Path) -> None:
        """Remove a file or folder of ours; one that is gone is no error."""
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()

    def sweep(self, folder: Path, seconds: float, now: float | None = None) -> None:
        """Remove what was last touched longer ago than that."""
        before = (time.time() if now is None else now) - seconds
        for path in list(folder.iterdir()):
            with suppress(OSError):
                if path.stat().st_mtime < before:
                    self.remove(path)

    def keep_only(self, folder: Path, identities: set[str]) -> None:
        """Remove what the database doesn't know, left by a server that was killed."""
        for path in list(folder.iterdir()):
            if path.name not in identities:
                self.remove(path)
