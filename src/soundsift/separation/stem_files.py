"""The files of a separation, written while it goes on."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from soundsift.audio import complement, count_clipped, ensure_writable, quantise
from soundsift.audio.atomic import atomic_files
from soundsift.audio.encoding import coded_file, coder
from soundsift.audio.formats import Output, coarser
from soundsift.audio.staging import StagingFolder
from soundsift.audio.video import video_file
from soundsift.audio.writing import SoundFacts, WavFile
from soundsift.errors import SoundsiftError

if TYPE_CHECKING:
    from soundsift.plots import Picture

#: In a name, stands for what a file holds.
KIND = "{kind}"

_MOST_BYTES = 255

STEMS = frozenset({"target", "residual", "without", "rest"})


@dataclass(frozen=True)
class Place:
    """Where the files of a separation go, and which they are.

    Stems become `NAME.STEM.wav`. Settings and picture go to `NAME.json` and `NAME.png` beside a
    target, else to `NAME.STEM.json` and `NAME.STEM.png`, so that removing a sound and lifting it
    out can share a folder.

    Attributes:
        folder: made if missing.
        name: first part of every file's name, without slashes; `{kind}` in it becomes the stem.
        stems: any of `target`, `residual` and `without`, another name for the residual; `rest`
            alone for what several sounds leave.
        output: the format.
        source: the video whose picture goes into the results, for the format "video".
        picture: whether spectrograms are drawn.
        overwrite: whether files that exist may be replaced.
        record: what else goes into the settings.

    Raises:
        SoundsiftError: there are no stems, one that there is not, or a name that is none.
    """

    folder: Path
    name: str
    stems: Sequence[str] = ("target", "residual")
    output: Output = field(default_factory=Output)
    source: Path | None = None
    picture: bool = False
    overwrite: bool = False
    record: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.stems, str) or not self.stems or not {*self.stems} <= STEMS:
            expected = ", ".join(sorted(STEMS))
            raise SoundsiftError(
                f"stems are {self.stems!r}; a list of one or more of {expected} was expected."
            )
        if not self.name.strip() or {"/", "\0", os.sep, os.altsep} & {*self.name}:
            raise SoundsiftError(
                f"{self.name!r} can't begin a file's name; a word without slashes was expected."
            )

    @property
    def paths(self) -> dict[str, Path]:
        """The files, by stem, and `settings`, and `picture` if there is one.

        A name too long for a file system is shortened; see `fitting_name`.
        """
        return self._paths(fitting_name(self.name, self._longest))

    @property
    def is_shortened(self) -> bool:
        """Whether the name is too long for a file system."""
        return fitting_name(self.name, self._longest) != self.name

    @property
    def _longest(self) -> int:
        """Bytes of the longest file name that the name itself allows."""
        return max(name_size(path.name) for path in self._paths(self.name).values())

    def _paths(self, name: str) -> dict[str, Path]:
        suffix = self.output.suffix(self.source.suffix if self.source else "")
        return output_paths(self.folder, name, self.stems, suffix, picture=self.picture)


class Levels:
    """How loud a target is beside its mixture, summed up along the way."""

    def __init__(self) -> None:
        self._target = self._mixture = 0.0

    def add(self, mixture: np.ndarray, target: np.ndarray) -> None:
        """Take a block of both, `(channels, samples)`."""
        self._target += float(np.square(target, dtype=np.float64).sum())
        self._mixture += float(np.square(mixture, dtype=np.float64).sum())

    @property
    def target_level_db(self) -> float:
        """Energy of the target relative to the mixture, in dB; -200 for a silent target."""
        if self._target < 1e-20:
            return -200.0
        return 10 * math.log10(max(self._target, 1e-20) / max(self._mixture, 1e-20))


class SoundWriter(Protocol):
    """A file, whatever its format, that takes samples."""

    clipped: int

    def write(self, block: np.ndarray) -> None:
        """Take samples `(channels, samples)`."""
        ...


class StemFiles:
    """Takes a separation block by block; made by `stem_files`.

    Attributes:
        levels: of what was written so far.
        picture: of the same; None if none is drawn.
    """

    def __init__(
        self,
        writers: Mapping[str, SoundWriter],
        picture: Picture | None,
        of_recording: str,
        sample_format: str,
        mixture_consistent: bool,
    ) -> None:
        self.levels = Levels()
        self.picture = picture
        self._writers = writers
        self._clipped = 0
        self._format, self._mixture_consistent = sample_format, mixture_consistent
        self._coarser = coarser(sample_format, of_recording)

    def write(self, mixture: np.ndarray, target: np.ndarray, residual: np.ndarray) -> None:
        """Write a block of each, all float32 `(channels, samples)`."""
        self.levels.add(mixture, target)
        if self._mixture_consistent:
            # Stems that add up are within full scale: what was clipped is the mixture.
            self._clipped += count_clipped(mixture, self._format)
        if self.picture is not None:
            self.picture.add(mixture, target, residual)
        if self._coarser and self._mixture_consistent:
            target, residual = complement(mixture, target, self._format)
        elif self._coarser:
            # A model that makes both stems on their own.
            target, residual = (quantise(stem, self._format) for stem in (target, residual))
        for stem, writer in self._writers.items():
            writer.write(residual if stem in ("residual", "without") else target)

    @property
    def clipped(self) -> int:
        """Samples that were clipped, of the mixture where the stems add up to it."""
        return self._clipped + sum(writer.clipped for writer in self._writers.values())


def ensure_places(places: Sequence[Place]) -> None:
    """Refuse, before any long work, places where results could not be written.

    Raises:
        SoundsiftError: a file exists or its folder cannot be written.
    """
    for place in places:
        for path in place.paths.values():
            ensure_writable(path, overwrite=place.overwrite)


@contextmanager
def stem_files(
    wanted: Sequence[tuple[Place, Mapping[str, Any]]],
    facts: SoundFacts,
    of_recording: str,
    *,
    mixture_consistent: bool,
) -> Iterator[list[StemFiles]]:
    """Write stems, settings and picture; all files appear together when it ends, or none does.

    Args:
        wanted: for each separation of the recording, where to, and everything needed to make it
            again; all in one folder.
        facts: of the recording.
        of_recording: its sample format.
        mixture_consistent: whether target and residual sum to the mixture; files of fewer bits then
            do, too.

    Yields:
        For each separation, what takes its blocks.

    Raises:
        SoundsiftError: a file exists or cannot be written, or the format can't hold the recording.
    """
    (folder,) = {place.folder for place, _ in wanted}
    ensure_places([place for place, _ in wanted])
    overwrite = any(place.overwrite for place, _ in wanted)
    with atomic_files(folder, overwrite=overwrite) as staging:
        with ExitStack() as stack:
            files = [
                _open(place, settings, facts, of_recording, mixture_consistent, staging, stack)
                for place, settings in wanted
            ]
            yield files
        for (place, settings), own in zip(wanted, files, strict=True):
            _finish(place, settings, facts, own, staging)


def _open(
    place: Place,
    settings: Mapping[str, Any],
    facts: SoundFacts,
    of_recording: str,
    mixture_consistent: bool,
    staging: StagingFolder,
    stack: ExitStack,
) -> StemFiles:
    paths, sample_format = place.paths, place.output.sample_format(of_recording)
    writers = {
        stem: stack.enter_context(
            sound_file(
                staging.file(paths[stem].name), facts, sample_format, place.output, place.source
            )
        )
        for stem in place.stems
    }
    picture = _picture(facts, settings) if place.picture else None
    return StemFiles(writers, picture, of_recording, sample_format, mixture_consistent)


def _finish(
    place: Place,
    settings: Mapping[str, Any],
    facts: SoundFacts,
    files: StemFiles,
    staging: StagingFolder,
) -> None:
    """Write picture and settings beside the stems."""
    paths = place.paths
    if files.picture is not None:
        files.picture.save(staging.file(paths["picture"].name))
    noted = dict(settings) | {
        "sample_rate": facts.sample_rate,
        "target_level_db": round(files.levels.target_level_db, 2),
        "files": {k: path.name for k, path in paths.items() if k != "settings"},
        "clipped_samples": files.clipped,
    }
    sizes = {k: (staging.path / n).stat().st_size for k, n in noted["files"].items()}
    noted |= {"bytes": sizes, **place.record}
    # The last to appear: what it names is there.
    staging.file(paths["settings"].name).write_text(_as_json(noted), encoding="utf-8")


def _as_json(noted: Mapping[str, Any]) -> str:
    """Readable in any script; a file's name that is no UTF-8 is escaped."""
    text = json.dumps(noted, indent=2, ensure_ascii=False) + "\n"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(noted, indent=2) + "\n"
    return text


