"""Which files a server may use: those in allowed folders, wherever links lead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from soundsift.errors import SoundsiftError


class Folders:
    """The folders of a server.

    Args:
        allowed: folders whose files may be read.
        out: folder for results; made if missing. It may be read, too.

    Raises:
        SoundsiftError: an allowed folder does not exist.
    """

    def __init__(self, allowed: Sequence[Path], out: Path) -> None:
        for folder in allowed:
            if not folder.is_dir():
                raise SoundsiftError(f"{folder} is no folder. Allow folders that exist.")
        self.out = out.resolve()
        self._allowed = [*(folder.resolve() for folder in allowed), self.out]

    def existing(self, name: str | Path) -> Path:
        """An allowed file, with all links followed.

        Args:
            name: path; a relative one starts from the first allowed folder.

        Raises:
            SoundsiftError: the file is outside the allowed folders, or does not exist.
        """
        try:
            path = (self._allowed[0] / Path(name).expanduser()).resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise SoundsiftError(f"{str(name)!r} is no path of a file.") from error
        # First: whether a file exists elsewhere is nobody's business.
        if not any(path.is_relative_to(folder) for folder in self._allowed):
            shown = ", ".join(str(folder) for folder in self._allowed)
            raise SoundsiftError(
                f"{name} is outside the allowed folders ({shown}). Name a file in one of them."
            )
        if not path.is_file():
            raise SoundsiftError(f"{name} is no file. Name a recording or a session.")
        return path

    def new(self, stem: str) -> Path:
        """A new folder for an edit, named after its recording.

        Raises:
            SoundsiftError: it can't be made.
        """
        name = re.sub(r"[^\w.-]+", "-", stem).strip(".-")[:100] or "recording"
        number = 1
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            while True:
                folder = self.out / f"{name}-{number}"
                try:
                    folder.mkdir()
                except FileExistsError:
                    number += 1
                else:
                    return folder
        except OSError as error:
            raise SoundsiftError(
                f"{self.out} can't be written ({error.strerror or error}). Choose another --out."
            ) from error
