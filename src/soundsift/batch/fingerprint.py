"""Is this the same recording, the same model, as then?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from soundsift.fingerprint import file_digest

_BLOCK = 2**20
# Models larger than this are known by evenly spaced blocks: training changes all of them.
_WHOLE, _BLOCKS = 2**28, 256


def of_input(path: Path) -> dict[str, Any]:
    """What a recording is known by: its size, time of change and SHA-256."""
    stat = path.stat()
    return {"bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": file_digest(path)}


def same_input(noted: object, path: Path) -> bool:
    """Whether a recording is the one noted.

    Args:
        noted: from `of_input`, by way of a settings file.
        path: the recording; a missing one is another.
    """
    if not isinstance(noted, dict):
        return False
    try:
        stat = path.stat()
        if noted.get("bytes") != stat.st_size:
            return False
        # A copy has another time, and is read.
        return bool(
            noted.get("mtime_ns") == stat.st_mtime_ns or noted.get("sha256") == file_digest(path)
        )
    except OSError:
        return False


def of_model(folder: Path) -> str:
    """What a model is known by, wherever it lies: a hash of its files, those of subfolders too."""
    digest = hashlib.sha256()
    # Loading a model that is not there will say so.
    for path in _files_in(folder) if folder.is_dir() else ():
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()} {size}\n".encode())
        with path.open("rb") as file:
            if size <= _WHOLE:
                while block := file.read(_BLOCK):
                    digest.update(block)
            else:
                for number in range(_BLOCKS):
                    file.seek(number * (size - _BLOCK) // (_BLOCKS - 1))
                    digest.update(file.read(_BLOCK))
    return digest.hexdigest()[:32]


def _files_in(folder: Path) -> Iterator[Path]:
    """All that isn't hidden, by name. Links are followed: the Hub's cache consists of them."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_file():
            yield path
        # A link to where it lies would never end.
        elif path.is_dir() and not folder.resolve().is_relative_to(path.resolve()):
            yield from _files_in(path)
