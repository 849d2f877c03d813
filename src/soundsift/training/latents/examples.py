"""Mixtures with their targets: scenes of the bank, triplets on disk, the toy world.

A file of triplets has one JSON object a line, its paths relative to the file:

    {"target": "a.wav", "residual": "b.wav", "phrase": "dog barking", "spans": [[0.4, 2.1]],
     "video": "a.npy"}

`phrase`, `spans` (when the target is heard; from its energy if missing; ["-", 0.4, 2.1] says when
it is not) and `video` (features of the object, `(latent frames, video_dim)`) may be left out, and
other keys are passed over.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from soundsift.audio.resampling import resample
from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Bank
from soundsift.data.scenes import SceneConfig, SceneGenerator
from soundsift.data.spans import active_spans
from soundsift.data.toy_world import toy_mixture
from soundsift.errors import SoundsiftError
from soundsift.spans import Span
from soundsift.training.latents.config import ExampleSourceConfig

Samples = NDArray[np.float32]

#: One triplet in so many is held out for validation.
_HELD_OUT = 20
_VALIDATION_SEED = 1_000_003


@dataclass(frozen=True)
class Example:
    """A mixture and what one prompt asks of it.

    Attributes:
        target, residual: mono waves `(samples,)`, whose sum is the mixture.
        text: the phrase; None where there is none.
        spans: when the target is heard.
        video: features of the object `(frames, video_dim)`; None where there are none.
    """

    target: Samples
    residual: Samples
    text: str | None
    spans: tuple[Span, ...]
    video: Samples | None = None


class ExampleSource(Protocol):
    """Draws examples."""

    def example(self, number: int, seconds: float, rate: int) -> Example:
        """Example `number`, so many seconds long, at a rate in Hz."""
        ...


class SceneExamples:
    """A query about a scene of the bank, with text and spans.

    Args:
        folder: the bank's.
        law: of the scenes.
        seed: of the scenes.
        held_out: whether to use the split `validation` instead of `train`.
    """

    def __init__(self, folder: Path, law: SceneConfig, seed: int, held_out: bool) -> None:
        # Every prompt is drawn whole; `soundsift.training.latents.batches` withholds parts of it.
        whole = {"drop_text": 0.0, "drop_spans": 0.0, "p_inline_example": 0.0}
        if held_out:
            whole |= {"absent": 0.0, "group": 0.0}
        bank = Bank(folder, ("validation" if held_out else "train",))
        self.generator = SceneGenerator(bank, law.model_copy(update=whole), seed)

    def example(self, number: int, seconds: float, rate: int) -> Example:
        """See `ExampleSource`."""
        rng = self.generator.rng(number)
        scene = self.generator.scene(rng, seconds)
        query = self.generator.query(scene, rng)
        stems = scene.stems
        target = query.target(stems)
        waves = np.stack([target, stems.sum(axis=0) - target])
        if rate != SAMPLE_RATE:
            waves = resample(waves, SAMPLE_RATE, rate)
        samples = round(seconds * rate)
        waves = np.pad(waves, ((0, 0), (0, max(0, samples - waves.shape[1]))))[:, :samples]
        return Example(waves[0], waves[1], query.text, query.spans)


class ToyExamples:
    """Mixtures of the toy world.

    Args:
        seed: of the examples.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def example(self, number: int, seconds: float, rate: int) -> Example:
        """See `ExampleSource`."""
        drawn = toy_mixture(self.seed, number, seconds, rate)
        return Example(drawn.target, drawn.residual, drawn.phrase, drawn.spans)


class TripletExamples:
    """Crops of triplets on disk.

    Args:
        file: their JSONL file.
        seed: of the crops.
        held_out: whether to use one triplet in 20, or the 19 others.

    Raises:
        SoundsiftError: if the file is missing, damaged or empty.
    """

    def __init__(self, file: Path, seed: int, held_out: bool) -> None:
        self.file, self.seed = file, seed
        try:
            lines = file.read_text().splitlines()
            rows = [json.loads(line) for line in lines if line.strip()]
        except (OSError, ValueError) as error:
            raise SoundsiftError(f"{file}: not a readable JSONL file: {error}.") from error
        missing = [i for i, row in enumerate(rows, 1) if not {"target", "residual"} <= set(row)]
        if missing:
            raise SoundsiftError(f"{file}: line {missing[0]} lacks target or residual. Add both.")
        self.rows: list[dict[str, Any]] = [
            row for i, row in enumerate(rows) if (i % _HELD_OUT == 0) == held_out
        ]
        if not self.rows:
            raise SoundsiftError(f"{file}: too few triplets; expected at least {_HELD_OUT}.")

    def example(self, number: int, seconds: float, rate: int) -> Example:
        """See `ExampleSource`."""
        rng = np.random.default_rng((self.seed, 5, number))
        row = self.rows[int(rng.integers(len(self.rows)))]
        samples = round(seconds * rate)
        target, start = self._read(row["target"], seconds, rate, samples, rng)
        residual, _ = self._read(row["residual"], seconds, rate, samples, rng, start)
        marks = row.get("spans")
        if marks is None:
            spans = tuple(Span(a, b) for a, b in active_spans(target, rate) if b > a)
        else:
            spans = tuple(
                Span(max(first - start, 0.0), min(last - start, seconds), sign != ["-"])
                for *sign, first, last in marks
                if min(last - start, seconds) > max(first - start, 0.0)
            )
        video = row.get("video")
        features = None if video is None else self._features(video, start)
        return Example(target, residual, row.get("phrase"), spans, features)

    def _read(
        self,
        name: str,
        seconds: float,
        rate: int,
        samples: int,
        rng: np.random.Generator,
        start: float | None = None,
    ) -> tuple[Samples, float]:
        """A crop at a rate, and where it starts in seconds: drawn on whole latent frames."""
        path = self.file.parent / name
        try:
            with soundfile.SoundFile(path) as sound:
                if start is None:
                    spare = max(0.0, sound.frames / sound.samplerate - seconds)
                    start = float(rng.integers(int(spare * 25) + 1)) / 25
                sound.seek(min(round(start * sound.samplerate), sound.frames))
                needed = round(seconds * sound.samplerate)
                wave = sound.read(needed, dtype="float32", always_2d=True).mean(axis=1)
                own = sound.samplerate
        except (OSError, soundfile.LibsndfileError) as error:
            raise SoundsiftError(f"{path}: cannot be read: {error}.") from error
        wave = resample(wave[None], own, rate)[0][:samples]
        return np.pad(wave, (0, samples - len(wave))), start

    def _features(self, name: str, start: float) -> Samples:
        features: Samples = np.load(self.file.parent / name)[round(start * 25) :]
        return features


def open_examples(config: ExampleSourceConfig, seed: int, held_out: bool) -> ExampleSource:
    """A source of examples.

    Args:
        config: which.
        seed: of what is drawn.
        held_out: whether to draw what is not trained on.
    """
    if held_out:
        seed += _VALIDATION_SEED
    if config.bank is not None:
        return SceneExamples(config.bank, config.scenes, seed, held_out)
    if config.triplets is not None:
        return TripletExamples(config.triplets, seed, held_out)
    return ToyExamples(seed)
