"""The check of an adapter: separations of held-out recordings before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Samples
from soundsift.evaluation.metrics import si_sdr
from soundsift.presets import PresetName
from soundsift.separation.separator import Separator
from soundsift.training.tune.scenes import SceneDrawer

SECONDS = 8.0
#: Scenes of each held-out recording.
_PER_CLIP = 2


@dataclass(frozen=True)
class CheckedScene:
    """A mixture and what is asked of it.

    Attributes:
        text: the prompt.
        mixture: `(samples,)`, 48 kHz.
        target: the right answer, same shape.
    """

    text: str
    mixture: Samples
    target: Samples


def tuned_scenes(drawer: SceneDrawer, recordings: int, seed: int) -> list[CheckedScene]:
    """Scenes that hold the tuned sound, asked for by its caption.

    Args:
        drawer: draws from held-out recordings.
        recordings: how many there are.
        seed: decides the scenes.
    """
    found = []
    for number in range(min(_PER_CLIP * recordings, drawer.config.checked_scenes)):
        rng = np.random.default_rng((seed, 3, number))
        scene = drawer.scene(rng, SECONDS, with_own=True)
        wave = scene.sources[0].wave
        if np.any(wave):
            text = scene.sources[0].clip.concept
            found.append(CheckedScene(text, scene.stems.sum(axis=0), wave))
    return found


def other_scenes(drawer: SceneDrawer, count: int, seed: int) -> list[CheckedScene]:
    """Scenes of other sounds, asked for by their names."""
    found = []
    for number in range(count):
        rng = np.random.default_rng((seed, 4, number))
        scene = drawer.scene(rng, SECONDS, with_own=False)
        named = [scene.sources[i] for i in scene.named if np.any(scene.sources[i].wave)]
        if named:
            source = named[int(rng.integers(len(named)))]
            text = source.clip.captions[0]
            found.append(CheckedScene(text, scene.stems.sum(axis=0), source.wave))
    return found


def improvement_db(
    separator: Separator,
    scenes: Sequence[CheckedScene],
    preset: PresetName,
    on_scene: Callable[[], None] = lambda: None,
) -> list[float]:
    """Improvement of SI-SDR over the mixture in dB, for each scene.

    Args:
        separator: the model.
        scenes: what is asked.
        preset: amount of work.
        on_scene: called after each.
    """
    gains = []
    for scene in scenes:
        result = separator.separate(
            scene.mixture, sample_rate=SAMPLE_RATE, text=scene.text, judge=False, preset=preset
        )
        before = si_sdr(scene.mixture, scene.target)
        gains.append(si_sdr(result.target[0], scene.target) - before)
        on_scene()
    return gains
