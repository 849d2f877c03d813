"""Job lists: one JSON object per line, strictly validated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from soundsift.errors import SoundsiftError
from soundsift.languages.codes import LanguageCode
from soundsift.presets import PRESET_NAMES, PresetName
from soundsift.separation.options import MOST_CANDIDATES

_SpanText = str | Annotated[list[FiniteFloat], Field(min_length=2, max_length=2)]


class JobLine(BaseModel):
    """One line of a job list; missing fields take the values of the command line.

    Attributes:
        input: the recording; a relative path starts at the job list's folder.
        text: the sound; each of several phrases gets files of its own.
        language: of the text, as for `--language`.
        spans: when it is heard: "1.2-2.5" or [1.2, 2.5].
        not_spans: when it is not heard; these win where they overlap with `spans`.
        points: clicks on the object in the video, as for `--point`.
        boxes: boxes around it, as for `--box`.
        masks: file or folder of its masks; a relative path starts at the job list's folder.
        seed: seed of the sampler.
        preset: draft, standard or best.
        candidates: results to draw, of which the best is kept.
        name: template of the file names, as for `--name`.
        exclusive: whether several sounds share the recording.
        rest: whether the rest is written, too; implies `exclusive`.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    # File names can't hold a zero byte.
    input: Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$")]
    text: str | Annotated[list[str], Field(min_length=1)] | None = None
    language: LanguageCode | None = None
    spans: list[_SpanText] = []
    not_spans: list[_SpanText] = []
    points: list[str] = []
    boxes: list[str] = []
    masks: Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$")] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    preset: PresetName | None = None
    candidates: Annotated[int, Field(ge=1, le=MOST_CANDIDATES)] | None = None
    name: str | None = None
    exclusive: bool | None = None
    rest: bool | None = None


def read_jobs(path: Path) -> list[tuple[str, JobLine]]:
    """Read a job list.

    Args:
        path: UTF-8, one JSON object a line; empty lines are skipped.

    Returns:
        The place of each job, for messages ("jobs.jsonl, line 3"), and the job.

    Raises:
        SoundsiftError: the file can't be read or is empty, or a line is invalid; it names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise SoundsiftError(
            f"{path} can't be read ({reason}). Use a job list with one JSON object a line."
        ) from error
    jobs = []
    # Not splitlines: a string may hold U+2028, which ends no line here.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            where = f"{path}, line {number}"
            jobs.append((where, _parse(line, where)))
    if not jobs:
        raise SoundsiftError(f"{path} is empty. Write one JSON object a line.")
    return jobs


def _parse(line: str, where: str) -> JobLine:
    try:
        entry = json.loads(line, object_pairs_hook=_without_repeats)
        if not isinstance(entry, dict):
            raise ValueError("not an object")
    except (ValueError, RecursionError) as error:
        raise SoundsiftError(
            f'{where} can\'t be read ({error}). Write a JSON object such as {{"input": '
            '"street.wav", "text": "dog barking"}.'
        ) from error
    try:
        return JobLine.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][:1])
        if first["type"] == "extra_forbidden":
            known = ", ".join(JobLine.model_fields)
            raise SoundsiftError(
                f"{where} has an unknown field {place!r}. Use some of {known}."
            ) from error
        if first["type"] == "missing":
            raise SoundsiftError(f"{where} has no {place!r}. Name a recording.") from error
        raise SoundsiftError(
            f"{where}: {place} is {json.dumps(entry.get(place), ensure_ascii=False)}. "
            f"Use {_EXPECTED[place]}."
        ) from error


_EXPECTED = {
    "input": "the path of a recording",
    "text": "a phrase such as 'dog barking', or a list of several",
    "language": f"one of {', '.join(get_args(LanguageCode))}",
    "spans": 'a list of spans such as "1.2-2.5" or [1.2, 2.5]',
    "not_spans": 'a list of spans such as "1.2-2.5" or [1.2, 2.5]',
    "points": 'a list of points such as "3.0,320,180"',
    "boxes": 'a list of boxes such as "120,40,200,180@3"',
    "masks": "the path of masks",
    "seed": "a whole number from 0 to 4294967295",
    "preset": f"one of {', '.join(PRESET_NAMES)}",
    "candidates": f"a whole number from 1 to {MOST_CANDIDATES}",
    "name": "a name such as 'street' or '{stem}_{text}'",
    "exclusive": "true or false",
    "rest": "true or false",
}


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if repeated := next((n for n in names if names.count(n) > 1), None):
        raise ValueError(f"{repeated!r} is there twice")
    return dict(pairs)
