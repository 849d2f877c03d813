"""A recording from standard input, in a file of its own while it is worked on."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soundsift.cli.console import blocking
from soundsift.errors import SoundsiftError

#: Stands for standard input among the recordings.
NAME = "-"
_FOLDER, _FILE = "soundsift-", "stdin"


def is_stored(recording: Path) -> bool:
    """Whether a recording is the file that holds standard input."""
    return recording.name == _FILE and recording.parent.name.startswith(_FOLDER)


@contextmanager
def stored_input(named: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Store standard input in a temporary file, if a recording is named "-".

    Reading a recording takes several passes, which a pipe does not allow.

    Args:
        named: the recordings.

    Yields:
        The same, with the file in place of "-"; its name is "stdin".

    Raises:
        SoundsiftError: standard input is a terminal, or can't be stored.
    """
    if NAME not in named:
        yield named
        return
    if sys.stdin.isatty():
        raise SoundsiftError("Standard input is a terminal. Pipe a recording into the command.")
    with tempfile.TemporaryDirectory(prefix=_FOLDER) as folder:
        path = Path(folder) / _FILE
        try:
            with path.open("wb") as file, blocking(sys.stdin):
                shutil.copyfileobj(sys.stdin.buffer, file)
        except OSError as error:
            raise SoundsiftError(
                f"Standard input can't be stored in {folder} ({error.strerror or error}). Free "
                "space there, or set TMPDIR to another folder."
            ) from error
        yield tuple(str(path) if name == NAME else name for name in named)
