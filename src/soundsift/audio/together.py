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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from soundsift.audio.locks import abandoned, alone_in, hold
from soundsift.audio.writing import ensure_writable
from soundsift.errors import SoundsiftError

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
