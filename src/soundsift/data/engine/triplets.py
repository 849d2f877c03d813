"""Real triplets: recordings that come as separate tracks, each track in turn the target.

The mixture is the sum of all tracks, the residual that of the others. Every recording is cut into
excerpts; of each, the tracks that pass the checks become triplets. The output folder is that of
`soundsift.data.engine.pseudo_label`, and the trainers read both alike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from soundsift.audio import RecordingFile, atomic_file, complement, examine
from soundsift.audio.flac import flac_bytes
from soundsift.data.engine.excerpts import AUDIO, EXCERPTS
from soundsift.data.engine.filters import Candidate, silent_share
from soundsift.data.engine.journal import Journal, check_same_run, write_lines
from soundsift.data.engine.multitracks import Multitrack
from soundsift.data.engine.report import RUN, TRIPLETS, EngineReport, answered, count
from soundsift.data.engine.stem_checks import bleed, relative_level_db, voice_phrase
from soundsift.data.spans import listed_spans
from soundsift.errors import SoundsiftError
from soundsift.fingerprint import file_digest
from soundsift.version import __version__

Samples = NDArray[np.float32]

CheckName = Literal["phrase", "silence", "level", "bleed"]
CHECKS: tuple[CheckName, ...] = get_args(CheckName)

#: Thresholds of the checks that have a number: what passes is below for silence and bleed, above
#: for the level in dB against the mixture, which is the lower of the target's and residual's.
THRESHOLDS: dict[CheckName, float] = {"silence": 0.95, "level": -25.0, "bleed": 0.05}

_MOST_CHANNELS = 2


class TripletConfig(BaseModel):
    """A run over multitracks.

    Attributes:
        off: checks that are left out.
        thresholds: other thresholds than those of `THRESHOLDS`.
        seconds: length of the excerpts that recordings are cut into.
        shortest: a last excerpt below so many seconds is left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    off: frozenset[CheckName] = frozenset()
    thresholds: dict[CheckName, float] = {}
    seconds: float = Field(default=10.0, ge=1, le=60)
    shortest: float = Field(default=2.0, ge=0.1)

    def threshold(self, name: CheckName) -> float:
        """The threshold of a check."""
        return self.thresholds.get(name, THRESHOLDS[name])

    def failed(self, scores: dict[CheckName, float]) -> list[CheckName]:
        """The checks that do not pass."""
        return [
            name
            for name, number in scores.items()
            if not (
                number > self.threshold(name) if name == "level" else number < self.threshold(name)
            )
        ]


@dataclass(frozen=True)
class Stem:
    """What is asked for at once: one track, or several of one instrument.

    Attributes:
        phrase: what is heard; None if it is asked for by spans alone.
        tracks: numbers of the tracks.
    """

    phrase: str | None
    tracks: tuple[int, ...]


def make_triplets(
    recordings: Sequence[Multitrack],
    out: Path,
    config: TripletConfig,
    *,
    on_progress: Callable[[int, int], None] = lambda *_: None,
    on_error: Callable[[str], None] = lambda _: None,
) -> EngineReport:
    """Make triplets from multitracks; recordings that are done are not done again.

    A recording that fails stops no other; the next run tries it again.

    Args:
        recordings: see `soundsift.data.engine.multitracks`.
        out: folder of the triplets, made if missing.
        config: the run.
        on_progress: receives the number of recordings that are done, and that of all.
        on_error: receives a sentence for each recording that fails.

    Raises:
        SoundsiftError: the folder holds another run.
        OSError: the folder cannot be written.
    """
    (out / AUDIO).mkdir(parents=True, exist_ok=True)
    settings = config.model_dump(mode="json")
    settings["off"] = sorted(settings["off"])
    journal = Journal(out / EXCERPTS)
    run = {"soundsift": __version__, "from": "multitracks", **settings}
    check_same_run(out / RUN, run, journal)
    errors: dict[str, str] = {}
    try:
        for number, recording in enumerate(recordings):
            on_progress(number, len(recordings))
            try:
                _take(recording, out, config, journal)
            except SoundsiftError as error:
                errors[recording.name] = str(error)
                on_error(str(error))
        on_progress(len(recordings), len(recordings))
    finally:
        journal.close()
    lines = list(journal.lines.values())
    # Of excerpts that are done, a licence may be stated later.
    licences = {recording.name: recording.licence for recording in recordings}
    write_lines(
        out / TRIPLETS,
        [
            triplet | {"licence": licences.get(line["recording"]) or triplet["licence"]}
            for line in lines
            for triplet in line["triplets"]
        ],
    )
    counts = count(lines, len(recordings), errors)
    report = EngineReport(counts, _yields(config, lines), errors)
    report.write(out)
    return report


