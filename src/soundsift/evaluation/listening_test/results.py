"""Per-item results of systems: JSON lines of mixture, prompt, output and scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from soundsift.errors import SoundsiftError

#: File of a results folder.
ROWS = "results.jsonl"

Line = TypeVar("Line", bound=BaseModel)


class Row(BaseModel):
    """One output of one system. Keys that are not named here are ignored.

    Attributes:
        id: name of the item, the same in the results of all systems.
        mixture: audio or video file; paths are relative to the folder of the JSONL file.
        prompt: the sound that was asked for, in words.
        target: the system's output; None where it failed.
        system: name of the system.
        scores: metrics of this output by name; None where a metric has no value.
        video: picture to show; by default that of the mixture, if it has one.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str = Field(min_length=1)
    mixture: Path
    prompt: str = Field(min_length=1)
    target: Path | None
    system: str = Field(min_length=1)
    scores: dict[str, float | None] = Field(default_factory=dict)
    video: Path | None = None


@dataclass
class Item:
    """One mixture and prompt with the outputs of several systems.

    Attributes:
        id: name of the item.
        prompt: the sound that was asked for.
        mixture: audio or video file.
        video: picture to show.
        outputs: files by system.
        scores: metrics by system and name.
        mixtures: the mixtures of all systems' results, which must sound the same.
    """

    id: str
    prompt: str
    mixture: Path
    video: Path | None
    outputs: dict[str, Path] = field(default_factory=dict)
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    mixtures: set[Path] = field(default_factory=set)


def read_lines(file: Path, kind: type[Line]) -> Iterator[Line]:
    """Objects of a JSONL file; empty lines are skipped.

    Args:
        file: the file.
        kind: model of a line.

    Raises:
        SoundsiftError: the file can't be read, or a line is no such object.
    """
    keys = [name for name, field_ in kind.model_fields.items() if field_.is_required()]
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SoundsiftError(
            f"{file} can't be read ({getattr(error, 'strerror', None) or 'it is not UTF-8 text'}). "
            f"Give a JSONL file, a line an object with {', '.join(keys)}."
        ) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield kind.model_validate(json.loads(line))
        except (ValidationError, ValueError) as error:
            raise SoundsiftError(
                f"{file}, line {number}: {_first(error)}. Expected a JSON object with "
                f"{', '.join(keys)}."
            ) from error


def read_rows(path: Path) -> Iterator[Row]:
    """Rows of a results file, with paths that start from the present folder.

    Args:
        path: JSONL file, or a folder that holds `ROWS`.

    Raises:
        SoundsiftError: the file can't be read, or a line is no row.
    """
    file = path / ROWS if path.is_dir() else path
    for row in read_lines(file, Row):
        yield row.model_copy(
            update={
                "mixture": file.parent / row.mixture,
                "target": row.target and file.parent / row.target,
                "video": row.video and file.parent / row.video,
            }
        )


def collect_items(sources: Sequence[tuple[str | None, Path]]) -> tuple[list[Item], list[str]]:
    """Join the results of several systems by item.

    Args:
        sources: results files, each with a name for its system; None takes the name of the rows.

    Returns:
        The items that at least two systems have an output for, in the order of the first file, and
        the ids of the others.

    Raises:
        SoundsiftError: see `read_rows`; a system has two rows for one item; rows of one item have
            different prompts; fewer than two systems; or no item that two of them share.
    """
    items: dict[str, Item] = {}
    systems: set[str] = set()
    for name, path in sources:
        for row in read_rows(path):
            system = name or row.system
            systems.add(system)
            item = items.setdefault(row.id, Item(row.id, row.prompt, row.mixture, row.video))
            if row.prompt != item.prompt:
                raise SoundsiftError(
                    f"{path}: the prompt of item {row.id!r} is {row.prompt!r}, but {item.prompt!r} "
                    "in other results. Compare results of the same prompts."
                )
            if system in item.scores:
                raise SoundsiftError(
                    f"{path}: there are two rows of item {row.id!r} for the system {system!r}. "
                    "Name the systems of the files apart: NAME=FILE."
                )
            item.mixtures.add(row.mixture)
            item.scores[system] = {k: v for k, v in row.scores.items() if v is not None}
            if row.target is not None:
                item.outputs[system] = row.target
    if len(systems) < 2:
        raise SoundsiftError(
            f"The results are of {len(systems)} system{'' if len(systems) == 1 else 's'}. Give the "
            "results of at least two, with different names: NAME=FILE."
        )
    shared = [item for item in items.values() if len(item.outputs) > 1]
    if not shared:
        raise SoundsiftError(
            "No item has outputs of two systems. Give results of the same items, with equal ids, "
            "whose outputs were kept (`soundsift bench --keep-stems`)."
        )
    return shared, [item.id for item in items.values() if len(item.outputs) < 2]


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        found = error.errors()[0]
        where = ".".join(str(part) for part in found["loc"])
        return f"{where}: {found['msg']}" if where else str(found["msg"])
    return f"no valid JSON ({error})"
