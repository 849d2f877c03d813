"""Files of recordings and jobs in the data folder, under names that the server makes."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import shutil
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from soundsift.errors import SoundsiftError
from soundsift.studio.data_folder import DataFolder
from soundsift.studio.database import Database
from soundsift.studio.records import STEM_FILE

_log = logging.getLogger(__name__)


class Storage:
    """Files of a server.

        recordings/ID/       original, audio.wav, peaks.npy
        jobs/ID/             stem.target.wav, stem.residual.wav, stem.json, ...
        copies/              recordings and stems in other formats
        partial/             files being written

    Everything is listed in the database before it is created, and only what is listed is deleted.
    Links are never followed. Methods may be called from any thread.

    Args:
        folder: the data folder.
        database: lists the files.

    Raises:
        SoundsiftError: a folder can't be created.
    """

    def __init__(self, folder: DataFolder, database: Database) -> None:
        self.path = folder.path
        self._database = database
        self.recordings = self.path / "recordings"
        self.jobs = self.path / "jobs"
        self.copies = self.path / "copies"
        self.partial = self.path / "partial"
        self._lock = threading.Lock()
        self._writing: set[str] = set()
        for place in (self.recordings, self.jobs, self.copies, self.partial):
            try:
                place.mkdir(exist_ok=True, mode=0o700)
                real = stat.S_ISDIR(place.lstat().st_mode)
            except OSError as error:
                raise SoundsiftError(
                    f"{place} can't be created ({error.strerror}). Choose a writable folder "
                    "(--data)."
                ) from error
            if not real:
                raise SoundsiftError(
                    f"{place} is a link; the studio follows no links in its data folder. Replace "
                    "it by a folder, or choose another data folder (--data)."
                )

    def recording(self, identity: str) -> Path:
        """Folder of a recording."""
        return self.recordings / identity

    def job(self, identity: str) -> Path:
        """Folder of a job."""
        return self.jobs / identity

    def stem(self, identity: str, stem: str) -> Path:
        """File of a job's stem."""
        return self.job(identity) / STEM_FILE.format(stem=stem)

    @contextmanager
    def writing(self, path: Path) -> Iterator[None]:
        """Keep `clean` from deleting a place that is being written."""
        name = self._name(path)
        with self._lock:
            self._writing.add(name)
        try:
            yield
        finally:
            with self._lock:
                self._writing.discard(name)

    @contextmanager
    def partial_folder(self) -> Iterator[Path]:
        """A new folder to write into; deleted at the end unless it was moved to its place."""
        path = self.partial / secrets.token_hex(16)
        with self.writing(path):
            self._database.list_file(self._name(path), temporary=True)
            try:
                path.mkdir(mode=0o700)
                yield path
            finally:
                self.remove(path)

    def reserve(self, path: Path) -> None:
        """List a place that is about to be written, and make sure that nothing is there.

        What the studio left there is deleted; anything else is moved aside.
        """
        self.remove(path)
        if os.path.lexists(path):
            aside = path.with_name(f"{path.name}.unlisted-{secrets.token_hex(4)}")
            _log.warning("%s is not listed in the database; moved to %s", path, aside.name)
            path.rename(aside)
        self._database.list_file(self._name(path))

    def move(self, path: Path, place: Path) -> None:
        """Move something finished out of a partial folder to its place."""
        self.reserve(place)
        path.rename(place)

    def size(self, folder: Path) -> int:
        """Bytes of the files in a folder; 0 if there is none."""
        try:
            return sum(path.lstat().st_size for path in folder.iterdir())
        except OSError:
            return 0

    def use(self, path: Path) -> None:
        """Note that a file was used."""
        self._database.use_file(self._name(path))

    def remove(self, path: Path) -> None:
        """Delete a file or folder if the database lists it; a missing one is no error.

        What can't be deleted now is tried again by `clean`.
        """
        name = self._name(path)
        try:
            if not self._database.is_listed(name):
                return
            _delete(path)
        except sqlite3.Error as error:
            _log.warning("%s can't be deleted now (%s)", path, error)
            return
        except OSError as error:
            _log.warning("%s can't be deleted (%s)", path, error.strerror)
            with suppress(Exception):
                self._database.list_file(name, temporary=True)
            return
        # A full disk may refuse this; the name is then tried again.
        with suppress(Exception):
            self._database.unlist_file(name)

    def clean(self) -> None:
        """Delete what a killed server left: temporary files, and files of removed rows."""
        for name in self._database.leftovers():
            with self._lock:
                if name not in self._writing and self._database.is_leftover(name):
                    self.remove(self.path / name)

    def clean_copies(self, before: float) -> None:
        """Delete copies that were last used before a time of `Database.now`."""
        for name in self._database.old_files("copies/", before):
            self.remove(self.path / name)

    def report_unlisted(self) -> None:
        """Log how many recordings and jobs the database does not list; they stay."""
        for place in (self.recordings, self.jobs):
            count = sum(not self._database.is_listed(self._name(path)) for path in place.iterdir())
            if count:
                _log.warning(
                    "%s holds %d entries that the database does not list; they are left alone",
                    place,
                    count,
                )

    def copies_of(self, key: str) -> list[Path]:
        """Copies of a sound in other formats."""
        return [path for path in self.copies.iterdir() if path.name.startswith(f"{key}.")]

    def _name(self, path: Path) -> str:
        return path.relative_to(self.path).as_posix()


def _delete(path: Path) -> None:
    try:
        is_folder = stat.S_ISDIR(path.lstat().st_mode)
        if is_folder:
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
