"""Files that belong together and appear together, even if the process is killed half way.

They are written into a hidden folder beside their places. Once all are on the disk, a note of their
names is put beside them, and they move. Killed before the note, nothing has moved, and the folder
is rubbish; killed after it, whoever looks next (`clear_leftovers`) moves the rest.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from soundsift.errors import SoundsiftError

try:
    import fcntl
except ImportError:  # Windows has no locks of this kind
    fcntl = None  # type: ignore[assignment]

# Where locks don't work, what is older than this is taken for left over.
_OLD_SECONDS = 24 * 3600.0
# Between making a temporary file and locking it pass microseconds; a process may be stopped then.
_PATIENCE_SECONDS, _PAUSE_SECONDS = 1.0, 0.005

_PREFIX = ".soundsift-"
# No result has this name: they all have a suffix.
_NOTE = ".complete"


@dataclass
class Together:
    """Files on their way to one folder.

    Attributes:
        hidden: where they are written.
        names: of those asked for so far, in the order in which they will appear.
    """

    hidden: Path
    names: list[str] = field(default_factory=list)

    def place(self, name: str) -> Path:
        """Where to write the file that will have this name."""
        self.names.append(name)
        return self.hidden / name


@contextmanager
def written_together(folder: Path, *, overwrite: bool = False) -> Iterator[Together]:
    """Collect files that get their places all at once, or not at all.

    Args:
        folder: where to; made if missing.
        overwrite: whether files that exist may be replaced.

    Yields:
        Where to write.

    Raises:
        SoundsiftError: a file exists already and `overwrite` is off, or one can't be written.
    """
    hidden = folder / f"{_PREFIX}{secrets.token_hex(8)}"
    descriptor = -1
    try:
        made = _make(folder)
        done = False
        try:
            with alone_in(folder):
                hidden.mkdir()
                # Folders can't be opened on Windows, where there are no locks either.
                with suppress(OSError):
                    descriptor = os.open(hidden, os.O_RDONLY)
                    hold(descriptor)
            files = Together(hidden)
            yield files
            for name in files.names:
                _flush(hidden / name)
                ensure_writable(folder / name, overwrite=overwrite)
            note = hidden / f"{_NOTE}-part"
            note.write_text(json.dumps(files.names), encoding="utf-8")
            _flush(note)
            try:
                note.replace(hidden / _NOTE)
                _move(hidden, folder)
            except (KeyboardInterrupt, SystemExit):
                # Whoever interrupts wants all or nothing too, and the rest takes no time.
                if (hidden / _NOTE).exists():
                    _move(hidden, folder)
                raise
            done = True
        finally:
            shutil.rmtree(hidden, ignore_errors=True)
            if not done:
                for empty in made:
                    with suppress(OSError):
                        empty.rmdir()
    except OSError as error:
        raise SoundsiftError(
            f"{folder} can't be written ({error.strerror or error}); a writable folder with room "
            "was expected."
        ) from error
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def clear_leftovers(folder: Path) -> None:
    """Finish or remove what a killed process left behind; what is still being written stays.

    Args:
        folder: where results go; may be missing.
    """
    with suppress(OSError), alone_in(folder) as alone:
        for path in sorted(folder.glob(f"{_PREFIX}*")):
            if not alone or not abandoned(path):
                continue
            with suppress(OSError):
                if path.is_dir():
                    if (path / _NOTE).is_file():
                        _move(path, folder)
                    shutil.rmtree(path)
                elif path.suffix == ".tmp":
                    path.unlink()


def _move(hidden: Path, folder: Path) -> None:
    names = json.loads((hidden / _NOTE).read_text(encoding="utf-8"))
    for name in names:
        # Those that a killed process had moved already are where they belong.
        with suppress(FileNotFoundError):
            (hidden / name).replace(folder / name)


def _make(folder: Path) -> list[Path]:
    """Make a folder; the ones made, the innermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _flush(path: Path) -> None:
    """Have a file on the disk; a power cut after the move would else leave it empty."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


@contextmanager
def atomic_file(path: str | Path, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """Open a temporary file in the same folder that moves to its place once it is complete.

    On any error, an interruption included, the temporary file is removed and the old file, if any,
    is untouched.

    Args:
        path: where to; missing folders are made.
        overwrite: replace an existing file.

    Yields:
        The open file.

    Raises:
        SoundsiftError: the file exists and `overwrite` is off, or it can't be written.
    """
    path = Path(path)
    ensure_writable(path, overwrite=overwrite)
    # Not named after the file: a name of 255 bytes has no room for more.
    temporary = path.parent / f".soundsift-{secrets.token_hex(8)}.tmp"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with alone_in(path.parent):
                opened = temporary.open("xb")
                hold(opened.fileno())
            with opened as file:
                yield file
                file.flush()
                # Without it, a power cut after the move may leave an empty file under the final
                # name.
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise SoundsiftError(
            f"{path} can't be written ({error.strerror or error}); a writable folder with room "
            "was expected."
        ) from error


def ensure_writable(path: str | Path, *, overwrite: bool = False) -> None:
    """Refuse, before any long work, a place where the result could not be written.

    Makes no file and no folder.

    Args:
        path: the file to be written.
        overwrite: whether an existing file may be replaced.

    Raises:
        SoundsiftError: the file exists and `overwrite` is off, it is a folder, or its folder can't
            be written.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise SoundsiftError(f"{path} is a folder; the name of a file was expected.")
        if path.exists() and not overwrite:
            raise SoundsiftError(
                f"{path} exists already; choose another place or allow overwriting (--overwrite)."
            )
        folder = path.parent
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        is_folder = folder.is_dir()
    except OSError as error:
        raise SoundsiftError(
            f"{path} can't be written ({error.strerror}); a writable folder was expected."
        ) from error
    if not is_folder:
        raise SoundsiftError(f"{path} can't be written: {folder} is not a folder.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SoundsiftError(
            f"{path} can't be written: no permission to write into the folder {folder}."
        )


def hold(descriptor: int) -> None:
    """Lock a file or folder for as long as the descriptor is open, at most until the process ends.

    Without locks, as on some network file systems, this does nothing.

    Args:
        descriptor: of an open file or folder.
    """
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def alone_in(folder: Path) -> Iterator[bool]:
    """Keep others out while temporary files are made and locked, or looked at.

    Else one just made and not locked yet would look abandoned.

    Args:
        folder: where they are.

    Yields:
        False if somebody else has kept it for a second. True without locks, too.
    """
    if fcntl is None:
        yield True
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        yield True
        return
    try:
        yield _locked(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
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


def abandoned(path: Path) -> bool:
    """Whether nobody works with this temporary file or folder any more.

    Args:
        path: as made and locked by `hold` within `alone_in`, in which this is called, too; a
            missing one is not abandoned, but gone.
    """
    try:
        age = time.time() - path.stat().st_mtime
        if fcntl is None:
            return age > _OLD_SECONDS
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return age > _OLD_SECONDS
    else:
        return True
    finally:
        os.close(descriptor)
