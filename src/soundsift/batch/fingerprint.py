"""Fingerprints of recordings and models, to recognise finished work."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from soundsift.checkpoints.default_judge import default_folder as packaged_judge
from soundsift.checkpoints.hearing import default_folder as packaged_hearing
from soundsift.checkpoints.load import hearing_folder
from soundsift.checkpoints.store import CONFIG, load_config
from soundsift.fingerprint import file_digest

_BLOCK = 2**20
# Larger files are hashed in evenly spaced blocks: training changes all of them.
_WHOLE, _BLOCKS = 2**28, 256


def of_input(path: Path) -> dict[str, Any]:
    """Fingerprint of a recording: its size, time of change and SHA-256."""
    stat = path.stat()
    return {"bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": file_digest(path)}


def same_input(noted: object, path: Path) -> bool:
    """Whether a recording has the fingerprint noted.

    Args:
        noted: result of `of_input`, read from a settings file.
        path: the recording; a missing file never matches.
    """
    if not isinstance(noted, dict):
        return False
    try:
        stat = path.stat()
        if noted.get("bytes") != stat.st_size:
            return False
        # A copy has another time of change: compare its content.
        return bool(
            noted.get("mtime_ns") == stat.st_mtime_ns or noted.get("sha256") == file_digest(path)
        )
    except OSError:
        return False


def of_model(folder: Path) -> str:
    """Fingerprint of a model: a hash of the files in its folder and subfolders."""
    digest = hashlib.sha256()
    # A missing folder is reported when the model is loaded.
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


def of_networks(folder: Path, *, judge: bool = False) -> str:
    """Fingerprint of a model and of the packaged networks that its results depend on.

    The hearing network that comes with the package predicts the spans of models that have none of
    their own in their folder, and the packaged judge rates results.

    Args:
        folder: the model's folder.
        judge: whether results are rated.

    Raises:
        SoundsiftError: the model's configuration is wrong.
    """
    parts = [folder]
    # Released models as they come have another codec, which neither network reads.
    if (folder / CONFIG).is_file():
        hearing = hearing_folder(load_config(folder), folder)
        if hearing == packaged_hearing():
            parts.append(hearing)
    if judge:
        # It reads the packaged hearing network, too.
        parts += [one for one in (packaged_judge(), packaged_hearing()) if one not in parts]
    return " ".join(map(of_model, parts))


def of_adapter(path: Path) -> str:
    """Fingerprint of an adapter: the hash of its file, or of the files in its folder."""
    return of_model(path) if path.is_dir() else file_digest(path)[:32]


def _files_in(folder: Path) -> Iterator[Path]:
    """All files that are not hidden, sorted. Links are followed: the Hub's cache uses them."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_file():
            yield path
        # A link to a parent folder would recurse for ever.
        elif path.is_dir() and not folder.resolve().is_relative_to(path.resolve()):
            yield from _files_in(path)
