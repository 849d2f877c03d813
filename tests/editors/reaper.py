"""A stand-in of REAPER's Python functions that checks what it is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Item:
    """An item with one take, which is the item itself here."""

    source: Path | None = None
    values: dict[str, float] = field(default_factory=dict)

    def place(self) -> dict[str, float]:
        return self.values


@dataclass
class Track:
    """A track."""

    name: str = ""
    items: list[Item] = field(default_factory=list)


class Reaper:
    """A project. Functions return what REAPER's do: all arguments again, where some are results."""

    def __init__(self, answer: str | None, loop: tuple[float, float]) -> None:
        self.tracks: list[Track] = []
        self.messages: list[str] = []
        self.undo: list[str] = []
        self._answer, self._loop = answer, loop

    def add_track(self, name: str) -> None:
        self.tracks.append(Track(name))

    def add_item(self, track, source, *, position, length, offset, rate) -> None:
        values = {"D_POSITION": position, "D_LENGTH": length, "D_STARTOFFS": offset}
        values |= {"D_PLAYRATE": rate, "B_PPITCH": 1.0}
        self.tracks[track].items.append(Item(source, values))

    def _items(self) -> list[Item]:
        return [item for track in self.tracks for item in track.items]

    def RPR_CountSelectedMediaItems(self, project):  # noqa: N802
        return len(self._items())

    def RPR_GetSelectedMediaItem(self, project, number):  # noqa: N802
        return self._items()[number]

    def RPR_GetActiveTake(self, item):  # noqa: N802
        return item

    def RPR_TakeIsMIDI(self, take):  # noqa: N802
        return False

    def RPR_GetMediaItemTake_Source(self, take):  # noqa: N802
        return take.source

    def RPR_GetMediaSourceFileName(self, source, buffer, size):  # noqa: N802
        return source, str(source), size

    def RPR_GetMediaItem_Track(self, item):  # noqa: N802
        return next(track for track in self.tracks if item in track.items)

    def RPR_GetMediaTrackInfo_Value(self, track, name):  # noqa: N802
        assert name == "IP_TRACKNUMBER"
        return float(self.tracks.index(track) + 1)

    def RPR_GetMediaItemInfo_Value(self, item, name):  # noqa: N802
        return item.values[name]

    RPR_GetMediaItemTakeInfo_Value = RPR_GetMediaItemInfo_Value

    def RPR_SetMediaItemInfo_Value(self, item, name, value):  # noqa: N802
        assert isinstance(value, float)
        item.values[name] = value
        return True

    RPR_SetMediaItemTakeInfo_Value = RPR_SetMediaItemInfo_Value

    def RPR_GetUserInputs(self, title, count, captions, values, size):  # noqa: N802
        assert count == 2 and "separator=\n" in captions
        return self._answer is not None, title, count, captions, self._answer or values, size

    def RPR_GetSet_LoopTimeRange(self, is_set, is_loop, start, end, seek):  # noqa: N802
        assert not is_set
        return is_set, is_loop, *self._loop, seek

    def RPR_ShowMessageBox(self, message, title, kind):  # noqa: N802
        self.messages.append(message)
        return 1

    def RPR_Undo_BeginBlock2(self, project):  # noqa: N802
        self.undo.append("begin")

    def RPR_Undo_EndBlock2(self, project, name, flags):  # noqa: N802
        self.undo.append(name)

    def RPR_Main_OnCommand(self, command, flag):  # noqa: N802
        assert command == 40047

    def RPR_UpdateArrange(self):  # noqa: N802
        pass

    def RPR_InsertTrackAtIndex(self, number, defaults):  # noqa: N802
        self.tracks.insert(number, Track())

    def RPR_GetTrack(self, project, number):  # noqa: N802
        return self.tracks[number]

    def RPR_GetSetMediaTrackInfo_String(self, track, name, value, is_set):  # noqa: N802
        assert name == "P_NAME" and is_set
        track.name = value
        return True, track, name, value, is_set

    def RPR_AddMediaItemToTrack(self, track):  # noqa: N802
        track.items.append(Item())
        return track.items[-1]

    def RPR_AddTakeToMediaItem(self, item):  # noqa: N802
        return item

    def RPR_PCM_Source_CreateFromFile(self, path):  # noqa: N802
        assert Path(path).is_file()
        return Path(path)

    def RPR_SetMediaItemTake_Source(self, take, source):  # noqa: N802
        take.source = source
        return True
