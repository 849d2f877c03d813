"""The comparison of procedural sound with recordings."""

import numpy as np
import pytest

from soundsift.data.captions import load_rules
from soundsift.data.procedural.check import (
    features,
    loudest_part,
    near,
    reference_ranks,
    standardise,
)

RATE = 48_000


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE).astype(np.float32)


def test_features_do_not_depend_on_level() -> None:
    wave = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 0.1
    assert np.allclose(features(wave), features(0.1 * wave), atol=0.05)


def test_the_loudest_part_is_found() -> None:
    wave = np.zeros(5 * RATE, np.float32)
    wave[3 * RATE : 4 * RATE] = 1
    assert loudest_part(wave).sum() == pytest.approx(RATE)
    assert len(loudest_part(wave)) == len(loudest_part(wave[:100]))


def test_like_sounds_are_near_and_their_own_concept_comes_first() -> None:
    rng = np.random.default_rng(1)
    waves, concepts, sources = [], [], []
    for source in ("one", "two"):
        for _ in range(4):
            noise = rng.standard_normal(RATE).astype(np.float32)
            waves += [tone(rng.uniform(900, 1100)), noise, noise * tone(3)]
            concepts += ["beep", "hiss", "pulses"]
            sources += [source] * 3
    raw = np.stack([features(wave) for wave in waves])
    recordings = standardise(raw, np.array(concepts), np.array(sources))
    point = (features(tone(1030)) - recordings.centre) @ recordings.transform
    assert recordings.ranking(point)[0] == "beep"
    assert recordings.ranking(point, without="one")[0] == "beep"
    assert np.median(reference_ranks(recordings)) == 1


def test_concepts_of_a_narrow_group_are_near() -> None:
    rules = load_rules()
    assert near(rules, "footsteps on wood", "footsteps on gravel")
    assert not near(rules, "footsteps on wood", "trumpet")
