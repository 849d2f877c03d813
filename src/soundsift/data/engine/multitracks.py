"""Recordings that come as separate tracks: folders of stems, speakers' channels, manifests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from soundsift.errors import SoundsiftError, one_line

Kind = Literal["music", "speakers"]

ENDINGS = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aif", ".aiff"})

#: Names of whole mixtures, which are no stems.
_MIXTURE = re.compile(
    r"^(?:mix|mixture|mixdown|master|full mix)$|(?:_| )mix(?:ture)?$", re.IGNORECASE
)
#: Names that say nothing of what is heard: part of residuals, never a target.
_NAMELESS = re.compile(
    r"^(?:(?:others?|accompaniment|instrumental|song|rest|residual|stem|track|channel|audio"
    r"|main system|fx|unlabell?ed)\b ?)*$"
)
#: What usual short names mean.
_MEANING = {
    "vocal": "singing",
    "vocals": "singing",
    "vox": "singing",
    "lead vocals": "singing",
    "backing vocals": "backing vocals",
    "male singer": "man singing",
    "female singer": "woman singing",
    "male speaker": "man speaking",
    "female speaker": "woman speaking",
    "male": "man speaking",
    "female": "woman speaking",
    "man": "man speaking",
    "woman": "woman speaking",
    "drum set": "drums",
    "bass": "bass guitar",
    "keys": "keyboard",
    "gtr": "guitar",
    "perc": "percussion",
}


@dataclass(frozen=True)
class Track:
    """One track of a recording.

    Attributes:
        file: the sound file.
        channel: which of its channels, from 0; None for all of them.
        phrase: what is heard on it; None where that is not known.
    """

    file: Path
    channel: int | None
    phrase: str | None


@dataclass(frozen=True)
class Multitrack:
    """A recording that is the sum of its tracks.

    Attributes:
        name: what it is called; its folder or file unless a manifest says otherwise.
        kind: music, or speakers who each have a track.
        tracks: two at least.
        licence: of the recording, as far as it is said.
        bleed: what the recording's own metadata say of bleed between tracks; None if nothing.
    """

    name: str
    kind: Kind
    tracks: tuple[Track, ...]
    licence: str | None = None
    bleed: bool | None = None


def find_multitracks(
    named: Sequence[Path],
    speakers: bool = False,
    licence: str | None = None,
    out: Path | None = None,
) -> list[Multitrack]:
    """The recordings in folders and manifests, each once.

    A folder whose own files are two or more stems is a recording, as in MUSDB18-HQ; so is one of
    MedleyDB with its folder `NAME_STEMS`, whose instruments stand in `NAME_METADATA.yaml`. A
    manifest is a JSONL file (see docs/data-engine.md).

    Args:
        named: folders, which are searched with all subfolders, and manifests.
        speakers: whether tracks are speakers. Then files of several channels are recordings, too,
            with a speaker on each.
        licence: of recordings that state none.
        out: folder of the results, which is not searched.

    Raises:
        SoundsiftError: nothing is found, or a manifest is damaged.
    """
    found: dict[tuple[str, tuple[Track, ...]], Multitrack] = {}
    kind: Kind = "speakers" if speakers else "music"
    for place in named:
        if place.suffix in (".jsonl", ".ndjson"):
            recordings = list(_manifest(place, kind, licence))
        elif place.is_dir():
            recordings = list(_folder(place, kind, licence, out))
        else:
            what = "not a folder or manifest" if place.exists() else "no such folder"
            raise SoundsiftError(f"{place}: {what}. Name a folder of stems, or a JSONL manifest.")
        if not recordings:
            raise SoundsiftError(
                f"{place} holds no recording with two tracks. Put the stems of each recording into "
                "a folder of their own"
                + ("." if speakers else ", or use --speakers for a speaker on each channel.")
            )
        for recording in recordings:
            found.setdefault((recording.name, recording.tracks), recording)
    return list(found.values())


def stem_phrase(name: str) -> str | None:
    """What the name of a stem says is heard on it; None if it says nothing.

    "03_Lead-Guitar" is a lead guitar; "other" and "track 2" say nothing.

    Args:
        name: of a file without its ending, or an instrument's.
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = re.sub(r"[\W\d_]+", " ", words.lower()).strip()
    if _NAMELESS.match(words):
        return None
    return _MEANING.get(words, words)


