"""Files of a separation: stems, settings and spectrograms, written block by block."""

from __future__ import annotations

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
from soundsift.audio.vorbis import vorbis_file
from soundsift.audio.writing import SoundFacts, WavFile
from soundsift.errors import SoundsiftError
from soundsift.separation.file_names import fitting_name, name_size, output_paths
from soundsift.separation.finishing import kept_share
from soundsift.separation.occurrences import Finding, described

if TYPE_CHECKING:
    from soundsift.plots import Picture

STEMS = frozenset({"target", "residual", "without", "rest"})


@dataclass(frozen=True)
class Destination:
    """Names and formats of the files of a separation.

    Stems become `NAME.STEM.wav`. Settings and picture go to `NAME.json` and `NAME.png` beside a
    target, else to `NAME.STEM.json` and `NAME.STEM.png`, so that removing a sound and lifting it
    out can share a folder.

    Attributes:
        folder: Output folder; made if missing.
        name: First part of the files' names, without slashes; `{kind}` in it becomes the stem.
        stems: Any of `target`, `residual` and `without`, another name for the residual; `rest`
            alone for the remainder of several sounds.
        output: Format of the stems.
        source: Video whose picture goes into the results, for the format "video".
        picture: Whether spectrograms are drawn.
        overwrite: Whether existing files may be replaced.
        record: Further entries of the settings file.
        track: Which of the video's sound tracks is replaced, from 1; None for the best.
        bare: Whether the only stem becomes `NAME.wav`, its settings `NAME.json`.

    Raises:
        SoundsiftError: No stem, an unknown one, or an invalid name.
    """

    folder: Path
    name: str
    stems: Sequence[str] = ("target", "residual")
    output: Output = field(default_factory=Output)
    source: Path | None = None
    picture: bool = False
    overwrite: bool = False
    record: Mapping[str, Any] = field(default_factory=dict)
    track: int | None = None
    bare: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.stems, str) or not self.stems or not {*self.stems} <= STEMS:
            expected = ", ".join(sorted(STEMS))
            raise SoundsiftError(
                f"Invalid stems {self.stems!r}. Give a list of one or more of {expected}."
            )
        if not self.name.strip() or {"/", "\0", os.sep, os.altsep} & {*self.name}:
            raise SoundsiftError(
                f"{self.name!r} can't begin a file's name. Use a name without slashes."
            )

    @property
    def paths(self) -> dict[str, Path]:
        """Files by stem, `settings`, and `picture` if spectrograms are drawn.

        A name that is too long for file systems is shortened (`fitting_name`).
        """
        return self._paths(fitting_name(self.name, self._longest))

    @property
    def is_shortened(self) -> bool:
        """Whether the name is too long for file systems."""
        return fitting_name(self.name, self._longest) != self.name

    @property
    def _longest(self) -> int:
        """Bytes of the longest file name that the name itself allows."""
        return max(name_size(path.name) for path in self._paths(self.name).values())

    def _paths(self, name: str) -> dict[str, Path]:
        suffix = self.output.suffix(self.source.suffix if self.source else "")
        return output_paths(
            self.folder, name, self.stems, suffix, picture=self.picture, bare=self.bare
        )


class Levels:
    """Energies of target and mixture in the part that was separated, summed block by block.

    Args:
        settings: of the separation: the part's limits, and by how much the sound was lowered.
        sample_rate: in Hz.
    """

    def __init__(self, settings: Mapping[str, Any], sample_rate: int) -> None:
        self._target = self._mixture = 0.0
        self._position = 0
        end = settings.get("end")
        self._first = round((settings.get("start") or 0.0) * sample_rate)
        self._stop = None if end is None else round(end * sample_rate)
        self._taken = 1.0 - kept_share(settings.get("by"))

    def add(self, mixture: np.ndarray, target: np.ndarray) -> None:
        """Add a block of both, `(channels, samples)`."""
        first = max(0, self._first - self._position)
        stop = None if self._stop is None else max(0, self._stop - self._position)
        self._position += mixture.shape[1]
        heard = np.square(target[:, first:stop], dtype=np.float64).sum() / self._taken**2
        self._target += float(heard)
        self._mixture += float(np.square(mixture[:, first:stop], dtype=np.float64).sum())

    @property
    def target_level_db(self) -> float:
        """Energy of the sound relative to the mixture, in dB; -200 for a silent one."""
        if self._target < 1e-20:
            return -200.0
        return 10 * math.log10(max(self._target, 1e-20) / max(self._mixture, 1e-20))


class SoundWriter(Protocol):
    """Writer of a file of any format."""

    clipped: int

    def write(self, block: np.ndarray) -> None:
        """Write samples `(channels, samples)`."""
        ...


class StemFiles:
    """Writer of the stems of one separation; created by `stem_files`.

    Attributes:
        levels: Energies of the blocks so far.
        picture: Spectrograms of the same; None if none are drawn.
        finding: What was heard of the sound, for the settings; set before the end.
    """

    def __init__(
        self,
        writers: Mapping[str, SoundWriter],
        levels: Levels,
        picture: Picture | None,
        of_recording: str,
        sample_format: str,
        mixture_consistent: bool,
    ) -> None:
        self.levels = levels
        self.picture = picture
        self.finding: Finding | None = None
        self._writers = writers
        self._clipped = 0
        self._format, self._mixture_consistent = sample_format, mixture_consistent
        self._coarser = coarser(sample_format, of_recording)

    def write(self, mixture: np.ndarray, target: np.ndarray, residual: np.ndarray) -> None:
        """Write a block of each, float32 `(channels, samples)`."""
        self.levels.add(mixture, target)
        if self._mixture_consistent:
            # Stems that add up are within full scale: what was clipped is the mixture.
            self._clipped += count_clipped(mixture, self._format)
        if self.picture is not None:
            self.picture.add(mixture, target, residual)
        if self._coarser and self._mixture_consistent:
            target, residual = complement(mixture, target, self._format)
        elif self._coarser:
            # The model estimates both stems independently.
            target, residual = (quantise(stem, self._format) for stem in (target, residual))
        for stem, writer in self._writers.items():
            writer.write(residual if stem in ("residual", "without") else target)

    @property
    def clipped(self) -> int:
        """Number of samples clipped; those of the mixture if the stems sum to it."""
        return self._clipped + sum(writer.clipped for writer in self._writers.values())


