"""Separate sounds of Audacity's selection onto new tracks.

    python soundsift_audacity.py "dog barking" "man speaking" --rest

Audacity must be open, with mod-script-pipe enabled (Preferences, Modules; then restart it). The
selection is widened to multiples of 0.04 s, which are whole samples at every usual rate, so that
the new clips lie exactly over what they were taken from. Without a selection, all is taken.
Options that are not listed here go to `soundsift separate`: --language, --model, --preset.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: How soundsift is started; `soundsift editors` writes its own path here.
COMMAND = ["soundsift"]
#: Seconds.
GRID = 0.04
_WINDOWS = sys.platform == "win32"
_OK = "BatchCommand finished: OK"


class ScriptError(Exception):
    """A sentence for the user."""


class Pipe:
    """The two pipes of mod-script-pipe.

    Args:
        to: commands go here.
        from_: answers come from here.
    """

    def __init__(self, to: str, from_: str) -> None:
        try:
            self._to = Path(to).open("w", encoding="utf-8", newline="")  # noqa: SIM115
            self._from = Path(from_).open(encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise ScriptError(
                "Audacity does not answer. Open it, enable mod-script-pipe in Preferences, "
                "Modules, and restart it."
            ) from error

    def do(self, command: str, **parameters: object) -> str:
        """Carry out a command; its answer without the last line."""
        given = " ".join(f"{name}={_quoted(value)}" for name, value in parameters.items())
        self._to.write(f"{command}: {given}".rstrip() + ("\r\n\0" if _WINDOWS else "\n"))
        self._to.flush()
        lines: list[str] = []
        while True:
            line = self._from.readline()
            if line == "":
                raise ScriptError(f"Audacity closed the pipe at {command}.")
            if line.strip("\0\r\n") == "" and lines:
                break
            lines.append(line.rstrip("\r\n"))
        if _OK not in lines:
            raise ScriptError(f"Audacity refused {command}: {' '.join(lines)}")
        return "\n".join(line for line in lines if line != _OK)

    def info(self, kind: str) -> Any:
        """What Audacity knows: "Tracks", "Selection"."""
        return json.loads(self.do("GetInfo", Type=kind, Format="JSON"))

    def close(self) -> None:
        """Close both."""
        self._to.close()
        self._from.close()


def main(arguments: list[str] | None = None, pipe: Pipe | None = None) -> int:
    """Run the script; its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sounds", nargs="+", help="the sounds, as short phrases")
    parser.add_argument("--rest", action="store_true", help="also what is left of the selection")
    parser.add_argument("--start", type=float, metavar="SECONDS", help="instead of the selection's")
    parser.add_argument("--end", type=float, metavar="SECONDS", help="instead of the selection's")
    given, options = parser.parse_known_args(arguments)
    region = None if given.start is None or given.end is None else (given.start, given.end)
    try:
        with tempfile.TemporaryDirectory() as folder:
            work = Work(given.sounds, given.rest, region, options, Path(folder))
            separate(pipe or Pipe(*_pipes()), work)
    except ScriptError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


@dataclass(frozen=True)
class Work:
    """What is asked for.

    Attributes:
        sounds: the phrases.
        rest: whether what is left is wanted, too.
        region: start and end in seconds; None for Audacity's selection.
        options: for `soundsift separate`.
        folder: for files that nobody needs afterwards.
    """

    sounds: list[str]
    rest: bool
    region: tuple[float, float] | None
    options: list[str]
    folder: Path


def separate(pipe: Pipe, work: Work) -> None:
    """Separate the selection, and put the stems on new tracks."""
    tracks = pipe.info("Tracks")
    chosen = [
        number
        for number, track in enumerate(tracks)
        if track["kind"] == "wave" and track["selected"]
    ] or [number for number, track in enumerate(tracks) if track["kind"] == "wave"]
    if not chosen:
        raise ScriptError("The project has no sound. Open a recording.")
    start, end = _on_grid(*(work.region or _selection(pipe, [tracks[n] for n in chosen])))
    _select(pipe, chosen, start, end)
    mix = work.folder / "selection.wav"
    channels = max(int(tracks[number].get("channels", 1)) for number in chosen)
    pipe.do("Export2", Filename=mix, NumChannels=min(2, channels))
    count = len(tracks)
    for name, stem in _stems(mix, work):
        pipe.do("Import2", Filename=stem)
        if len(pipe.info("Tracks")) != count + 1:
            raise ScriptError(f"Audacity did not import {stem.name} as one track.")
        pipe.do("SelectTracks", Track=count, TrackCount=1, Mode="Set")
        pipe.do("SetTrackStatus", Name=name)
        pipe.do("SelectTime", Start=0, End=_number(end - start), RelativeTo="ProjectStart")
        pipe.do("SetClip", At=0, Start=_number(start))
        count += 1
    _select(pipe, chosen, start, end)


def _selection(pipe: Pipe, tracks: list[dict[str, Any]]) -> tuple[float, float]:
    """Start and end of the selection in seconds; of the tracks if there is none."""
    try:
        found = pipe.info("Selection")
        start, end = float(found["Start"]), float(found["End"])
    except (ScriptError, ValueError, KeyError, TypeError) as error:
        raise ScriptError(
            "This version of Audacity does not tell its selection. Give --start and --end."
        ) from error
    return (start, end) if end > start else (0.0, max(float(track["end"]) for track in tracks))


def _on_grid(start: float, end: float) -> tuple[float, float]:
    """The range, widened to the grid. Audacity tells six digits of a time, and no more."""
    first, last = math.floor(start / GRID + 1e-6), math.ceil(end / GRID - 1e-6)
    return first * GRID, max(first + 1, last) * GRID


def _select(pipe: Pipe, tracks: list[int], start: float, end: float) -> None:
    for place, number in enumerate(tracks):
        mode = "Add" if place else "Set"
        pipe.do("SelectTracks", Track=number, TrackCount=1, Mode=mode)
    pipe.do("SelectTime", Start=_number(start), End=_number(end), RelativeTo="ProjectStart")


def _stems(mix: Path, work: Work) -> list[tuple[str, Path]]:
    """Name and file of each stem."""
    words = [*COMMAND, "separate", str(mix), "--out", str(work.folder / "stems")]
    words += ["--only", "target", "--json", "--bits", "32f", *work.options]
    for sound in work.sounds:
        words += ["--text", sound]
    words += ["--rest"] * work.rest
    done = subprocess.run(words, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise ScriptError(done.stderr.strip() or "soundsift failed.")
    if done.stderr.strip():
        print(done.stderr.strip(), file=sys.stderr)
    stems = []
    for line in done.stdout.splitlines():
        facts = json.loads(line)
        files = facts["files"]
        name = "rest" if "rest" in files else facts["settings"]["text"]
        stems.append((name, Path(files.get("rest") or files["target"])))
    return stems


def _number(seconds: float) -> str:
    return f"{seconds:.6f}"


def _quoted(value: object) -> str:
    """A parameter as Audacity reads it."""
    text = str(value)
    if text and all(char.isalnum() or char in ".-" for char in text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _pipes() -> tuple[str, str]:
    if _WINDOWS:
        return r"\\.\pipe\ToSrvPipe", r"\\.\pipe\FromSrvPipe"
    base = "/tmp/audacity_script_pipe"
    return f"{base}.to.{os.getuid()}", f"{base}.from.{os.getuid()}"


if __name__ == "__main__":
    sys.exit(main())
