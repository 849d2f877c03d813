"""Recordings that are no files yet, in a temporary file while they are worked on."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from soundsift.errors import SoundsiftError


@contextmanager
def stored(source: Any) -> Iterator[Any]:
    """A file for bytes and open files; reading a recording takes several passes through a file.

    Args:
        source: bytes, an open binary file (read from its position on), or anything else, which
            comes through as it is.

    Yields:
        The source, or the temporary file, whose name is "recording".

    Raises:
        SoundsiftError: a file that is open as text, or the temporary file can't be written.
    """
    is_bytes = isinstance(source, bytes | bytearray | memoryview)
    if not is_bytes and not hasattr(source, "read"):
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="soundsift-") as folder:
        path = Path(folder) / "recording"
        try:
            with path.open("wb") as file:
                if is_bytes:
                    file.write(source)
                else:
                    shutil.copyfileobj(source, file)
        except TypeError as error:
            raise SoundsiftError(
                "The file was opened as text. Open recordings as binary files: open(name, 'rb')."
            ) from error
        except OSError as error:
            raise SoundsiftError(
                f"The recording can't be stored in {folder} ({error.strerror or error}). Free "
                "space there, or set TMPDIR to another folder."
            ) from error
        yield path
