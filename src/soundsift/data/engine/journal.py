"""The journal of a run: one line of JSON per finished excerpt, that survives kill -9."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from soundsift.cache import partial_path, replace_durably
from soundsift.errors import SoundsiftError


class Journal:
    """Lines that are on the disk once `add` returns; a line that was cut off is forgotten.

    Args:
        path: the file; made if missing.

    Raises:
        SoundsiftError: a whole line of it is not a JSON object with a `key`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[str, dict[str, Any]] = {}
        path.touch()
        with path.open("r+b") as file:
            whole = 0
            for number, raw in enumerate(file, start=1):
                if not raw.endswith(b"\n"):
                    break
                try:
                    line = json.loads(raw)
                    self.lines[line["key"]] = line
                except (ValueError, KeyError, TypeError) as error:
                    raise SoundsiftError(
                        f"{path}, line {number}: damaged. Restore the file, or choose another "
                        "folder."
                    ) from error
                whole += len(raw)
            file.truncate(whole)
        self._file: IO[bytes] = path.open("ab")

    def __contains__(self, key: object) -> bool:
        return key in self.lines

    def add(self, key: str, line: Mapping[str, Any]) -> None:
        """Append a line.

        Raises:
            OSError: it cannot be written.
        """
        entry = {"key": key, **line}
        self._file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.lines[key] = entry

    def sort(self, place: Callable[[dict[str, Any]], Any]) -> None:
        """Order the lines of a closed journal, also on the disk.

        Args:
            place: the key of the order; lines of the same place stay as they are.

        Raises:
            OSError: it cannot be written.
        """
        lines = sorted(self.lines.values(), key=place)
        if lines != list(self.lines.values()):
            self.lines = {line["key"]: line for line in lines}
            write_lines(self.path, lines)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def write_lines(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Write a JSONL file that appears when it is whole."""
    part = partial_path(path)
    part.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    replace_durably(part, path)


def check_same_run(path: Path, run: Mapping[str, Any], journal: Journal) -> None:
    """Note what decides a run, or compare it with what is noted.

    Args:
        path: the file with it.
        run: what decides it.
        journal: of the run. While it has no lines, other settings replace those that are noted.

    Raises:
        SoundsiftError: the folder holds a run with other settings.
    """
    wanted = json.loads(json.dumps(run))
    if not (path.exists() and journal.lines):
        part = partial_path(path)
        part.write_text(json.dumps(wanted, indent=2, ensure_ascii=False) + "\n")
        replace_durably(part, path)
        return
    try:
        noted = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SoundsiftError(f"{path}: damaged. Choose another folder.") from error
    different = sorted(name for name in {*noted, *wanted} if noted.get(name) != wanted.get(name))
    if different:
        raise SoundsiftError(
            f"{path.parent} holds a run with another {', '.join(different)}. Choose another folder."
        )
