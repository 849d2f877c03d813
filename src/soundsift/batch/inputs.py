"""The recordings that a command line names: files, folders and patterns."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from soundsift.errors import SoundsiftError

#: What is taken from a folder. A file that is named itself may have any name.
SUFFIXES = frozenset(
    (
        *(".3gp", ".aac", ".ac3", ".aif", ".aiff", ".alac", ".amr", ".ape", ".au", ".avi"),
        *(".caf", ".flac", ".flv", ".g722", ".m2ts", ".m4a", ".m4b", ".m4v", ".mka", ".mkv"),
        *(".mov", ".mp2", ".mp3", ".mp4", ".mpc", ".mpeg", ".mpg", ".mts", ".oga", ".ogg"),
        *(".ogv", ".opus", ".ts", ".tta", ".voc", ".w64", ".wav", ".webm", ".wma", ".wmv"),
        *(".wv"),
    )
)


def find_recordings(named: Iterable[str], out: Path) -> list[Path]:
    """Every recording that is named, each once, in the order of the command line.

    Folders are searched with all their subfolders, by name and without hidden ones. A pattern such
    as "takes/*.wav" or "takes/**/*.flac" is one only where no file has that very name. From both,
    results of this program are left out: what lies in the output folder, unless that is the folder
    searched, and what a settings file beside it names.

    Args:
        named: files, folders and patterns. Plain files are not looked at.
        out: folder of the results.

    Raises:
        SoundsiftError: a folder holds no recording, or nothing fits a pattern.
    """
    found: dict[Path, Path] = {}
    results: dict[Path, set[str]] = {}
    for name in named:
        path = Path(name)
        for recording in _named_by(name, path, out, results):
            found.setdefault(place_of(recording), recording)
    return list(found.values())


def _named_by(name: str, path: Path, out: Path, results: dict[Path, set[str]]) -> Iterator[Path]:
    if _is_folder(path):
        yield from _in_folder(path, out, results)
        return
    if not glob.has_magic(name) or os.path.lexists(name):
        yield path
        return
    # Path.glob takes no absolute patterns.
    fitting = [Path(p) for p in sorted(glob.glob(name, recursive=True))]  # noqa: PTH207
    files = [p for p in fitting if p.is_file() and not _is_result(p, results)]
    folders = [p for p in fitting if p.is_dir() and "**" not in name]
    if not files and not folders:
        raise SoundsiftError(f"nothing fits the pattern {name!r}; recordings were expected.")
    yield from files
    for folder in folders:
        yield from _in_folder(folder, out, results)


def _in_folder(folder: Path, out: Path, results: dict[Path, set[str]]) -> list[Path]:
    own = out.resolve()
    found = []
    for place, below, files in os.walk(folder):
        below[:] = sorted(d for d in below if d[0] != "." and Path(place, d).resolve() != own)
        for file in sorted(files):
            path = Path(place, file)
            if file[0] != "." and path.suffix.lower() in SUFFIXES and not _is_result(path, results):
                found.append(path)
    if not found:
        raise SoundsiftError(
            f"{folder} is a folder without recordings; audio or video files were expected in it."
        )
    return found


def _is_result(path: Path, results: dict[Path, set[str]]) -> bool:
    """Whether a settings file in the same folder names it as what was made."""
    folder = path.parent
    if folder not in results:
        results[folder] = {
            file
            for settings in folder.glob("*.json")
            for file in read_settings(settings).get("files", {}).values()
        }
    return path.name in results[folder]


def read_settings(path: Path) -> dict[str, dict[str, str]]:
    """A settings file of this program; empty if it is none or damaged."""
    try:
        if path.stat().st_size > 2**20:
            return {}
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    good = isinstance(facts, dict) and "soundsift" in facts and isinstance(facts.get("files"), dict)
    return facts if good else {}


def place_of(path: Path) -> Path:
    """The one way to write where a file is; two links to one file stay two."""
    try:
        return path.parent.resolve() / path.name
    except (OSError, ValueError, RuntimeError):
        return path


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
