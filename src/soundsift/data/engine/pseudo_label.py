"""Pseudo-labels: from recordings that nobody labelled to triplets for training.

Every recording is cut into excerpts. Of each, the sounds are named, separated by a checkpoint, and
kept where the filters agree. A triplet is mixture, target and residual with the phrase, the spans
in which the target is heard, and where all of it comes from.

In the output folder:

- `triplets.jsonl`: the triplets, with paths relative to the folder;
- `audio/`: their sound, FLAC of 16 bits; target and residual add up to the mixture;
- `excerpts.jsonl`: every excerpt that is done, with all candidates and their scores;
- `report.json`: counts, and the yield of each filter;
- `run.json`: what decides the run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

import soundsift
from soundsift.audio import atomic_file, complement, examine
from soundsift.audio.flac import flac_bytes
from soundsift.audio.video import has_picture
from soundsift.checkpoints.hearing import default_folder
from soundsift.checkpoints.store import WEIGHTS, find_model
from soundsift.data.engine.captions import (
    Captioner,
    HearingCaptioner,
    NamedSound,
    ProgramCaptioner,
    usable,
)
from soundsift.data.engine.config import FILTERS, EngineConfig
from soundsift.data.engine.filters import Candidate, Filters
from soundsift.data.engine.journal import Journal, check_same_run, write_lines
from soundsift.data.engine.program import LineProgram
from soundsift.data.spans import active_spans
from soundsift.errors import SoundsiftError
from soundsift.fingerprint import file_digest
from soundsift.listening import SoundDetector
from soundsift.separation.separator import Separator
from soundsift.version import __version__

Samples = NDArray[np.float32]

TRIPLETS, EXCERPTS, REPORT, RUN, AUDIO = (
    "triplets.jsonl",
    "excerpts.jsonl",
    "report.json",
    "run.json",
    "audio",
)


@dataclass(frozen=True)
class Excerpt:
    """A part of a recording.

    Attributes:
        recording: the file.
        digest: SHA-256 of the file.
        start: sample at which the part begins.
        samples: `(channels, samples)`.
        sample_rate: in Hz.
        video: whether the recording has a picture.
    """

    recording: Path
    digest: str
    start: int
    samples: Samples
    sample_rate: int
    video: bool

    @property
    def key(self) -> str:
        """What identifies it in a run, and begins the names of its files."""
        return excerpt_key(self.digest, self.start)

    @property
    def span(self) -> tuple[float, float]:
        """Begin and end in seconds of the recording."""
        end = self.start + self.samples.shape[1]
        return self.start / self.sample_rate, end / self.sample_rate


@dataclass
class Engine:
    """The models of a run.

    Attributes:
        config: the run.
        separator: separates.
        captioner: names sounds.
        filters: accept or reject.
    """

    config: EngineConfig
    separator: Separator
    captioner: Captioner
    filters: Filters

    @classmethod
    def load(cls, config: EngineConfig, device: str | None = None) -> Engine:
        """Load the models.

        Raises:
            SoundsiftError: one of them is not there.
        """
        separator = soundsift.load(config.model, device, adapter=config.adapter)
        text = separator.model.text if separator.config.text_encoder == "minilm" else None
        detector = SoundDetector.load(device, text=text)
        captioner: Captioner = HearingCaptioner(detector, config.phrases, config.least_confidence)
        if config.captioner:
            captioner = ProgramCaptioner(LineProgram(config.captioner), config.phrases)
        return cls(config, separator, captioner, Filters(config, detector))

    def candidates(
        self, excerpt: Excerpt, folder: Path
    ) -> Iterator[tuple[NamedSound, Candidate, dict[str, Any]]]:
        """Name the sounds of an excerpt, and separate each.

        Args:
            excerpt: the excerpt.
            folder: for sound that programs read.

        Yields:
            The sound, its separation, and the settings of that.

        Raises:
            SoundsiftError: the captioner fails.
        """
        mixture = folder / "mixture.wav"
        programs = bool(self.config.captioner or self.config.programs)
        if programs:
            soundfile.write(mixture, excerpt.samples.T, excerpt.sample_rate, subtype="FLOAT")
        sounds = usable(self.captioner.name(excerpt.samples, excerpt.sample_rate, mixture))
        if not sounds:
            return
        results = self.separator.separate_many(
            excerpt.samples,
            [sound.phrase for sound in sounds],
            sample_rate=excerpt.sample_rate,
            preset=self.config.preset,
            seed=self.config.seed,
            consistent=True,
            judge=False,
        )
        for number, (sound, result) in enumerate(zip(sounds, results, strict=True)):
            files = {"mixture": mixture}
            for name, wave in (("target", result.target), ("residual", result.residual)):
                files[name] = folder / f"{number}.{name}.wav"
                if self.config.programs:
                    soundfile.write(files[name], wave.T, excerpt.sample_rate, subtype="FLOAT")
            candidate = Candidate(
                sound.phrase,
                excerpt.samples,
                result.target,
                result.residual,
                excerpt.sample_rate,
                files,
                excerpt.recording if excerpt.video else None,
                excerpt.span,
            )
            yield sound, candidate, result.settings

    def close(self) -> None:
        """End the programs."""
        self.filters.close()
        if isinstance(self.captioner, ProgramCaptioner):
            self.captioner.program.close()


#: Called with the number of recordings that are done, and that of all.
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class EngineReport:
    """What a run gave.

    Attributes:
        counts: recordings, failed ones, excerpts, candidates, and triplets.
        filters: for each filter, who answered, its threshold, how many candidates it was asked
            about and how many passed.
        errors: of the recordings that failed.
    """

    counts: dict[str, int]
    filters: dict[str, dict[str, Any]]
    errors: dict[str, str]


def pseudo_label(
    recordings: Sequence[Path],
    out: Path,
    config: EngineConfig,
    *,
    device: str | None = None,
    on_progress: OnProgress = lambda *_: None,
    on_error: Callable[[str], None] = lambda _: None,
) -> EngineReport:
    """Make triplets from recordings; excerpts that are done are not done again.

    A recording that fails stops no other; the next run tries it again.

    Args:
        recordings: audio and video files.
        out: folder of the triplets, made if missing.
        config: the run.
        device: cuda, mps or cpu; the fastest available unless given.
        on_progress: receives the progress.
        on_error: receives a sentence for each recording that fails.

    Raises:
        SoundsiftError: a model is not there, or the folder holds another run.
        OSError: the folder cannot be written.
    """
    engine = Engine.load(config, device)
    (out / AUDIO).mkdir(parents=True, exist_ok=True)
    check_same_run(out / RUN, _run(config))
    journal = Journal(out / EXCERPTS)
    errors: dict[str, str] = {}
    try:
        for number, recording in enumerate(recordings):
            on_progress(number, len(recordings))
            try:
                for excerpt in excerpts(recording, config, journal):
                    journal.add(excerpt.key, _label(engine, excerpt, out))
            except SoundsiftError as error:
                errors[str(recording)] = str(error)
                on_error(str(error))
        on_progress(len(recordings), len(recordings))
    finally:
        journal.close()
        engine.close()
    lines = list(journal.lines.values())
    write_lines(out / TRIPLETS, [triplet for line in lines for triplet in line["triplets"]])
    report = _report(config, lines, len(recordings), errors)
    write_lines(
        out / REPORT,
        [{"counts": report.counts, "filters": report.filters, "errors": report.errors}],
    )
    return report


def excerpt_key(digest: str, start: int) -> str:
    """The key of an excerpt of the file with a digest that begins at a sample."""
    return f"{digest[:16]}-{start}"


def excerpts(recording: Path, config: EngineConfig, journal: Journal) -> Iterator[Excerpt]:
    """The excerpts of a recording that are not done; memory holds one.

    Raises:
        SoundsiftError: the recording cannot be used.
    """
    file = examine(recording)
    digest = file_digest(recording)
    size = round(config.seconds * file.sample_rate)
    least = min(size, round(config.shortest * file.sample_rate))
    starts = [at for at in range(0, file.length, size) if at == 0 or file.length - at >= least]
    if all(excerpt_key(digest, start) in journal for start in starts):
        return
    video = has_picture(recording)
    waiting, kept = list(starts), np.zeros((file.channels, 0), np.float32)
    for block in file.blocks():
        kept = np.concatenate([kept, block], axis=1)
        while waiting and kept.shape[1] >= min(size, file.length - waiting[0]):
            start, part = waiting.pop(0), kept[:, :size]
            kept = kept[:, size:]
            if excerpt_key(digest, start) not in journal:
                yield Excerpt(recording, digest, start, part, file.sample_rate, video)


def _label(engine: Engine, excerpt: Excerpt, out: Path) -> dict[str, Any]:
    """The line of an excerpt for the journal; the sound of its triplets is on the disk."""
    found: list[dict[str, Any]] = []
    triplets: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="soundsift-engine-") as folder:
        for number, (sound, candidate, settings) in enumerate(
            engine.candidates(excerpt, Path(folder))
        ):
            scores = engine.filters.score(candidate)
            failed = engine.filters.failed(scores)
            entry: dict[str, Any] = {
                "phrase": sound.phrase,
                "confidence": sound.confidence,
                "caption": sound.caption,
                "scores": scores,
                "failed": failed,
            }
            found.append(entry)
            if failed and not engine.config.keep_rejected:
                continue
            files = _write(out, f"{excerpt.key}.{number}", excerpt, candidate.target)
            entry["files"] = files
            if not failed:
                triplets.append(_triplet(excerpt, candidate, entry, settings))
    source = {"recording": str(excerpt.recording), "sha256": excerpt.digest}
    return {**source, "span": excerpt.span, "candidates": found, "triplets": triplets}


def _triplet(
    excerpt: Excerpt, candidate: Candidate, entry: dict[str, Any], settings: dict[str, Any]
) -> dict[str, Any]:
    spans = active_spans(candidate.target.mean(axis=0), excerpt.sample_rate)
    return {
        **entry["files"],
        "phrase": candidate.phrase,
        "spans": [[round(start, 2), round(end, 2)] for start, end in spans],
        "sample_rate": excerpt.sample_rate,
        "provenance": {
            "recording": str(excerpt.recording),
            "sha256": excerpt.digest,
            "span": list(excerpt.span),
            "caption": entry["caption"],
            "confidence": entry["confidence"],
            "scores": entry["scores"],
            "separation": settings,
        },
    }


def _write(out: Path, name: str, excerpt: Excerpt, target: Samples) -> dict[str, str]:
    """Write a triplet's sound; target and residual add up to the mixture to the last bit."""
    own, rest = complement(excerpt.samples, target, "s16")
    files = {}
    for kind, wave in (("mixture", excerpt.samples), ("target", own), ("residual", rest)):
        stem = excerpt.key if kind == "mixture" else name
        files[kind] = f"{AUDIO}/{stem}.{kind}.flac"
        with atomic_file(out / files[kind], overwrite=True) as file:
            file.write(flac_bytes(wave, excerpt.sample_rate, "s16"))
    return files