def stems_of(recording: Multitrack, phrases: Sequence[str | None]) -> list[Stem]:
    """What can be asked for: tracks of one phrase are one sound in music.

    Speakers stay apart; if a phrase means several of them, it tells none and is left out.

    Args:
        recording: the recording.
        phrases: of its tracks.
    """
    if recording.kind == "speakers":
        return [
            Stem(phrase if phrases.count(phrase) == 1 else None, (number,))
            for number, phrase in enumerate(phrases)
        ]
    named = list(dict.fromkeys(phrase for phrase in phrases if phrase is not None))
    stems = [
        Stem(name, tuple(i for i, phrase in enumerate(phrases) if phrase == name)) for name in named
    ]
    return stems + [Stem(None, (i,)) for i, phrase in enumerate(phrases) if phrase is None]


def _take(recording: Multitrack, out: Path, config: TripletConfig, journal: Journal) -> None:
    """Make the triplets of a recording that are not done."""
    paths = list(dict.fromkeys(track.file for track in recording.tracks))
    files = {path: examine(path, allow_silence=True) for path in paths}
    rates = sorted({file.sample_rate for file in files.values()})
    if len(rates) > 1:
        raise SoundsiftError(
            f"{recording.name} has tracks of {' and '.join(map(str, rates))} Hz. Resample them to "
            "one rate."
        )
    for track in recording.tracks:
        count = files[track.file].channels
        if track.channel is not None and track.channel >= count:
            raise SoundsiftError(
                f"{track.file} has no channel {track.channel}: it has {count}, counted from 0. "
                "Correct the manifest."
            )
    rate, length = rates[0], max(file.length for file in files.values())
    digests = {path: file_digest(path) for path in paths}
    identity = [[digests[t.file], t.channel, t.phrase] for t in recording.tracks]
    whole = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
    size = round(config.seconds * rate)
    least = min(size, round(config.shortest * rate))
    starts = [at for at in range(0, length, size) if at == 0 or length - at >= least]
    keys = [f"{whole[:16]}-{start}" for start in starts]
    if all(key in journal for key in keys):
        return
    phrases = [track.phrase for track in recording.tracks]
    if recording.kind == "speakers":
        phrases = _voices(recording, files)
    stems = stems_of(recording, phrases)
    source: dict[str, Any] = {
        "recording": recording.name,
        "kind": recording.kind,
        "files": {str(path): digest for path, digest in digests.items()},
    }
    if recording.bleed is not None:
        source["has_bleed"] = recording.bleed
    for start, tracks in zip(starts, _excerpts(recording, files, size), strict=False):
        key = f"{whole[:16]}-{start}"
        if key not in journal:
            line = _excerpt(key, tracks, rate, start, recording, stems, source, out, config)
            journal.add(key, line)


def _excerpt(
    key: str,
    tracks: list[Samples],
    rate: int,
    start: int,
    recording: Multitrack,
    stems: list[Stem],
    source: dict[str, Any],
    out: Path,
    config: TripletConfig,
) -> dict[str, Any]:
    """The line of an excerpt for the journal; the sound of its triplets is on the disk."""
    mixture: Samples = np.sum(tracks, axis=0, dtype=np.float32)
    peak = float(np.abs(mixture).max(initial=0.0))
    # Beyond full scale, all tracks are lowered alike: a clipped sum would be no sum.
    gain = min(1.0, 0.999 / peak) if peak > 0 else 1.0
    mixture = mixture * np.float32(gain)
    span = [round(at / rate, 6) for at in (start, start + mixture.shape[1])]
    candidates: list[dict[str, Any]] = []
    triplets: list[dict[str, Any]] = []
    for number, stem in enumerate(stems):
        files = [
            (str(track.file) if track.channel is None else f"{track.file}#{track.channel}")
            for track in (recording.tracks[i] for i in stem.tracks)
        ]
        entry: dict[str, Any] = {"phrase": stem.phrase, "tracks": files, "scores": {}}
        candidates.append(entry)
        if stem.phrase is None and recording.kind == "music" and "phrase" not in config.off:
            entry["failed"] = ["phrase"]
            continue
        target: Samples = np.sum([tracks[i] for i in stem.tracks], axis=0, dtype=np.float32)
        target = target * np.float32(gain)
        entry["scores"] = _scores(stem, target, mixture, rate, config)
        entry["failed"] = config.failed(entry["scores"])
        if entry["failed"]:
            continue
        own, rest = complement(mixture, target, "s16")
        names = {}
        for kind, wave in (("mixture", mixture), ("target", own), ("residual", rest)):
            part = key if kind == "mixture" else f"{key}.{number}"
            names[kind] = f"{AUDIO}/{part}.{kind}.flac"
            if kind != "mixture" or not triplets:
                with atomic_file(out / names[kind], overwrite=True) as file:
                    file.write(flac_bytes(wave, rate, "s16"))
        triplets.append(
            {
                **names,
                **({} if stem.phrase is None else {"phrase": stem.phrase}),
                "spans": listed_spans(own.mean(axis=0), rate),
                "sample_rate": rate,
                "licence": recording.licence,
                "provenance": {
                    **source,
                    "span": span,
                    "tracks": files,
                    "gain_db": round(20 * float(np.log10(gain)), 2),
                    "scores": entry["scores"],
                },
            }
        )
    return {
        "recording": recording.name,
        "span": span,
        "candidates": candidates,
        "triplets": triplets,
    }


