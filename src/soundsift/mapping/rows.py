"""Rows of a manifest: JSONL, Parquet or WebDataset, local or wherever fsspec reads."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal, get_args

from soundsift.errors import SoundsiftError, one_line
from soundsift.optional import library

Container = Literal["jsonl", "parquet", "webdataset"]
CONTAINERS: tuple[Container, ...] = get_args(Container)

_SUFFIXES: dict[str, Container] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".tar": "webdataset",
}
_SOUNDS = frozenset({
    "aac", "aif", "aiff", "flac", "m4a", "mka", "mkv", "mov", "mp3", "mp4", "oga", "ogg", "opus",
    "wav", "webm", "wma",
})  # fmt: skip
#: Columns that are understood; all others are passed on.
_OWN = frozenset({"id", "audio", "text", "spans"})
_TEXTS_AT_MOST = 16


@dataclass(frozen=True)
class Row:
    """A recording and its prompts.

    Attributes:
        key: what identifies the row among the results.
        audio: the file's content, or its path or URL; None where the row has none.
        texts: the prompts by text; empty if the row marks spans alone.
        spans: marks for all of them, (start, end) in seconds.
        extra: all other columns, which go into the results.
        error: why the row cannot be used; None if it can.
    """

    key: str
    audio: bytes | str | None
    texts: tuple[str, ...] = ()
    spans: tuple[tuple[float, float], ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None


def container_of(manifest: str) -> Container:
    """The container of a manifest, by its suffix.

    Raises:
        SoundsiftError: the suffix is of none.
    """
    suffix = PurePosixPath(manifest.rstrip("/")).suffix.lower()
    if suffix not in _SUFFIXES:
        raise SoundsiftError(
            f"{manifest}: not a manifest. Use a file that ends with {', '.join(_SUFFIXES)}, or a "
            "pattern such as 'shards/*.tar'."
        )
    return _SUFFIXES[suffix]


def read_rows(manifest: str, text: str | None = None) -> Iterator[Row]:
    """The rows of a manifest, in order. A row that is damaged has an error.

    Args:
        manifest: path, URL or pattern of JSONL, Parquet or tar files.
        text: the prompt of rows without one of their own.

    Raises:
        SoundsiftError: there is no such file, or it cannot be read.
    """
    read = {"jsonl": _jsonl, "parquet": _parquet, "webdataset": _webdataset}[container_of(manifest)]
    number = 0
    for path in files_of(manifest):
        try:
            for columns in read(path):
                yield _row(columns, number, path, text)
                number += 1
        except (OSError, tarfile.TarError, UnicodeDecodeError) as error:
            raise SoundsiftError(f"{path}: can't be read: {one_line(error)}.") from error


def files_of(manifest: str) -> list[str]:
    """The files that a path or pattern names, sorted, with their protocol.

    Raises:
        SoundsiftError: none, or a protocol whose library is not installed.
    """
    system, path = file_system(manifest)
    try:
        found = sorted(system.glob(path)) if any(c in path for c in "*?[") else [path]
        missing = not found or not all(system.exists(one) for one in found)
    except OSError as error:
        raise SoundsiftError(f"{manifest}: can't be read: {one_line(error)}.") from error
    if missing:
        raise SoundsiftError(f"{manifest}: no such file. Check the path.")
    return [str(system.unstrip_protocol(one)) for one in found]


def sizes_of(manifest: str) -> dict[str, int | None]:
    """The files of a manifest with their sizes in bytes, by which a changed one is noticed."""
    found = {}
    for path in files_of(manifest):
        system, inside = file_system(path)
        found[path] = system.size(inside)
    return found


def file_system(url: str) -> tuple[Any, str]:
    """The file system of a path or URL (`s3://`, `gs://`, `hf://` ...), and the path in it.

    Raises:
        SoundsiftError: fsspec, or the library of the protocol, is not installed.
    """
    core = library("fsspec.core", "paths of other machines", "map")
    try:
        found: tuple[Any, str] = core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise SoundsiftError(f"{url}: {one_line(error)}.") from error
    return found


def read_bytes(url: str) -> bytes:
    """The content of a file.

    Raises:
        SoundsiftError: it cannot be read.
    """
    system, path = file_system(url)
    try:
        content: bytes = system.cat_file(path)
    except OSError as error:
        raise SoundsiftError(f"{url}: can't be read: {one_line(error)}.") from error
    return content


def _jsonl(path: str) -> Iterator[Any]:
    system, inside = file_system(path)
    with system.open(inside, "rb") as lines:
        for line in lines:
            if not line.strip():
                continue
            try:
                yield json.loads(line)
            except ValueError:
                yield None


def _parquet(path: str) -> Iterator[Any]:
    parquet = library("pyarrow.parquet", "Parquet manifests", "map")
    system, inside = file_system(path)
    with system.open(inside, "rb") as file:
        try:
            table = parquet.ParquetFile(file)
        except Exception as error:  # of a damaged file, the library raises anything
            raise SoundsiftError(f"{path}: not Parquet: {one_line(error)}.") from error
        for batch in table.iter_batches(batch_size=64):
            yield from batch.to_pylist()


def _webdataset(path: str) -> Iterator[Any]:
    """Files of a shard that have the same name up to the first dot are one row."""
    system, inside = file_system(path)
    with system.open(inside, "rb") as file, tarfile.open(fileobj=file, mode="r|") as shard:
        columns: dict[str, Any] | None = None
        for member in shard:
            opened = shard.extractfile(member) if member.isfile() else None
            if opened is None:
                continue
            folder, _, name = member.name.rpartition("/")
            stem, _, kind = name.partition(".")
            key = f"{folder}/{stem}" if folder else stem
            if columns is None or columns["id"] != key:
                if columns is not None:
                    yield columns
                columns = {"id": key}
            columns |= _member(kind.lower(), opened.read())
        if columns is not None:
            yield columns


def _member(kind: str, content: bytes) -> dict[str, Any]:
    last = kind.rpartition(".")[2]
    if last in _SOUNDS:
        return {"audio": {"bytes": content}}
    if last == "txt":
        return {"text": content.decode("utf-8", "replace").strip()}
    if last == "json":
        try:
            found = json.loads(content)
        except ValueError:
            found = None
        # The names of the members are what identifies a row.
        return {k: v for k, v in found.items() if k != "id"} if isinstance(found, dict) else {}
    return {}


def _row(columns: Any, number: int, manifest: str, text: str | None) -> Row:
    if not isinstance(columns, dict):
        return Row(str(number), None, error=f"Row {number} is not a JSON object.")
    key = str(columns["id"]) if columns.get("id") is not None else str(number)
    extra = {name: value for name, value in columns.items() if name not in _OWN}
    try:
        texts = _texts(columns.get("text"), text)
        spans = tuple((float(a), float(b)) for a, b in columns.get("spans") or ())
        if not texts and not spans:
            raise SoundsiftError("there is no text. Add a column text, or give --text.")
        audio = _audio(columns.get("audio"), manifest)
        json.dumps(extra)
    except SoundsiftError as error:
        return Row(key, None, extra=_plain(extra), error=f"Row {number}: {error}")
    except (TypeError, ValueError) as error:
        return Row(key, None, extra=_plain(extra), error=f"Row {number}: {one_line(error)}.")
    return Row(key, audio, texts, spans, extra)


def _texts(given: Any, otherwise: str | None) -> tuple[str, ...]:
    if given is None or given == "":
        return () if otherwise is None else (otherwise,)
    texts = tuple(given) if isinstance(given, list) else (given,)
    if not all(isinstance(one, str) and one.strip() for one in texts):
        raise SoundsiftError(f"text is {given!r}; expected a phrase or a list of phrases.")
    if len(texts) > _TEXTS_AT_MOST:
        raise SoundsiftError(f"{len(texts)} texts; expected {_TEXTS_AT_MOST} at most.")
    return texts


def _audio(given: Any, manifest: str) -> bytes | str:
    if isinstance(given, bytes):
        return given
    if isinstance(given, dict):  # as the datasets of the Hub have it
        if isinstance(given.get("bytes"), bytes):
            return bytes(given["bytes"])
        given = given.get("path")
    if not isinstance(given, str) or not given:
        raise SoundsiftError("there is no audio. Add a column audio with a path.")
    if "://" in given or given.startswith("/"):
        return given
    return manifest.rpartition("/")[0] + "/" + given


def _plain(extra: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that JSON can hold."""
    found = {}
    for name, value in extra.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError):
            continue
        found[name] = value
    return found


def tar_member(name: str, content: bytes) -> tuple[tarfile.TarInfo, io.BytesIO]:
    """A member of a shard without time and owner, so that equal results are equal bytes."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member, io.BytesIO(content)
