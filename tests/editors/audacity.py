"""A stand-in of Audacity behind mod-script-pipe that checks every command."""

from __future__ import annotations

import json
import os
import shlex
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

#: Parameters of the commands that it knows; all others are refused.
COMMANDS = {
    "GetInfo": {"Type", "Format"},
    "SelectTracks": {"Track", "TrackCount", "Mode"},
    "SelectTime": {"Start", "End", "RelativeTo"},
    "SetTrackStatus": {"Name"},
    "SetClip": {"At", "Start"},
    "Export2": {"Filename", "NumChannels"},
    "Import2": {"Filename"},
}


@dataclass
class Track:
    """A track with one clip, or a label track without."""

    name: str
    samples: np.ndarray
    start: float = 0.0
    selected: bool = False
    kind: str = "wave"


@dataclass
class Audacity:
    """A project with tracks and a selection."""

    rate: int
    tracks: list[Track]
    selection: tuple[float, float] = (0.0, 0.0)
    tells_selection: bool = True
    log: list[str] = field(default_factory=list)

    def serve(self, to: Path, from_: Path) -> threading.Thread:
        """Answer on two named pipes, in a thread."""
        for pipe in (to, from_):
            os.mkfifo(pipe)

        def work() -> None:
            with to.open(encoding="utf-8") as commands, from_.open("w") as answers:
                for line in commands:
                    answers.write(self.answer(line.rstrip("\n")) + "\n\n")
                    answers.flush()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    def answer(self, line: str) -> str:
        """Carry out a line; what Audacity would write."""
        self.log.append(line)
        name, colon, rest = line.partition(":")
        given = dict(word.split("=", 1) for word in shlex.split(rest))
        if not colon or name not in COMMANDS or given.keys() - COMMANDS[name]:
            return "BatchCommand finished: Failed!"
        try:
            told = getattr(self, f"_{name.lower()}")(given)
        except (AssertionError, ValueError, KeyError, IndexError) as error:
            return f"{error!r}\nBatchCommand finished: Failed!"
        return f"{told}\nBatchCommand finished: OK" if told else "BatchCommand finished: OK"

    def _getinfo(self, given: dict[str, str]) -> str:
        assert given["Format"] == "JSON"
        if given["Type"] == "Tracks":
            return json.dumps([self._track(track) for track in self.tracks], indent=1)
        assert given["Type"] == "Selection" and self.tells_selection
        # Six digits, as Audacity writes numbers.
        start, end = (float(f"{time:g}") for time in self.selection)
        return json.dumps({"Start": start, "End": end})

    def _track(self, track: Track) -> dict[str, object]:
        facts = {"name": track.name, "selected": int(track.selected), "kind": track.kind}
        if track.kind == "wave":
            facts |= {"start": track.start, "channels": len(track.samples)}
            facts["end"] = float(f"{track.start + track.samples.shape[1] / self.rate:g}")
        return facts

    def _selecttracks(self, given: dict[str, str]) -> None:
        number, mode = int(given["Track"]), given["Mode"]
        assert given["TrackCount"] == "1" and number < len(self.tracks)
        for place, track in enumerate(self.tracks):
            if mode == "Set":
                track.selected = place == number
            elif place == number:
                assert mode == "Add"
                track.selected = True

    def _selecttime(self, given: dict[str, str]) -> None:
        assert given["RelativeTo"] == "ProjectStart"
        self.selection = float(given["Start"]), float(given["End"])
        assert self.selection[1] > self.selection[0] >= 0

    def _settrackstatus(self, given: dict[str, str]) -> None:
        for track in self.chosen():
            track.name = given["Name"]

    def _setclip(self, given: dict[str, str]) -> None:
        (track,) = self.chosen()
        at = float(given["At"])
        assert track.start <= at <= track.start + track.samples.shape[1] / self.rate
        track.start = float(given["Start"])

    def _export2(self, given: dict[str, str]) -> None:
        first, last = (round(time * self.rate) for time in self.selection)
        for time, sample in zip(self.selection, (first, last), strict=True):
            assert abs(time * self.rate - sample) < 1e-3, "not a whole sample"
        mixed = np.zeros((int(given["NumChannels"]), last - first))
        for track in self.chosen():
            samples = track.samples.mean(0, keepdims=True) if len(mixed) == 1 else track.samples
            offset = round(track.start * self.rate)
            whole = np.zeros((len(samples), last + offset + samples.shape[1]))
            whole[:, offset : offset + samples.shape[1]] = samples
            mixed += whole[:, first:last]
        soundfile.write(given["Filename"], mixed.T, self.rate, subtype="FLOAT")

    def _import2(self, given: dict[str, str]) -> None:
        samples, rate = soundfile.read(given["Filename"], always_2d=True)
        assert rate == self.rate
        for track in self.tracks:
            track.selected = False
        self.tracks.append(Track(Path(given["Filename"]).stem, samples.T, selected=True))

    def chosen(self) -> list[Track]:
        """The selected tracks with sound."""
        found = [track for track in self.tracks if track.selected and track.kind == "wave"]
        assert found
        return found