def _folder(
    folder: Path, kind: Kind, licence: str | None, out: Path | None
) -> Iterator[Multitrack]:
    own = None if out is None else out.resolve()
    for place in [folder, *sorted(path for path in folder.rglob("*") if path.is_dir())]:
        if place.name.endswith("_RAW"):  # MedleyDB: the parts of stems
            continue
        if own is not None and own in (place.resolve(), *place.resolve().parents):
            continue
        files = [
            file
            for file in sorted(place.iterdir())
            if file.is_file() and file.suffix.lower() in ENDINGS and file.name[0] != "."
        ]
        stems = [file for file in files if not _MIXTURE.search(file.stem)]
        if kind == "speakers":
            channels = {file: _channels(file) for file in stems}
            for file, count in channels.items():
                if count != 1:
                    # A damaged file is a recording, too, which fails by itself.
                    tracks = tuple(Track(file, number, None) for number in range(count or 2))
                    yield Multitrack(str(file), kind, tracks, licence)
            stems = [file for file, count in channels.items() if count == 1]
        if len(stems) < 2:
            continue
        if place.name.endswith("_STEMS"):
            yield _medleydb(place, stems, licence)
            continue
        tracks = tuple(Track(file, None, stem_phrase(file.stem)) for file in stems)
        yield Multitrack(str(place), kind, tracks, licence)


def _medleydb(place: Path, stems: list[Path], licence: str | None) -> Multitrack:
    """A recording of MedleyDB, with what its metadata say."""
    name = place.name.removesuffix("_STEMS")
    known: dict[str, Any] = {}
    for folder in place.parents[:3]:
        for file in (
            folder / f"{name}_METADATA.yaml",
            folder / "Metadata" / f"{name}_METADATA.yaml",
        ):
            if not known and file.is_file():
                known = _yaml(file)
    listed = known.get("stems")
    instruments = {
        str(stem.get("filename")): stem.get("instrument")
        for stem in (listed.values() if isinstance(listed, Mapping) else ())
        if isinstance(stem, Mapping)
    }
    tracks = []
    for file in stems:
        instrument = instruments.get(file.name)
        phrase = stem_phrase(instrument) if isinstance(instrument, str) else None
        tracks.append(Track(file, None, phrase))
    # YAML reads a bare yes and no as truth values already.
    said = {"yes": True, "no": False}.get(str(known.get("has_bleed")).lower())
    bleed = known["has_bleed"] if isinstance(known.get("has_bleed"), bool) else said
    return Multitrack(str(place.parent), "music", tuple(tracks), licence, bleed)


def _yaml(file: Path) -> dict[str, Any]:
    try:
        read = yaml.safe_load(file.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SoundsiftError(f"{file}: can't be read as YAML: {one_line(error)}.") from error
    return read if isinstance(read, dict) else {}


def _manifest(file: Path, kind: Kind, licence: str | None) -> Iterator[Multitrack]:
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SoundsiftError(f"{file}: can't be read: {one_line(error)}. Check it.") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield _line(json.loads(line), file.parent, kind, licence)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise SoundsiftError(
                    f'{file}, line {number}: expected {{"stems": [{{"file": ..., "phrase": ...}}, '
                    '...]} or {"file": ..., "channels": [PHRASE, ...]}, with two tracks at least.'
                ) from error


def _line(row: dict[str, Any], folder: Path, kind: Kind, licence: str | None) -> Multitrack:
    """A line of a manifest."""
    tracks: list[Track] = []
    if "channels" in row:
        name, kind = str(folder / row["file"]), "speakers"
        tracks = [
            Track(folder / row["file"], channel, _phrase(phrase))
            for channel, phrase in enumerate(_list(row["channels"]))
        ]
    else:
        for stem in _list(row["stems"]):
            entry: dict[str, Any] = {"file": stem} if isinstance(stem, str) else stem
            path, channel = folder / entry["file"], entry.get("channel")
            if not (channel is None or (type(channel) is int and channel >= 0)):
                raise ValueError(f"channel {channel}")
            phrase = _phrase(entry["phrase"]) if "phrase" in entry else stem_phrase(path.stem)
            tracks.append(Track(path, channel, phrase))
        name = str(tracks[0].file.parent)
    if len(tracks) < 2:
        raise ValueError("fewer than two tracks")
    kind = row.get("kind", kind)
    if kind not in ("music", "speakers"):
        raise ValueError(f"kind {kind}")
    stated = row.get("licence") or licence
    return Multitrack(str(row.get("name") or name), kind, tuple(tracks), stated and str(stated))


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    return value


def _phrase(said: str | None) -> str | None:
    """A caption as given: short names as they are meant, others as they stand."""
    if said is None or not said.strip():
        return None
    return _MEANING.get(said.strip().lower(), said.strip())


def _channels(file: Path) -> int:
    """Number of channels of a sound file; 0 if it can't be read."""
    import av

    try:
        with av.open(str(file)) as container:
            return int(container.streams.audio[0].channels)
    except (OSError, IndexError, av.FFmpegError):
        return 0
