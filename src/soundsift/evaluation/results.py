"""Results of one system on one suite: a folder with `run.json`, `results.jsonl` and kept stems.

Rows are appended one by one and reach the disk at once. A run that was killed goes on where it
stopped; a line that was cut off is dropped.
"""

from __future__ import annotations

try:
    import fcntl
except ImportError:  # Windows: no lock
    fcntl = None  # type: ignore[assignment]
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundsift.audio import atomic_file
from soundsift.errors import SoundsiftError
from soundsift.fingerprint import file_digest

RUN, ROWS = "run.json", "results.jsonl"
_FORMAT = 1
#: What may differ when a run goes on: more items may be asked for, and data may have been added.
_GROWS = frozenset({"items", "items_sha256", "missing"})

Row = dict[str, Any]


@dataclass(frozen=True)
class Results:
    """The finished rows of a system.

    Attributes:
        folder: where they are.
        run: suite, system, versions and settings.
        rows: one per item.
    """

    folder: Path
    run: Mapping[str, Any]
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        """Of the system."""
        return str(self.run["system"]["name"])

    @property
    def done(self) -> tuple[Row, ...]:
        """Rows with scores."""
        return tuple(row for row in self.rows if row["status"] == "ok")

    @property
    def ranked_by(self) -> tuple[str, ...]:
        """Metrics that chose among candidates in any row."""
        return tuple(sorted({name for row in self.rows for name in row.get("ranked_by", ())}))


def describe_run(
    suite: str,
    settings: Mapping[str, Any],
    ids: Sequence[str],
    missing: Sequence[str],
    system: Mapping[str, Any],
    scorers: Mapping[str, Any],
    soundsift: str,
) -> dict[str, Any]:
    """The content of `run.json`.

    Args:
        suite: its name.
        settings: what else decides its items.
        ids: the items of this run.
        missing: items that the user's data lacks.
        system: name, title, choice and versions.
        scorers: what scores need beyond this package, with versions.
        soundsift: version of this package.
    """
    return {
        "format": _FORMAT,
        "suite": suite,
        "settings": dict(settings),
        "items": len(ids),
        "items_sha256": hashlib.sha256("\n".join(ids).encode()).hexdigest(),
        "missing": list(missing),
        "system": dict(system),
        "scorers": dict(scorers),
        "soundsift": soundsift,
    }


def read_results(path: Path) -> Results:
    """Read a folder of results.

    Raises:
        SoundsiftError: it is no such folder, or damaged.
    """
    folder = path.parent if path.name in (RUN, ROWS) else path
    try:
        run = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SoundsiftError(
            f"{folder} holds no results ({RUN} can't be read). Give a folder that `soundsift bench "
            "--system` wrote, such as OUT/SYSTEM."
        ) from error
    if run.get("format") != _FORMAT:
        raise SoundsiftError(f"{folder / RUN} has format {run.get('format')}, not {_FORMAT}.")
    return Results(folder, run, tuple(_read_rows(folder / ROWS)[0]))


def find_results(folder: Path) -> list[Results]:
    """Results in a folder, or in its subfolders, in the order of names.

    Raises:
        SoundsiftError: there are none.
    """
    if (folder / RUN).is_file():
        return [read_results(folder)]
    found = [read_results(path.parent) for path in sorted(folder.glob(f"*/{RUN}"))]
    if not found:
        raise SoundsiftError(
            f"{folder} holds no results. Give a folder that `soundsift bench --system` wrote."
        )
    return found


class Writer:
    """Appends rows to a folder of results; made by `open_writer`."""

    def __init__(self, folder: Path, done: set[str]) -> None:
        self.folder = folder
        #: Items that have a row.
        self.done = done

    def add(self, row: Row) -> None:
        """Append a row, and wait until it is on the disk.

        Raises:
            ValueError: the item has a row.
            SoundsiftError: the file can't be written.
        """
        if row["id"] in self.done:
            raise ValueError(f"there are results of {row['id']}")
        line = json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            with (self.folder / ROWS).open("ab") as file:
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise SoundsiftError(
                f"{self.folder / ROWS} can't be written ({error.strerror}). Free the disk and run "
                "the same command again: it goes on where it stopped."
            ) from error
        self.done.add(row["id"])


@contextmanager
def open_writer(
    folder: Path, run: Mapping[str, Any], ids: Sequence[str], overwrite: bool = False
) -> Iterator[Writer]:
    """Start results, or go on with those that are there.

    Args:
        folder: made if missing.
        run: what `run.json` holds, or must hold but for the number of items, which may grow.
        ids: the items of this run.
        overwrite: whether results of another run may be replaced.

    Raises:
        SoundsiftError: there are results of other items, settings or versions, or another process
            is writing here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise SoundsiftError(
                    f"{folder}: another run is writing here. Wait for it, or choose another --out."
                ) from None
        done: set[str] = set()
        if (folder / RUN).is_file():
            before = read_results(folder).run
            differs = sorted(k for k in run if k not in _GROWS and before.get(k) != run[k])
            if not differs:
                done = _repair(folder / ROWS)
            elif overwrite:
                (folder / ROWS).unlink(missing_ok=True)
            else:
                raise SoundsiftError(
                    f"{folder} holds results of another run (other {', '.join(differs)}). Choose "
                    "another --out, or replace them with --overwrite."
                )
            if more := done - set(ids):
                raise SoundsiftError(
                    f"{folder} has results of {len(more)} items more than are asked for. Ask for "
                    f"at least {before['items']} items, or choose another --out."
                )
        else:
            (folder / ROWS).unlink(missing_ok=True)
        with atomic_file(folder / RUN, overwrite=True) as file:
            file.write(json.dumps(run, indent=1, ensure_ascii=False).encode() + b"\n")
        (folder / ROWS).touch()
        yield Writer(folder, done)
    finally:
        os.close(lock)


def rows_digest(results: Results) -> str:
    """SHA-256 of the file of rows."""
    return file_digest(results.folder / ROWS)


def _read_rows(path: Path) -> tuple[list[Row], int]:
    """Rows, and the number of bytes that they take: what was cut off comes after."""
    rows: list[Row] = []
    good = 0
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return [], 0
    while (end := data.find(b"\n", good)) >= 0:
        try:
            rows.append(json.loads(data[good:end]))
        except ValueError as error:
            raise SoundsiftError(f"{path}: line {len(rows) + 1} is damaged ({error}).") from error
        good = end + 1
    return rows, good


def _repair(path: Path) -> set[str]:
    """Cut off an unfinished last line; returns the items that have a row."""
    rows, good = _read_rows(path)
    if path.exists() and path.stat().st_size > good:
        os.truncate(path, good)
    return {row["id"] for row in rows}