def _scores(
    stem: Stem, target: Samples, mixture: Samples, rate: int, config: TripletConfig
) -> dict[CheckName, float]:
    residual = mixture - target
    found: dict[CheckName, float] = {}
    mono = target.mean(axis=0), residual.mean(axis=0)
    if "silence" not in config.off:
        whole = Candidate(stem.phrase or "", mixture, target, residual, rate, {}, None, (0, 0))
        found["silence"] = round(silent_share(whole), 4)
    if "level" not in config.off:
        # The quieter of the two: a stem that is all there is teaches nothing, either.
        levels = [relative_level_db(wave, mixture.mean(axis=0)) for wave in mono]
        found["level"] = round(min(levels), 2)
    if "bleed" not in config.off:
        found["bleed"] = round(bleed(*mono, rate), 4)
    return found


def _excerpts(
    recording: Multitrack, files: dict[Path, RecordingFile], size: int
) -> Iterator[list[Samples]]:
    """Excerpts of all tracks, `(channels, samples)` each; memory holds one of each file.

    Shorter tracks are silent at the end. All have as many channels as the one with the most, up to
    two; of more channels, the mean is taken.
    """
    length = max(file.length for file in files.values())
    parts = {path: _pieces(file, size, length) for path, file in files.items()}
    for _ in range(0, length, size):
        there = {path: next(part) for path, part in parts.items()}
        tracks = [
            there[track.file]
            if track.channel is None
            else there[track.file][track.channel : track.channel + 1]
            for track in recording.tracks
        ]
        tracks = [
            wave if len(wave) <= _MOST_CHANNELS else wave.mean(axis=0, keepdims=True)
            for wave in tracks
        ]
        most = max(map(len, tracks))
        yield [np.broadcast_to(wave, (most, wave.shape[1])) for wave in tracks]


def _pieces(file: RecordingFile, size: int, length: int) -> Iterator[Samples]:
    """A file in pieces, the last one shorter, with silence up to a length."""
    kept = np.zeros((file.channels, 0), np.float32)
    given = 0
    for block in file.blocks():
        kept = np.concatenate([kept, block], axis=1)
        while kept.shape[1] >= size:
            yield kept[:, :size]
            kept, given = kept[:, size:], given + size
    while given < length:
        wanted = min(size, length - given)
        yield np.pad(kept[:, :wanted], ((0, 0), (0, max(0, wanted - kept.shape[1]))))
        kept, given = kept[:, wanted:], given + wanted


def _voices(recording: Multitrack, files: dict[Path, RecordingFile]) -> list[str | None]:
    """Phrases of the speakers: as given, or else by the voice of their first minute."""
    found: list[str | None] = []
    for track in recording.tracks:
        if track.phrase is not None:
            found.append(track.phrase)
            continue
        file = files[track.file]
        first = next(_pieces(file, min(file.length, 60 * file.sample_rate), file.length))
        wave = first.mean(axis=0) if track.channel is None else first[track.channel]
        found.append(voice_phrase(wave, file.sample_rate))
    return found


def _yields(config: TripletConfig, lines: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    candidates = [one for line in lines for one in line["candidates"]]
    filters: dict[str, dict[str, Any]] = {}
    for name in CHECKS:
        if name in config.off:
            filters[name] = {"by": "off"}
            continue
        asked = [one for one in candidates if name == "phrase" or name in one["scores"]]
        filters[name] = {
            "by": "names of tracks" if name == "phrase" else "samples",
            **({} if name == "phrase" else {"threshold": config.threshold(name)}),
            **answered(name, asked),
        }
    return filters