@contextmanager
def sound_file(
    path: Path,
    facts: SoundFacts,
    sample_format: str,
    output: Output,
    source: Path | None = None,
) -> Iterator[SoundWriter]:
    """Write one file of any format, block by block.

    Args:
        path: where to, hidden from others until it is complete.
        facts: of the sound, its length included.
        sample_format: of lossless formats.
        output: the format.
        source: the video whose picture goes into it, for the format "video".

    Yields:
        Takes the samples.

    Raises:
        SoundsiftError: the format can't hold the sound, or the file can't be written.
    """
    if output.format == "video":
        if source is None:
            raise ValueError("a video needs its source")
        with video_file(path, source, facts, output) as video:
            yield video
    elif coder(output, path.suffix) is None:
        with path.open("xb") as file:
            wav = WavFile(file, facts, sample_format)
            yield wav
            wav.finish()
    else:
        with coded_file(path, facts, sample_format, output) as coded:
            yield coded


def output_paths(
    folder: Path,
    name: str,
    stems: Sequence[str],
    suffix: str = ".wav",
    *,
    picture: bool = False,
) -> dict[str, Path]:
    """Where the files go, so that it can be checked before the work is done.

    Args:
        folder: of all files.
        name: first part of their names; `{kind}` in it becomes the stem.
        stems: which are written.
        suffix: of the stems.
        picture: whether there is one.
    """
    if KIND in name:
        paths = {stem: folder / (name.replace(KIND, stem) + suffix) for stem in stems}
        kind = "settings" if "target" in stems else stems[0]
        drawn = folder / (name.replace(KIND, "picture" if "target" in stems else kind) + ".png")
        settings = folder / (name.replace(KIND, kind) + ".json")
    else:
        paths = {stem: folder / f"{name}.{stem}{suffix}" for stem in stems}
        first = name if "target" in stems else f"{name}.{stems[0]}"
        drawn, settings = folder / f"{first}.png", folder / f"{first}.json"
    return paths | ({"picture": drawn} if picture else {}) | {"settings": settings}


