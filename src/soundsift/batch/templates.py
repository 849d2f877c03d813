"""Names of results, from a template such as "{stem}_{text}"."""

from __future__ import annotations

import os
import string
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from soundsift.audio.formats import FormatName, format_of_suffix
from soundsift.errors import SoundsiftError
from soundsift.separation.stem_files import KIND

#: What can stand in braces, and what it becomes.
FIELDS = {
    "stem": "the recording's name without its suffix",
    "ext": "its suffix without the dot",
    "parent": "name of the folder that it lies in",
    "index": "its number in this run, from 1, with zeros in front",
    "text": "the phrase, with hyphens; `span` where there is none",
    "model": "the model's name",
    "preset": "the preset",
    "seed": "the seed",
    "kind": "what the file holds: target, residual, without, rest, settings, picture",
}

_LONGEST_TEXT = 60
# Half of a character: no file's name can hold it, nor be read as it.
_MARK = "\ud800"


def check_template(template: str) -> None:
    """Refuse a name that can't be one, before anything is put into it.

    Raises:
        SoundsiftError: it is empty, has a path separator, or a field that there is not.
    """
    separators = {"/", os.sep, os.altsep, "\0"} - {None}
    if (
        not template.strip()
        or template in (".", "..")
        or any(s in template for s in separators if s)
    ):
        raise SoundsiftError(
            f"--name {template!r} can't begin a file's name; a word without slashes, such as "
            "'street' or '{stem}_{text}', was expected."
        )
    _fill(template, dict.fromkeys(FIELDS, "x") | {KIND[1:-1]: KIND})


def split_suffix(template: str) -> tuple[str, FormatName | None]:
    """A template without the suffix of a format, and that format: "{stem}.flac"."""
    path = Path(template)
    asked = format_of_suffix(path.suffix)
    return (template, None) if asked is None or not path.stem else (path.stem, asked)


def fill(template: str, recording: Path, index: int, total: int, facts: Mapping[str, str]) -> str:
    """The first part of the results' names; `{kind}` stays for later.

    A `{kind}` that is no field but part of a name is marked; see `unmarked`.

    Args:
        template: checked by `check_template`.
        recording: the input.
        index: its number, from 1.
        total: how many there are.
        facts: `text` (may be empty), `model`, `preset`, `seed`.
    """
    parent = recording.parent.resolve().name
    values = {
        "stem": recording.stem,
        "ext": recording.suffix.lstrip("."),
        "parent": parent or "root",
        "index": f"{index:0{len(str(total))}}",
        "text": slug(facts["text"]) or "span",
        "model": slug(facts["model"]) or "model",
        "preset": facts["preset"],
        "seed": facts["seed"],
        "kind": _MARK,
    }
    parts = _fill(template, values).split(_MARK)
    return KIND.join(part.replace(KIND, KIND[0] + _MARK + KIND[1:]) for part in parts)


def unmarked(name: str) -> str:
    """A file's name as it shall be, the kind being filled in."""
    return name.replace(_MARK, "")


def slug(text: str) -> str:
    """Letters and digits of any script in lower case, hyphens between."""
    low = unicodedata.normalize("NFC", text.lower())
    words = "".join(c if c.isalnum() or unicodedata.combining(c) else " " for c in low).split()
    return "-".join(words)[:_LONGEST_TEXT].strip("-")


def _fill(template: str, values: Mapping[str, str]) -> str:
    known = ", ".join(f"{{{name}}}" for name in FIELDS)
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise SoundsiftError(
            f"--name {template!r} can't be read ({error}); fields such as {known} were expected."
        ) from error
    filled = ""
    for before, name, form, conversion in parts:
        filled += before
        if name is None:
            continue
        if name not in values or form or conversion:
            raise SoundsiftError(
                f"--name {template!r} has an unknown field {{{name}}}; expected one of {known}."
            )
        filled += values[name]
    return filled
