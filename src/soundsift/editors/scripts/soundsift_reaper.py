"""Separate sounds of REAPER's selected items onto new tracks (ReaScript, Python).

Actions, Show action list, New action, Load ReaScript; REAPER needs a Python in Preferences,
Plug-ins, ReaScript. The script asks for the sounds, several with ";" between. Each becomes a track
below the item's, named after it, with an item in the same place: stems are as long as the item's
source, so position, offset and rate are those of the item, and every sample keeps its place. A time
selection limits the work to its part. Stems go into the folder `soundsift` beside the source.
"""

from __future__ import annotations

import importlib
import json
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

#: How soundsift is started; `soundsift editors` writes its own path here.
COMMAND = ["soundsift"]
#: Further options of `soundsift separate`: ["--language", "de"], ["--model", "small-bf16"].
OPTIONS: list[str] = []
_TITLE = "soundsift"
_BUILD_MISSING_PEAKS = 40047


class ScriptError(Exception):
    """A sentence for the user."""


@dataclass(frozen=True)
class Item:
    """An item on a track.

    Attributes:
        track: number of its track, from 0.
        source: file of its active take.
        position, length: in the project, in seconds.
        offset: of the take in its source, in seconds of the source.
        rate: of playback.
        preserve_pitch: whether another rate keeps the pitch.
    """

    track: int
    source: Path
    position: float
    length: float
    offset: float
    rate: float
    preserve_pitch: float


def main(reaper: Any = None) -> None:
    """Run the script."""
    reaper = reaper or importlib.import_module("reaper_python")
    try:
        items = selected_items(reaper)
        asked = ask(reaper)
        if asked is None:
            return
        sounds, rest = asked
        limits = time_selection(reaper)
        done = [(item, stems(item, sounds, rest, limits)) for item in items]
    except ScriptError as error:
        reaper.RPR_ShowMessageBox(str(error), _TITLE, 0)
        return
    reaper.RPR_Undo_BeginBlock2(0)
    # From the last track on, so that the numbers of those before stay right.
    for item, found in sorted(done, key=lambda one: -one[0].track):
        for place, (name, file) in enumerate(found, start=1):
            add_track(reaper, item, item.track + place, name, file)
    reaper.RPR_Undo_EndBlock2(0, "Separate sounds", -1)
    reaper.RPR_Main_OnCommand(_BUILD_MISSING_PEAKS, 0)
    reaper.RPR_UpdateArrange()


def selected_items(reaper: Any) -> list[Item]:
    """The selected items that play a file."""
    items = []
    for number in range(reaper.RPR_CountSelectedMediaItems(0)):
        item = reaper.RPR_GetSelectedMediaItem(0, number)
        take = reaper.RPR_GetActiveTake(item)
        if not take or reaper.RPR_TakeIsMIDI(take):
            continue
        source = reaper.RPR_GetMediaItemTake_Source(take)
        file = reaper.RPR_GetMediaSourceFileName(source, "", 4096)[1]
        if not file:
            raise ScriptError("A selected item is a section or reversed. Glue it first.")
        track = reaper.RPR_GetMediaItem_Track(item)
        items.append(
            Item(
                track=int(reaper.RPR_GetMediaTrackInfo_Value(track, "IP_TRACKNUMBER")) - 1,
                source=Path(file),
                position=reaper.RPR_GetMediaItemInfo_Value(item, "D_POSITION"),
                length=reaper.RPR_GetMediaItemInfo_Value(item, "D_LENGTH"),
                offset=reaper.RPR_GetMediaItemTakeInfo_Value(take, "D_STARTOFFS"),
                rate=reaper.RPR_GetMediaItemTakeInfo_Value(take, "D_PLAYRATE"),
                preserve_pitch=reaper.RPR_GetMediaItemTakeInfo_Value(take, "B_PPITCH"),
            )
        )
    if not items:
        raise ScriptError("No audio item is selected. Select one.")
    return items


def ask(reaper: Any) -> tuple[list[str], bool] | None:
    """The sounds, and whether to keep the rest; None if the user cancels."""
    captions = "Sounds (with ; between),Also the rest (y or n),separator=\n,extrawidth=200"
    answer = reaper.RPR_GetUserInputs(_TITLE, 2, captions, "\ny", 1024)
    if not answer[0]:
        return None
    typed, _, rest = answer[4].partition("\n")
    sounds = [sound.strip() for sound in typed.split(";") if sound.strip()]
    if not sounds:
        raise ScriptError("No sound is named. Name one: dog barking.")
    return sounds, rest.strip().lower().startswith("y")


def time_selection(reaper: Any) -> tuple[float, float] | None:
    """Start and end of the time selection in seconds; None if there is none."""
    start, end = reaper.RPR_GetSet_LoopTimeRange(False, False, 0.0, 0.0, False)[2:4]
    return (start, end) if end > start else None


def stems(
    item: Item, sounds: list[str], rest: bool, limits: tuple[float, float] | None
) -> list[tuple[str, Path]]:
    """Name and file of each stem of an item's source."""
    out = item.source.parent / "soundsift" / f"{datetime.now():%Y%m%d-%H%M%S-%f}"
    words = [*COMMAND, "separate", str(item.source), "--out", str(out), "--only", "target"]
    words += ["--json", *OPTIONS]
    for sound in sounds:
        words += ["--text", sound]
    if limits is not None:
        first = max(limits[0], item.position)
        last = min(limits[1], item.position + item.length)
        if first >= last:
            raise ScriptError("The time selection is beside an item. Move it, or remove it.")
        start, end = (item.offset + (t - item.position) * item.rate for t in (first, last))
        words += ["--from", f"{max(0.0, start):.6f}", "--to", f"{end:.6f}"]
    words += ["--rest"] * rest
    done = subprocess.run(words, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise ScriptError(done.stderr.strip() or "soundsift failed.")
    found = []
    for line in done.stdout.splitlines():
        facts = json.loads(line)
        files = facts["files"]
        name = "rest" if "rest" in files else facts["settings"]["text"]
        found.append((name, Path(files.get("rest") or files["target"])))
    return found


def add_track(reaper: Any, item: Item, number: int, name: str, file: Path) -> None:
    """A new track with a stem, in the place of the item."""
    reaper.RPR_InsertTrackAtIndex(number, True)
    track = reaper.RPR_GetTrack(0, number)
    reaper.RPR_GetSetMediaTrackInfo_String(track, "P_NAME", name, True)
    made = reaper.RPR_AddMediaItemToTrack(track)
    take = reaper.RPR_AddTakeToMediaItem(made)
    source = reaper.RPR_PCM_Source_CreateFromFile(str(file))
    reaper.RPR_SetMediaItemTake_Source(take, source)
    reaper.RPR_SetMediaItemInfo_Value(made, "D_POSITION", item.position)
    reaper.RPR_SetMediaItemInfo_Value(made, "D_LENGTH", item.length)
    reaper.RPR_SetMediaItemTakeInfo_Value(take, "D_STARTOFFS", item.offset)
    reaper.RPR_SetMediaItemTakeInfo_Value(take, "D_PLAYRATE", item.rate)
    reaper.RPR_SetMediaItemTakeInfo_Value(take, "B_PPITCH", item.preserve_pitch)


if __name__ == "__main__":
    main()
