"""The command line that is equivalent to a job."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from soundsift.prompts import Prompt
from soundsift.separation.file_names import default_name
from soundsift.spans import Span
from soundsift.studio.marks import Marks

_OUT = "stems"


def file_name(request: Mapping[str, Any], recording: str, stem: str) -> str:
    """Name of a stem's file without its suffix, as the command line has it.

    Args:
        request: of the job, as for `command_line`.
        recording: name of what it separates.
        stem: target or residual.
    """
    if request["mode"] == "remove" and stem == "residual":
        stem = "without"
    return f"{first_name(request, recording)}.{stem}"


def first_name(request: Mapping[str, Any], recording: str) -> str:
    """First part of the names of a job's files."""
    sound = Prompt(request["text"], language=request.get("language")).text
    return default_name(Path(recording), sound, seen=bool(Marks.of(request)))


def command_line(
    request: Mapping[str, Any],
    name: str,
    before: Sequence[Mapping[str, Any]] = (),
    *,
    judged: bool = False,
) -> str:
    """The command line that is equivalent to a job.

    Args:
        request: a `soundsift.studio.schemas.JobRequest` as a dictionary.
        name: name of the recording that the first turn began with.
        before: requests of the earlier turns, whose stems are expected in `stems`.
        judged: whether the result is rated.
    """
    turns = [*before, request]
    source = name
    for earlier, later in pairwise(turns):
        source = f"{_OUT}/{file_name(earlier, source, later['recording']['stem'])}.wav"
    words = ["soundsift", request["mode"], f"./{source}" if source.startswith("-") else source]
    if request["text"]:
        words += ["--text", request["text"]]
    if request.get("language"):
        words += ["--language", request["language"]]
    for option, spans in (("--span", request["spans"]), ("--not-span", request["not_spans"])):
        for span in spans:
            words += [option, str(Span(*span))]
    marks = Marks.of(request)
    for box in marks.boxes:
        words += ["--box", str(box)]
    for point in marks.points:
        words += ["--point", str(point)]
    words += ["--model", request["model"], "--preset", request["preset"]]
    words += ["--seed", str(request["seed"])]
    if request.get("candidates", 1) > 1:
        words += ["--candidates", str(request["candidates"])]
    if judged:
        words.append("--judge")
    words += ["--out", _OUT]
    return shlex.join(words)
