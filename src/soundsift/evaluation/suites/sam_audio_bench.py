"""SAM Audio-Bench: real recordings labelled by people (arXiv 2512.18099), scored without answers.

`FOLDER` holds the table of `facebook/sam-audio-bench`, as `table.jsonl` or Parquet files, and the
media under four names: `SOURCE/ID.mp4` (the whole video, cut to the offsets here),
`SOURCE/ID_ms_ms.mp4`, `SOURCE/ID_s_s.mp4` and `SOURCE/ID.%08d_%08d.mp4` (already cut;
milliseconds). Sound is mono at 48 kHz.
The user fetches the media; items without are left out and listed.

Subsets are the table's `paper_eval_sets`, such as `others-50:text-only`. Their last part says what
systems are told: `text-only`, `text+span` or `visual-only`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from soundsift.audio import read, resample
from soundsift.errors import SoundsiftError
from soundsift.evaluation.item import Ask, Figure, Item, Scored, Suite
from soundsift.evaluation.reference_scores import score_item
from soundsift.evaluation.suites.published import need_folder
from soundsift.evaluation.summary import score_figures
from soundsift.optional import library
from soundsift.spans import Span

NAME = "sam-audio-bench"
SOURCE = "the Hub's data set facebook/sam-audio-bench; its page says where the media are from"
SAMPLE_RATE = 48_000
#: Name of the masks in the table's `mask_bytes`, an npz file.
MASKS = "video_masklet"
_KEYS = ("span_iou", "span_recall", "span_precision")


class Line(BaseModel):
    """One line of the table; `mask_bytes` is base64 in JSONL and bytes in Parquet."""

    model_config = ConfigDict(extra="ignore", frozen=True, val_json_bytes="base64")

    video_id: str
    source_dataset: str
    start_offset: float
    end_offset: float
    spans: tuple[tuple[float, float], ...] = ()
    description: str
    mask_bytes: bytes | None = None
    paper_eval_sets: tuple[str, ...] = ()


def open_suite(folder: Path | None, subset: str | None = None) -> Suite:
    """Read the table and look for the media.

    Args:
        folder: the table and the media.
        subset: one of the table's `paper_eval_sets`; None for all items, told text and spans.

    Raises:
        SoundsiftError: there is no table or a line is wrong, no such subset, or none of its media.
    """
    root = need_folder(folder, NAME, SOURCE)
    lines = list(_read_table(root))
    known = sorted({name for line in lines for name in line.paper_eval_sets})
    if subset is not None and subset not in known:
        raise SoundsiftError(f"{NAME} has no subset {subset!r}. Use one of {', '.join(known)}.")
    chosen = {
        f"{number:04d}": line
        for number, line in enumerate(lines)
        if subset is None or subset in line.paper_eval_sets
    }
    media = {key: find_media(root, line) for key, line in chosen.items()}
    present = tuple(key for key, path in media.items() if path is not None)
    missing = tuple(
        f"{line.source_dataset}/{line.video_id}"
        for key, line in chosen.items()
        if media[key] is None
    )
    if not present:
        raise SoundsiftError(
            f"{root}: none of the {len(missing)} recordings is there, first {missing[0]}. Get "
            f"them by {SOURCE}."
        )
    told = subset.rpartition(":")[2] if subset else "text+span"

    def load(item_id: str) -> Item:
        line, path = chosen[item_id], media[item_id]
        assert path is not None
        return _item(item_id, line, path, whole=path.stem == line.video_id, told=told)

    name = f"{NAME}/{subset}" if subset else NAME
    settings = {"told": told}
    return Suite(name, present, load, score_item, summarise, settings, missing, ("span_iou",))


def find_media(root: Path, line: Line) -> Path | None:
    """The recording of a line under one of its four names, or None."""
    start, end = line.start_offset, line.end_offset
    milliseconds = int(start * 1000), int(end * 1000)
    names = (
        line.video_id,
        f"{line.video_id}_{milliseconds[0]}_{milliseconds[1]}",
        f"{line.video_id}_{int(start)}_{int(end)}",
        f"{line.video_id}.{milliseconds[0]:08d}_{milliseconds[1]:08d}",
    )
    paths = (root / line.source_dataset / f"{name}.mp4" for name in names)
    return next((path for path in paths if path.is_file()), None)


def read_masks(line: Line) -> np.ndarray | None:
    """Masks of the object `(frames, height, width)`, if the line has some.

    Raises:
        SoundsiftError: they can't be read.
    """
    if line.mask_bytes is None:
        return None
    try:
        with np.load(BytesIO(line.mask_bytes)) as file:
            return np.asarray(file[MASKS])
    except (OSError, ValueError, KeyError) as error:
        raise SoundsiftError(
            f"{line.video_id}: mask_bytes is no npz file with {MASKS}. Fetch the table again."
        ) from error


def summarise(rows: Sequence[Scored]) -> dict[str, Figure]:
    """Means over all items; CLAP and judge are added by the run if their weights are given."""
    return score_figures(rows, _KEYS)


def _item(item_id: str, line: Line, path: Path, whole: bool, told: str) -> Item:
    recording = read(path)
    samples = recording.samples
    if whole:
        first, last = (int(t * recording.sample_rate) for t in (line.start_offset, line.end_offset))
        samples = samples[:, first:last]
    mono = resample(samples, recording.sample_rate, SAMPLE_RATE).mean(axis=0, keepdims=True)
    spans = tuple(Span(start, end) for start, end in line.spans)
    visual = told.startswith("visual")
    ask = Ask(
        "target",
        None if visual else line.description,
        spans if "span" in told else (),
    )
    return Item(
        id=item_id,
        mixture=mono,
        sample_rate=SAMPLE_RATE,
        asks=(ask,),
        group=line.source_dataset,
        heard=spans or None,
        video=path,
        extra={"description": line.description, "masks": read_masks(line) if visual else None},
    )


def _read_table(root: Path) -> Iterator[Line]:
    listing = root / "table.jsonl"
    parquet = sorted(root.glob("**/*.parquet"))
    if not listing.is_file() and not parquet:
        raise SoundsiftError(
            f"{root}: there is neither table.jsonl nor a Parquet file. Get the table from {SOURCE}."
        )
    if listing.is_file():
        for number, text in enumerate(listing.read_text(encoding="utf-8").splitlines(), 1):
            try:
                yield Line.model_validate_json(text)
            except ValidationError as error:
                raise _wrong(f"{listing}, line {number}", error) from error
        return
    reader = library("pyarrow.parquet", "Parquet tables", "bench")
    for path in parquet:
        for number, row in enumerate(reader.read_table(path).to_pylist(), 1):
            yield _from_parquet(row, f"{path}, row {number}")


def _from_parquet(row: dict[str, Any], place: str) -> Line:
    try:
        return Line.model_validate(row)
    except ValidationError as error:
        raise _wrong(place, error) from error


def _wrong(place: str, error: ValidationError) -> SoundsiftError:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return SoundsiftError(f"{place}: {where or 'JSON'}: {first['msg']}. Fetch the table again.")
