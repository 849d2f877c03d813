"""File names of results, from a template such as "{stem}_{text}"."""

from __future__ import annotations

import os
import string
from collections.abc import Mapping
from pathlib import Path

from soundsift.audio.formats import FormatName, format_of_suffix
from soundsift.errors import SoundsiftError
from soundsift.separation.file_names import KIND, UNNAMED, slug

#: Fields of a template, and what replaces them.
FIELDS = {
    "stem": "the recording's name without its suffix",
    "ext": "the recording's suffix without the dot",
    "parent": "name of the recording's folder",
    "index": "number of the job in this run, from 1, with leading zeros",
    "text": "the phrase, lower case with hyphens; without one `span`, or `object` in a video",
    "model": "the model's name",
    "preset": "the preset",
    "seed": "the seed",
    "kind": "content of the file: target, residual, without, rest, settings, picture",
}

# A lone surrogate: no file name can hold it or be decoded to it.
_MARK = "\ud800"


def check_template(template: str) -> None:
    """Refuse a template that can't become a file name.

    Raises:
        SoundsiftError: it is empty, has a path separator, or an unknown field.
    """
    separators = {"/", os.sep, os.altsep, "\0"} - {None}
    if (
        not template.strip()
        or template in (".", "..")
        or any(s in template for s in separators if s)
    ):
        raise SoundsiftError(
            f"--name {template!r} can't begin a file name. Use a name without slashes, such as "
            "'street' or '{stem}_{text}'."
        )
    _fill(template, dict.fromkeys(FIELDS, "x") | {KIND[1:-1]: KIND})


def split_suffix(template: str) -> tuple[str, FormatName | None]:
    """Split "{stem}.flac" into the template without suffix and the format of the suffix."""
    path = Path(template)
    asked = format_of_suffix(path.suffix)
    return (template, None) if asked is None or not path.stem else (path.stem, asked)


def fill(template: str, recording: Path, index: int, total: int, facts: Mapping[str, str]) -> str:
    """The first part of the results' names; the field `{kind}` stays for later.

    A literal "{kind}" in the recording's own name is marked; see `unmarked`.

    Args:
        template: checked by `check_template`.
        recording: the input file.
        index: number of the job, from 1.
        total: number of all jobs.
        facts: `text` (may be empty), `model`, `preset`, `seed`.
    """
    parent = recording.parent.resolve().name
    values = {
        "stem": recording.stem,
        "ext": recording.suffix.lstrip("."),
        "parent": parent or "root",
        "index": f"{index:0{len(str(total))}}",
        "text": slug(facts["text"]) or UNNAMED,
        "model": slug(facts["model"]) or "model",
        "preset": facts["preset"],
        "seed": facts["seed"],
        "kind": _MARK,
    }
    filled = _fill(template, values)
    parts = filled.split(_MARK)
    return KIND.join(part.replace(KIND, KIND[0] + _MARK + KIND[1:]) for part in parts)


def unmarked(name: str) -> str:
    """The final file name, once the kind is filled in."""
    return name.replace(_MARK, "")


def _fill(template: str, values: Mapping[str, str]) -> str:
    known = ", ".join(f"{{{name}}}" for name in FIELDS)
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise SoundsiftError(
            f"--name {template!r} can't be parsed ({error}). Use fields such as {known}."
        ) from error
    filled = ""
    for before, name, form, conversion in parts:
        filled += before
        if name is None:
            continue
        if name not in values or form or conversion:
            raise SoundsiftError(
                f"--name {template!r} has an unknown field {{{name}}}. Known fields: {known}."
            )
        filled += values[name]
    return filled