def _run(config: EngineConfig) -> dict[str, Any]:
    """What decides a run: its settings, and the files of its models."""
    settings = config.model_dump(mode="json")
    settings["off"] = sorted(settings["off"])
    folder = find_model(config.model)
    weights = folder / WEIGHTS
    return {
        "soundsift": __version__,
        **settings,
        "filters": {
            name: [who, config.threshold(name)]
            for name in FILTERS
            if (who := config.scorer(name)) is not None
        },
        "model_sha256": file_digest(weights) if weights.is_file() else str(folder),
        "adapter_sha256": (
            file_digest(config.adapter)
            if config.adapter is not None and config.adapter.is_file()
            else None
        ),
        "hearing_sha256": file_digest(default_folder() / WEIGHTS),
    }


def _report(
    config: EngineConfig, lines: list[dict[str, Any]], recordings: int, errors: dict[str, str]
) -> EngineReport:
    candidates = [one for line in lines for one in line["candidates"]]
    filters: dict[str, dict[str, Any]] = {}
    for name in FILTERS:
        who = config.scorer(name)
        if who is None:
            filters[name] = {"by": "off" if name in config.off else "nothing at hand"}
            continue
        asked = [one for one in candidates if name in one["scores"]]
        filters[name] = {
            "by": who,
            "threshold": config.threshold(name),
            "asked": len(asked),
            "passed": sum(name not in one["failed"] for one in asked),
        }
    counts = {
        "recordings": recordings,
        "failed": len(errors),
        "excerpts": len(lines),
        "candidates": len(candidates),
        "triplets": sum(len(line["triplets"]) for line in lines),
    }
    return EngineReport(counts, filters, errors)
