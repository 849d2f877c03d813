"""Label one excerpt: name its sounds, separate each, score the results, encode what is kept.

Labelling and encoding are apart, so that processors can encode while a GPU separates. In one
process they follow each other: the results are the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

import soundsift
from soundsift.audio import complement
from soundsift.audio.flac import flac_bytes
from soundsift.data.engine.captions import (
    Captioner,
    HearingCaptioner,
    NamedSound,
    ProgramCaptioner,
    usable,
)
from soundsift.data.engine.config import EngineConfig
from soundsift.data.engine.excerpts import AUDIO, Excerpt
from soundsift.data.engine.filters import Candidate, Filters
from soundsift.data.engine.program import LineProgram
from soundsift.data.spans import listed_spans
from soundsift.errors import SoundsiftError, one_line
from soundsift.listening import SoundDetector
from soundsift.separation.separator import Separator

Samples = NDArray[np.float32]

#: What an excerpt can do wrong; a lack of memory on a GPU is a RuntimeError.
_ERRORS = (SoundsiftError, ValueError, OSError, MemoryError, RuntimeError)


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


@dataclass(frozen=True)
class Labelled:
    """What came of an excerpt.

    Attributes:
        excerpt: the excerpt.
        line: for the journal.
        targets: sound that is kept, by the number of the candidate.
        error: why the excerpt failed; None if it did not.
    """

    excerpt: Excerpt
    line: dict[str, Any] = field(default_factory=dict)
    targets: Mapping[int, Samples] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True)
class LabelledExcerpt:
    """The same with encoded sound.

    Attributes:
        key: of the excerpt.
        seconds: its duration.
        line: for the journal.
        files: FLAC of 16 bits, by the path below the folder of the run.
        error: why the excerpt failed; None if it did not.
    """

    key: str
    seconds: float
    line: dict[str, Any]
    files: Mapping[str, bytes]
    error: str | None = None


def label(engine: Engine, excerpt: Excerpt) -> Labelled:
    """Label an excerpt. Everything that it can do wrong ends in an error of the answer."""
    try:
        return _label(engine, excerpt)
    except _ERRORS as error:
        return Labelled(excerpt, error=one_line(error, 400))


def encode(labelled: Labelled) -> LabelledExcerpt:
    """Encode the sound; target and residual add up to the mixture to the last bit."""
    excerpt = labelled.excerpt
    waves: dict[str, Samples] = {}
    for number, target in labelled.targets.items():
        own, rest = complement(excerpt.samples, target, "s16")
        names = _names(excerpt.key, number)
        waves |= {names["mixture"]: excerpt.samples, names["target"]: own, names["residual"]: rest}
    files = {name: flac_bytes(wave, excerpt.sample_rate, "s16") for name, wave in waves.items()}
    return LabelledExcerpt(excerpt.key, excerpt.seconds, labelled.line, files, labelled.error)


@dataclass
class Labeller:
    """Labels excerpts in a process, which loads the models with its first one.

    Attributes:
        config: the run.
        device: as for `soundsift.load`.
    """

    config: EngineConfig
    device: str | None
    _engine: Engine | None = None

    def whole(self, excerpt: Excerpt) -> LabelledExcerpt:
        """Label and encode."""
        return encode(self.label(excerpt))

    def label(self, excerpt: Excerpt) -> Labelled:
        """Label.

        Raises:
            SoundsiftError: a model is not there.
        """
        return label(self.load(), excerpt)

    def load(self) -> Engine:
        """The models, which stay loaded.

        Raises:
            SoundsiftError: one of them is not there.
        """
        if self._engine is None:
            self._engine = Engine.load(self.config, self.device)
        return self._engine

    def close(self) -> None:
        """End the programs."""
        if self._engine is not None:
            self._engine.close()


def _label(engine: Engine, excerpt: Excerpt) -> Labelled:
    found: list[dict[str, Any]] = []
    triplets: list[dict[str, Any]] = []
    targets: dict[int, Samples] = {}
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
            targets[number] = candidate.target
            entry["files"] = _names(excerpt.key, number)
            if not failed:
                triplets.append(_triplet(excerpt, candidate, entry, settings))
    source = {"recording": str(excerpt.recording), "sha256": excerpt.digest}
    line = {**source, "span": excerpt.span, "candidates": found, "triplets": triplets}
    return Labelled(excerpt, line, targets)


def _names(key: str, number: int) -> dict[str, str]:
    """Paths of a candidate's sound below the folder of the run."""
    stems = {"mixture": key, "target": f"{key}.{number}", "residual": f"{key}.{number}"}
    return {kind: f"{AUDIO}/{stem}.{kind}.flac" for kind, stem in stems.items()}


def _triplet(
    excerpt: Excerpt, candidate: Candidate, entry: dict[str, Any], settings: dict[str, Any]
) -> dict[str, Any]:
    return {
        **entry["files"],
        "phrase": candidate.phrase,
        "spans": listed_spans(candidate.target.mean(axis=0), excerpt.sample_rate),
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
