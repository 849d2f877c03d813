"""Find the recordings that a command line names: files, folders and patterns."""

from __future__ import annotations

import glob
import itertools
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from soundsift.audio.containers import SUFFIXES
from soundsift.errors import SoundsiftError


def find_recordings(named: Iterable[str], out: Path | None) -> list[Path]:
    """Every named recording once, in the order of the command line.

    Folders are searched with all subfolders, sorted, without hidden ones. A pattern such as
    "takes/*.wav" or "takes/**/*.flac" counts as one only if no file has that name. Broken links and
    results of this program are left out. Results are settings files, the files that a settings file
    in the same folder names, and the output folder, which is searched only if nothing outside of it
    is named.

    Args:
        named: files, folders and patterns. Plain files are not opened.
        out: folder for the results; None if there is none.

    Raises:
        SoundsiftError: a folder holds no recording, or nothing matches a pattern.
    """
    search, names = _Search(out), list(dict.fromkeys(named))
    found = {name: search.by_name(name) for name in names if not search.is_own(Path(name))}
    # A shell that expands "takes/*" names the output folder, too, once it exists.
    if all(search.own in place_of(path).parents for paths in found.values() for path in paths):
        found |= {name: search.by_name(name) for name in names if name not in found}
    each: dict[Path, Path] = {}
    for name in names:
        for recording in found.get(name, []):
            each.setdefault(place_of(recording), recording)
    return list(each.values())


def subfolder(recording: Path, named: Iterable[str]) -> Path:
    """Where a recording lies below the folder or pattern that names it; "." if directly in it.

    Args:
        recording: one of `find_recordings`.
        named: files, folders and patterns.
    """
    place = place_of(recording).parent
    for name in named:
        folder = Path(name)
        if glob.has_magic(name) and not os.path.lexists(name):
            # The folders before the first one with a wildcard.
            fixed = itertools.takewhile(lambda part: not glob.has_magic(part), folder.parts)
            folder = Path(*fixed)
        elif not _is_folder(folder):
            continue
        if place.is_relative_to(_resolved(folder)):
            return place.relative_to(_resolved(folder))
    return Path()


class _Search:
    """Search for recordings that leaves out results.

    Attributes:
        own: the output folder, if there is one.
    """

    def __init__(self, out: Path | None) -> None:
        self.own = None if out is None else _resolved(out)
        self._results: dict[Path, set[str]] = {}

    def is_own(self, folder: Path) -> bool:
        """Whether it is the output folder."""
        return _is_folder(folder) and _resolved(folder) == self.own

    def by_name(self, name: str) -> list[Path]:
        """The recordings that a file, a folder or a pattern names; at least one."""
        path = Path(name)
        if _is_folder(path):
            if found := self._in_folder(path):
                return found
            raise SoundsiftError(
                f"{path} is a folder without recordings. Name one with audio or video files."
            )
        if not glob.has_magic(name) or os.path.lexists(name):
            return [path]
        # Path.glob takes no absolute patterns.
        fitting = [Path(p) for p in sorted(glob.glob(name, recursive=True))]  # noqa: PTH207
        if found := self._among(fitting, folders="**" not in name):
            return found
        seen = "nothing but results and folders without recordings" if fitting else "nothing"
        raise SoundsiftError(f"{seen} matches the pattern {name!r}. Name recordings.")

    def _among(self, fitting: Sequence[Path], folders: bool) -> list[Path]:
        found = [p for p in fitting if _is_there(p) and not self._is_result(p)]
        for path in fitting if folders else ():
            if _is_folder(path) and not self.is_own(path):
                found += self._in_folder(path)
        return found

    def _in_folder(self, folder: Path) -> list[Path]:
        found = []
        for place, below, files in os.walk(folder):
            below[:] = sorted(d for d in below if d[0] != "." and not self.is_own(Path(place, d)))
            for path in (Path(place, file) for file in sorted(files) if file[0] != "."):
                usable = path.suffix.lower() in SUFFIXES and _is_there(path)
                if usable and not self._is_result(path):
                    found.append(path)
        return found

    def _is_result(self, path: Path) -> bool:
        """Whether it is a settings file, or a settings file in its folder names it as a result."""
        folder = path.parent
        if folder not in self._results:
            made = self._results[folder] = set()
            for settings in folder.glob("*.json"):
                if facts := read_settings(settings):
                    made.update((settings.name, *map(str, facts["files"].values())))
        return path.name in self._results[folder]


def read_settings(path: Path) -> dict[str, dict[str, str]]:
    """Content of a settings file of this program; empty if it is none or damaged."""
    try:
        # Reading a named pipe would wait for ever.
        if not path.is_file() or path.stat().st_size > 2**20:
            return {}
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    good = isinstance(facts, dict) and "soundsift" in facts and isinstance(facts.get("files"), dict)
    return facts if good else {}


def place_of(path: Path) -> Path:
    """The canonical path of a file; two links to one file stay different."""
    try:
        return path.parent.resolve() / path.name
    except (OSError, ValueError, RuntimeError):
        return path


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):
        return path


def _is_there(path: Path) -> bool:
    """Whether it is a file; a broken link is none."""
    try:
        return path.is_file()
    except OSError:
        return True  # reading it gives the reason


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
