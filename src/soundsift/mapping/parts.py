"""Results of a map in parts of equal numbers of rows: each appears whole, or not at all."""

from __future__ import annotations

import io
import json
import secrets
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from soundsift.mapping.rows import Container, file_system, tar_member
from soundsift.optional import library

_SUFFIX: dict[Container, str] = {"jsonl": ".jsonl", "parquet": ".parquet", "webdataset": ".tar"}


@dataclass(frozen=True)
class Result:
    """What came of one prompt of a row, or of a row that failed.

    Attributes:
        key: of the row.
        number: of the prompt among the row's, from 0.
        facts: everything but sound, as JSON has it.
        stems: FLAC files by name; none of a row that failed.
    """

    key: str
    number: int
    facts: dict[str, Any]
    stems: dict[str, bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """First part of the names of its files."""
        kept = (c if c.isalnum() or c in "-_" else "-" for c in self.key)
        return f"{''.join(kept)[:120]}-{self.number}"


class Parts:
    """The parts of a map in an output folder.

    Args:
        out: folder or URL.
        container: of the parts.
    """

    def __init__(self, out: str, container: Container) -> None:
        self._system, self._folder = file_system(out.rstrip("/"))
        self._container = container
        self._system.makedirs(self._folder, exist_ok=True)

    def name(self, part: int) -> str:
        """The file of a part."""
        return f"{self._folder}/part-{part:06d}{_SUFFIX[self._container]}"

    def done(self) -> set[int]:
        """Numbers of the parts that are there."""
        self._system.invalidate_cache(self._folder)
        found = set()
        for path in self._system.glob(f"{self._folder}/part-*{_SUFFIX[self._container]}"):
            digits = str(path).rpartition("part-")[2].partition(".")[0]
            if digits.isdigit():
                found.add(int(digits))
        return found

    def write(self, part: int, results: Sequence[Result]) -> None:
        """Write a part, its sound first.

        Raises:
            OSError: it cannot be written.
        """
        if self._container == "jsonl":
            content = self._as_lines(part, results)
        elif self._container == "parquet":
            content = _as_parquet(results)
        else:
            content = _as_shard(part, results)
        self._put(self.name(part), content)

    def read_text(self, name: str) -> str | None:
        """A file of the folder; None if it is not there."""
        path = f"{self._folder}/{name}"
        if not self._system.exists(path):
            return None
        return bytes(self._system.cat_file(path)).decode()

    def write_text(self, name: str, text: str) -> None:
        """Write a file of the folder."""
        self._put(f"{self._folder}/{name}", text.encode())

    def facts(self, part: int) -> list[dict[str, Any]]:
        """The facts of a part's results, without their sound."""
        content = bytes(self._system.cat_file(self.name(part)))
        if self._container == "jsonl":
            return [json.loads(line) for line in content.splitlines()]
        if self._container == "parquet":
            parquet = library("pyarrow.parquet", "Parquet results", "map")
            table = parquet.read_table(io.BytesIO(content), columns=["facts"])
            return [json.loads(line) for line in table["facts"].to_pylist()]
        with tarfile.open(fileobj=io.BytesIO(content)) as shard:
            members = [one for one in shard.getmembers() if one.name.endswith(".json")]
            opened = [shard.extractfile(one) for one in members]
            return [json.loads(one.read()) for one in opened if one is not None]

    def _as_lines(self, part: int, results: Sequence[Result]) -> bytes:
        lines = []
        for index, result in enumerate(results):
            files = {}
            for stem, content in result.stems.items():
                files[stem] = f"audio/{part:06d}-{index:04d}-{result.name}.{stem}.flac"
                path = f"{self._folder}/{files[stem]}"
                self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
                self._put(path, content)
            lines.append(json.dumps(result.facts | files, ensure_ascii=False) + "\n")
        return "".join(lines).encode()

    def _put(self, path: str, content: bytes) -> None:
        if not hasattr(self._system, "auto_mkdir"):  # object stores write whole objects
            self._system.pipe_file(path, content)
            return
        partial = f"{path}.{secrets.token_hex(8)}.partial"
        try:
            self._system.pipe_file(partial, content)
            self._system.mv(partial, path)
        finally:
            with suppress(OSError):
                if self._system.exists(partial):
                    self._system.rm_file(partial)


def _as_shard(part: int, results: Sequence[Result]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as shard:
        for index, result in enumerate(results):
            # The part and the place in it: two rows may have one key.
            name = f"{part:06d}-{index:04d}-{result.name}"[:90]
            facts = json.dumps(result.facts, ensure_ascii=False).encode()
            for suffix, content in [("json", facts), *_named(result.stems)]:
                shard.addfile(*tar_member(f"{name}.{suffix}", content))
    return buffer.getvalue()


def _named(stems: dict[str, bytes]) -> list[tuple[str, bytes]]:
    return [(f"{stem}.flac", content) for stem, content in stems.items()]


def _as_parquet(results: Sequence[Result]) -> bytes:
    arrow = library("pyarrow", "Parquet results", "map")
    parquet = library("pyarrow.parquet", "Parquet results", "map")
    columns: dict[str, list[Any]] = {
        "id": [one.key for one in results],
        "text": [one.facts.get("text") for one in results],
        "error": [one.facts.get("error") for one in results],
        "facts": [json.dumps(one.facts, ensure_ascii=False) for one in results],
        "target": [one.stems.get("target") for one in results],
        "residual": [one.stems.get("residual") for one in results],
    }
    types = {"target": arrow.binary(), "residual": arrow.binary()}
    arrays = {
        name: arrow.array(values, types.get(name, arrow.string()))
        for name, values in columns.items()
    }
    buffer = io.BytesIO()
    parquet.write_table(arrow.table(arrays), buffer)
    return buffer.getvalue()