def fitting_name(name: str, longest: int) -> str:
    """A name whose files have at most 255 bytes, the most that common file systems take.

    A name that is too long loses characters before its end or before `{kind}`. Eight digits of its
    SHA-256 take their place, so that names which begin alike stay different.

    Args:
        name: first part of the files' names; may hold `{kind}`.
        longest: bytes of the longest of these names.
    """
    excess = longest - _MOST_BYTES
    if excess <= 0:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    parts = name.split(KIND)
    index = max(range(len(parts)), key=lambda part: name_size(parts[part]))
    room = name_size(parts[index]) - excess - len(digest) - 1
    kept = ""
    for character in parts[index]:
        room -= name_size(character)
        if room < 0:
            break
        kept += character
    parts[index] = f"{kept}~{digest}"
    return KIND.join(parts)


def name_size(name: str) -> int:
    """Bytes of a file's name; half characters, which only mark places in templates, have none."""
    return len(name.replace("\ud800", "").encode("utf-8", "surrogateescape"))


def _picture(facts: SoundFacts, settings: Mapping[str, Any]) -> Picture:
    # Imported here: few ask for a picture.
    from soundsift.plots import Picture
    from soundsift.spans import Span

    spans = [Span(**span) for span in settings.get("spans", ())]
    return Picture(facts.sample_rate, spans, settings.get("text") or "")