def check_destinations(destinations: Sequence[Destination]) -> None:
    """Refuse, before any long work, destinations where results could not be written.

    Raises:
        SoundsiftError: A file exists, or its folder cannot be written.
    """
    for destination in destinations:
        for path in destination.paths.values():
            ensure_writable(path, overwrite=destination.overwrite)


@contextmanager
def stem_files(
    wanted: Sequence[tuple[Destination, Mapping[str, Any]]],
    facts: SoundFacts,
    of_recording: str,
    *,
    mixture_consistent: bool,
) -> Iterator[list[StemFiles]]:
    """Write stems, settings and pictures; all files appear together at the end, or none does.

    Args:
        wanted: For each separation of the recording, its destination and the settings that
            reproduce it; all in one folder.
        facts: Properties of the recording.
        of_recording: Sample format of the recording.
        mixture_consistent: whether target and residual sum to the mixture; files of fewer bits then
            do, too.

    Yields:
        A writer for each separation.

    Raises:
        SoundsiftError: A file exists or cannot be written, or the format can't hold the recording.
    """
    (folder,) = {destination.folder for destination, _ in wanted}
    check_destinations([destination for destination, _ in wanted])
    overwrite = any(destination.overwrite for destination, _ in wanted)
    with atomic_files(folder, overwrite=overwrite) as staging:
        with ExitStack() as stack:
            files = [
                _open(
                    destination, settings, facts, of_recording, mixture_consistent, staging, stack
                )
                for destination, settings in wanted
            ]
            yield files
        for (destination, settings), own in zip(wanted, files, strict=True):
            _finish(destination, settings, facts, own, staging)


def _open(
    destination: Destination,
    settings: Mapping[str, Any],
    facts: SoundFacts,
    of_recording: str,
    mixture_consistent: bool,
    staging: StagingFolder,
    stack: ExitStack,
) -> StemFiles:
    paths, sample_format = destination.paths, destination.output.sample_format(of_recording)
    writers = {
        stem: stack.enter_context(
            sound_file(
                staging.file(paths[stem].name),
                facts,
                sample_format,
                destination.output,
                destination.source,
                destination.track,
            )
        )
        for stem in destination.stems
    }
    picture = _picture(facts, settings) if destination.picture else None
    levels = Levels(settings, facts.sample_rate)
    return StemFiles(writers, levels, picture, of_recording, sample_format, mixture_consistent)


def _finish(
    destination: Destination,
    settings: Mapping[str, Any],
    facts: SoundFacts,
    files: StemFiles,
    staging: StagingFolder,
) -> None:
    """Write picture and settings next to the stems."""
    paths = destination.paths
    if files.picture is not None:
        files.picture.save(staging.file(paths["picture"].name))
    noted = dict(settings) | {
        "sample_rate": facts.sample_rate,
        "target_level_db": round(files.levels.target_level_db, 2),
        **described(files.finding),
        "files": {k: path.name for k, path in paths.items() if k != "settings"},
        "clipped_samples": files.clipped,
    }
    sizes = {k: (staging.path / n).stat().st_size for k, n in noted["files"].items()}
    noted |= {"bytes": sizes, **destination.record}
    # The last file to appear: those that it names exist by then.
    staging.file(paths["settings"].name).write_text(_as_json(noted), encoding="utf-8")


def _as_json(noted: Mapping[str, Any]) -> str:
    """JSON with letters of any script; file names that are not UTF-8 are escaped."""
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
    track: int | None = None,
) -> Iterator[SoundWriter]:
    """Write one file of any format, block by block.

    Args:
        path: The file, in a staging folder.
        facts: Properties of the sound, its length included.
        sample_format: Sample format, for lossless formats.
        output: The format.
        source: Video whose picture goes into the file, for the format "video".
        track: Which of the video's sound tracks is replaced; None for the best.

    Yields:
        The writer.

    Raises:
        SoundsiftError: The format can't hold the sound, or the file can't be written.
        OSError: The disk is full or fails.
    """
    if output.format == "video":
        if source is None:
            raise ValueError("a video needs its source")
        with video_file(path, source, facts, output, track) as video:
            yield video
    elif output.format == "ogg":
        with vorbis_file(path, facts, output) as vorbis:
            yield vorbis
    elif coder(output, path.suffix) is None:
        with path.open("xb") as file:
            wav = WavFile(file, facts, sample_format)
            yield wav
            wav.finish()
    else:
        with coded_file(path, facts, sample_format, output) as coded:
            yield coded


def _picture(facts: SoundFacts, settings: Mapping[str, Any]) -> Picture:
    # Imported here: few ask for a picture.
    from soundsift.plots import Picture
    from soundsift.spans import Span

    spans = [Span(**span) for span in settings.get("spans", ())]
    return Picture(facts.sample_rate, spans, settings.get("text") or "")
