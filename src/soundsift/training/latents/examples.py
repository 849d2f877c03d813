"""Mixtures with their targets: scenes of the bank, triplets on disk, the toy world."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from soundsift.audio.resampling import resample
from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Bank
from soundsift.data.scene_config import SceneConfig
from soundsift.data.scenes import SceneGenerator
from soundsift.data.toy_world import toy_mixture
from soundsift.training.latents.config import ExampleSourceConfig
from soundsift.training.triplets import Example, TripletExamples

_VALIDATION_SEED = 1_000_003


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
