"""The filters of pseudo-labels (paper, section 5), each by whatever model is at hand."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from soundsift.audio import resample
from soundsift.config import SAMPLE_RATE
from soundsift.data.engine.config import (
    FILTERS,
    LARGER_PASSES,
    OF_PICTURES,
    EngineConfig,
    FilterName,
)
from soundsift.data.engine.program import LineProgram
from soundsift.data.engine.report import answered
from soundsift.data.spans import active_spans
from soundsift.errors import SoundsiftError
from soundsift.listening import SoundDetector

Samples = NDArray[np.float32]

#: A target this far below its mixture is silence.
_SILENT_DB = -50.0


@dataclass(frozen=True)
class Candidate:
    """A separation that may become a triplet.

    Attributes:
        phrase: what was asked for.
        mixture, target, residual: `(channels, samples)`.
        sample_rate: in Hz.
        files: the same three as files, by name.
        video: the recording, if it has a picture.
        span: seconds of the recording that the candidate is.
    """

    phrase: str
    mixture: Samples
    target: Samples
    residual: Samples
    sample_rate: int
    files: Mapping[str, Path]
    video: Path | None
    span: tuple[float, float]


@dataclass
class Filters:
    """The filters of a run, with the models that answer for them.

    Attributes:
        config: the run.
        detector: the hearing network.
    """

    config: EngineConfig
    detector: SoundDetector
    _clap: Any = None
    _aesthetics: Any = None
    _programs: dict[FilterName, LineProgram] = field(default_factory=dict)

    def score(self, candidate: Candidate) -> dict[FilterName, float]:
        """The number of every filter that is on and applies to a candidate.

        Raises:
            SoundsiftError: a program or a model that a filter needs fails.
        """
        found: dict[FilterName, float] = {}
        for name in FILTERS:
            who = self.config.scorer(name)
            if who is not None and not (name in OF_PICTURES and candidate.video is None):
                found[name] = round(self._number(name, who, candidate), 4)
        return found

    def passes(self, name: FilterName, number: float) -> bool:
        """Whether a number passes a filter."""
        threshold = self.config.threshold(name)
        return number > threshold if name in LARGER_PASSES else number < threshold

    def failed(self, scores: Mapping[FilterName, float]) -> list[FilterName]:
        """The filters that a candidate does not pass."""
        return [name for name, number in scores.items() if not self.passes(name, number)]

    def close(self) -> None:
        """End the programs."""
        for program in self._programs.values():
            program.close()

    def _number(self, name: FilterName, who: str, candidate: Candidate) -> float:
        if who == "program":
            return self._by_program(name, candidate)
        if name == "silence":
            return silent_share(candidate)
        wave = candidate.residual if name == "text-residual" else candidate.target
        if name == "complexity":
            return self._complexity(who, wave, candidate.sample_rate)
        if who == "clap":
            return self._by_clap(wave, candidate)
        heard = self.detector.listen(wave, [candidate.phrase], sample_rate=candidate.sample_rate)
        return heard[0].confidence if heard else 0.0

    def _complexity(self, who: str, wave: Samples, sample_rate: int) -> float:
        """How many sounds there are: by Audiobox Aesthetics from 1 to 10, else a count."""
        if who == "hearing":
            heard = self.detector.listen(wave, sample_rate=sample_rate)
            return float(sum(sound.presence == "sure" for sound in heard))
        if self._aesthetics is None:
            package = importlib.import_module("audiobox_aesthetics.infer")
            self._aesthetics = package.initialize_predictor()
        sound = torch.from_numpy(np.ascontiguousarray(wave))
        rated = self._aesthetics.forward([{"path": sound, "sample_rate": sample_rate}])
        return float(rated[0]["PC"])

    def _by_clap(self, wave: Samples, candidate: Candidate) -> float:
        if self._clap is None:
            from soundsift.checkpoints.clap import Clap

            assert self.config.clap is not None
            self._clap = Clap(self.config.clap)
        mono = resample(wave.mean(axis=0, keepdims=True), candidate.sample_rate, SAMPLE_RATE)
        return float(self._clap.similarity(torch.from_numpy(mono), candidate.phrase)[0])

    def _by_program(self, name: FilterName, candidate: Candidate) -> float:
        if name not in self._programs:
            self._programs[name] = LineProgram(self.config.programs[name])
        program = self._programs[name]
        request = {
            "filter": name,
            "phrase": candidate.phrase,
            **{kind: str(path) for kind, path in candidate.files.items()},
            "video": None if candidate.video is None else str(candidate.video),
            "start": candidate.span[0],
            "end": candidate.span[1],
        }
        number = program.ask(request).get("score")
        if not isinstance(number, int | float) or not np.isfinite(number):
            raise SoundsiftError(
                f"The program {' '.join(program.command)} answered the score {number!r}; expected "
                "a number."
            )
        return float(number)


def silent_share(candidate: Candidate) -> float:
    """Share of the target that is silent, 0 to 1.

    A moment is silent below -40 dB of the target's loudest; all of it is, below -50 dB of the
    mixture.
    """
    target = candidate.target.mean(axis=0)
    energy = float(np.square(target, dtype=np.float64).sum())
    whole = float(np.square(candidate.mixture.mean(axis=0), dtype=np.float64).sum())
    if energy <= whole * 10 ** (_SILENT_DB / 10):
        return 1.0
    heard = sum(end - start for start, end in active_spans(target, candidate.sample_rate))
    return 1.0 - heard / (len(target) / candidate.sample_rate)


def yields(
    config: EngineConfig, candidates: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """For each filter who answers, its threshold, and how many candidates were asked and passed.

    Args:
        config: the run.
        candidates: with their `scores` and `failed`, as the journal has them.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in FILTERS:
        who = config.scorer(name)
        if who is None:
            found[name] = {"by": "off" if name in config.off else "nothing at hand"}
            continue
        asked = [one for one in candidates if name in one["scores"]]
        found[name] = {
            "by": who,
            "threshold": config.threshold(name),
            **answered(name, asked),
        }
    return found
