"""Errors of the command line itself, in words: the problem, then the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

#: Options by the names that `soundsift.separate` and other programs have for them.
_OTHER_NAMES = {
    "--start": "--from",
    "--end": "--to",
    "--output": "--out",
    "--output-dir": "--out",
    "-o": "--out",
    "--prompt": "--text",
    "--description": "--text",
    "--lang": "--language",
    "--force": "--overwrite",
}


def usage_in_words(error: typer.TyperException, arguments: Sequence[str]) -> str:
    """What is wrong with a command line, in one line.

    Args:
        error: what Typer found.
        arguments: the command line.
    """
    # Pydantic's own words in front of ours.
    message = error.format_message().replace(": Value error, ", ": ")
    name = getattr(error, "option_name", None)
    command = getattr(getattr(error, "ctx", None), "command", None)
    known = {option: one for one in getattr(command, "params", ()) for option in one.opts}
    if isinstance(name, str) and message.startswith("No such option"):
        given = next((one for one in arguments if one.startswith(name)), name)
        if Path(given).exists():
            return f"{given!r} was taken for an option. Name the file as {'./' + given!r}."
        if (own := _OTHER_NAMES.get(name)) in known:
            return f"No such option: {name}. Use {own}."
    help_ = getattr(getattr(error, "param", None), "help", None)
    if help_ and message.startswith("Missing option"):
        first = help_.partition(". ")[0].rstrip(".")
        return f"{message.rstrip('.')}: {first[0].lower()}{first[1:]}."
    return message
