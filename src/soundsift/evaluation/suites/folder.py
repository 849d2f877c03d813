"""Anyone's recordings: a JSONL file of mixtures, prompts and, optionally, right answers.

One JSON object per line; paths are relative to the file:

    {"id": "street-1", "mixture": "street.wav", "text": "dog barking", "target": "dog.wav"}

`spans` is a list of [start, end] in seconds, also of [start, end, false] where the sound is not
heard; `other` the rest, or another sound; `other_text` its name; `group` a kind, for tables;
`speech` true for speech. Without `target`, only the scores that need no right answer exist.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from soundsift.audio import read, resample
from soundsift.errors import SoundsiftError
from soundsift.evaluation.item import Ask, Figure, Item, Samples, Scored, Suite
from soundsift.evaluation.reference_scores import NAMES, score_item
from soundsift.evaluation.suites.published import need_files
from soundsift.evaluation.summary import score_figures
from soundsift.fingerprint import file_digest
from soundsift.spans import Span

NAME = "folder"
LISTING = "items.jsonl"


class Line(BaseModel):
    """One line of the file; see the module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    mixture: Path
    text: str | None = None
    spans: tuple[tuple[float, float] | tuple[float, float, bool], ...] = ()
    target: Path | None = None
    other: Path | None = None
    other_text: str | None = None
    group: str = ""
    speech: bool = False


def open_suite(folder: Path | None, subset: str | None = None) -> Suite:
    """Read the file and check that all sounds are there.

    Args:
        folder: the JSONL file, or a folder that holds `items.jsonl`.
        subset: a `group`; None for all.

    Raises:
        SoundsiftError: a line is wrong, an id occurs twice, or files are missing.
    """
    if folder is None:
        raise SoundsiftError(f"--suite {NAME} takes a JSONL file, or a folder with {LISTING}.")
    listing = folder / LISTING if folder.is_dir() else folder
    need_files([listing], f"--suite {NAME}", "your own recordings; docs/benchmark.md has the form")
    lines: dict[str, Line] = {}
    for number, text in enumerate(listing.read_text(encoding="utf-8").splitlines(), 1):
        if not text.strip():
            continue
        line = _parse(text, f"{listing}, line {number}")
        if line.id in lines:
            raise SoundsiftError(f"{listing}, line {number}: id {line.id!r} occurs twice.")
        if subset is None or line.group == subset:
            lines[line.id] = line
    if not lines:
        raise SoundsiftError(f"{listing}: no items{f' of group {subset!r}' if subset else ''}.")
    root = listing.parent
    paths = [p for x in lines.values() for p in (x.mixture, x.target, x.other) if p is not None]
    need_files([root / path for path in paths], f"{listing}", "the folder that the file is from")

    def load(item_id: str) -> Item:
        line = lines[item_id]
        mixture = read(root / line.mixture)
        references = {
            name: _matching(root / path, mixture.samples, mixture.sample_rate)
            for name, path in (("target", line.target), ("other", line.other))
            if path is not None
        }
        spans = tuple(Span(*span) for span in line.spans)
        return Item(
            id=item_id,
            mixture=mixture.samples,
            sample_rate=mixture.sample_rate,
            asks=(Ask("target", line.text, spans),),
            probes=(Ask("other", line.other_text),) if line.other_text else (),
            references=references,
            group=line.group,
            heard=tuple(span for span in spans if span.positive) or None,
            speech=line.speech,
            extra={"other_text": line.other_text},
        )

    settings = {"items": file_digest(listing)}
    name = f"{NAME}/{subset}" if subset else NAME
    return Suite(name, tuple(lines), load, score_item, summarise, settings)


def summarise(rows: Sequence[Scored]) -> dict[str, Figure]:
    """Means over all items."""
    return score_figures(rows, NAMES)


def _parse(text: str, place: str) -> Line:
    try:
        line = Line.model_validate(json.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SoundsiftError(f"{place}: {where}: {first['msg']}.") from error
    except ValueError as error:
        raise SoundsiftError(f"{place}: no valid JSON ({error}).") from error
    if line.text is None and not line.spans:
        raise SoundsiftError(f"{place}: there is no prompt. Give text, spans or both.")
    return line


def _matching(path: Path, mixture: Samples, sample_rate: int) -> Samples:
    """A reference at the mixture's rate, with its length and channels."""
    recording = read(path, allow_silence=True)
    length = mixture.shape[1]
    wave = resample(recording.samples, recording.sample_rate, sample_rate)
    if abs(wave.shape[1] - length) > 0.05 * sample_rate:
        raise SoundsiftError(
            f"{path} is {wave.shape[1] / sample_rate:.2f} s long, its mixture "
            f"{length / sample_rate:.2f} s. References must have the length of the mixture."
        )
    wave = resample(wave, sample_rate, sample_rate, length=length)
    if wave.shape[0] != mixture.shape[0]:
        wave = np.repeat(wave.mean(axis=0, keepdims=True), mixture.shape[0], axis=0)
    return wave
