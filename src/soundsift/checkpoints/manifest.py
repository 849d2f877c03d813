"""The manifest of a converted model: size and SHA-256 of each of its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from soundsift.cache import cache_folder, partial_path, replace_durably
from soundsift.checkpoints.hub import read_json
from soundsift.errors import SoundsiftError, one_line
from soundsift.fingerprint import file_digest

MANIFEST = "manifest.json"
_CONVERT = "Convert the model again."


class FileEntry(BaseModel):
    """Size and SHA-256 of one file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]


class Manifest(BaseModel):
    """What a conversion wrote.

    Attributes:
        soundsift: version of this package that wrote it.
        name: the model's name.
        stored: type of the velocity field's matrices.
        files: by path relative to the model's folder.
    """

    model_config = ConfigDict(frozen=True)

    soundsift: str
    name: str
    stored: str
    files: Annotated[dict[str, FileEntry], Field(max_length=1000)]


def read_manifest(folder: Path) -> Manifest | None:
    """A model's manifest; None for a model without one.

    Raises:
        SoundsiftError: if the file is damaged, or names files outside of the folder.
    """
    file = folder / MANIFEST
    if not file.is_file():
        return None
    try:
        manifest = Manifest.model_validate(read_json(file))
    except ValidationError as error:
        raise SoundsiftError(
            f"{file}: not a manifest, or damaged: {one_line(error)}. Convert the model again."
        ) from error
    for name in manifest.files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
            raise SoundsiftError(
                f"{file}: damaged: it lists {name!r}, which is not a file in the model's folder. "
                "Convert the model again."
            )
    return manifest


def identify(path: Path) -> FileEntry:
    """Size and SHA-256 of a file.

    Raises:
        OSError: if it can't be read.
    """
    return FileEntry(sha256=file_digest(path), bytes=path.stat().st_size)


def check_files(folder: Path) -> dict[str, str]:
    """Compare every file that a model's manifest lists with it.

    Returns:
        The SHA-256 of each file, by name; empty for a model without a manifest.

    Raises:
        SoundsiftError: if a file is missing or another one than was written.
    """
    manifest = read_manifest(folder)
    files = {} if manifest is None else manifest.files
    for name, entry in files.items():
        _stamp(folder, name, _CONVERT)
        _compare(folder / name, entry, _CONVERT)
    return {name: entry.sha256 for name, entry in files.items()}


def check_files_once(folder: Path) -> None:
    """The same for files that were not found right before, with the size and time that they have.

    What was found right is remembered in the cache folder (`soundsift.cache`). Without one, every
    call reads every file.

    Raises:
        SoundsiftError: see `check_files`.
    """
    manifest = read_manifest(folder)
    if manifest is not None:
        check_once(folder, manifest.files, _CONVERT)


def check_once(folder: Path, files: Mapping[str, FileEntry], remedy: str) -> None:
    """Compare files with what is known of them; see `check_files_once`.

    Args:
        folder: where they are.
        files: what is known, by path relative to the folder.
        remedy: what the user can do, for messages.

    Raises:
        SoundsiftError: if a file is missing or another one than is known.
    """
    notes = _notes_file(folder)
    known = _read_notes(notes)
    found: dict[str, list[Any]] = {}
    for name, entry in files.items():
        stamp = [*_stamp(folder, name, remedy), entry.sha256]
        if known.get(name) != stamp:
            _compare(folder / name, entry, remedy)
        found[name] = stamp
    if notes is not None and found != known:
        _write_notes(notes, found)


def _stamp(folder: Path, name: str, remedy: str) -> list[int]:
    """What changes with a file's content: size, times of content and of entry, and entry."""
    try:
        found = (folder / name).stat()
    except OSError as error:
        raise SoundsiftError(f"{folder}: {name} is missing. {remedy}") from error
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _compare(path: Path, entry: FileEntry, remedy: str) -> None:
    try:
        size = path.stat().st_size
        digest = file_digest(path) if size == entry.bytes else None
    except OSError as error:
        raise SoundsiftError(f"{path}: can't be read ({error.strerror or error}).") from error
    if digest is None:
        wrong = f"it has {size} bytes, expected {entry.bytes}"
    elif digest != entry.sha256:
        wrong = f"its SHA-256 is {digest[:12]}..., expected {entry.sha256[:12]}..."
    else:
        return
    raise SoundsiftError(f"{path}: not the file of the manifest: {wrong}. {remedy}")


def _notes_file(folder: Path) -> Path | None:
    cache = cache_folder()
    if cache is None:
        return None
    place = hashlib.sha256(str(folder.resolve()).encode(errors="surrogateescape")).hexdigest()
    return cache / "verified" / f"{place[:32]}.json"


def _read_notes(notes: Path | None) -> dict[str, Any]:
    if notes is None or not notes.is_file():
        return {}
    try:
        known = json.loads(notes.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}  # damaged: verified and written again
    return known if isinstance(known, dict) else {}


def _write_notes(notes: Path, found: dict[str, list[Any]]) -> None:
    fresh = partial_path(notes)
    try:
        notes.parent.mkdir(mode=0o700, exist_ok=True)
        fresh.write_text(json.dumps(found), encoding="utf-8")
        replace_durably(fresh, notes)
    except OSError:
        pass  # verified again next time
    finally:
        fresh.unlink(missing_ok=True)
