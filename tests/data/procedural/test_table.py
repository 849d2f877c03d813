"""Every generator of the table: sound of the right length, repeatable, different for each seed."""

import numpy as np
import pytest

from soundsift.data.captions import Rules, load_rules
from soundsift.data.procedural.table import SOUNDS


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules()


def test_there_are_at_least_sixty_generators() -> None:
    assert len(SOUNDS) >= 60
    assert len({sound.generate for sound in SOUNDS.values()}) == len(SOUNDS)


def test_every_line_agrees_with_the_caption_rules(rules: Rules) -> None:
    for name, sound in SOUNDS.items():
        assert sound.kind == rules.concepts[sound.concept].kind, name
        low, high = sound.seconds
        assert 0.5 <= low <= high <= 12, name


@pytest.mark.parametrize("name", SOUNDS)
def test_a_generator_is_repeatable_and_no_two_seeds_are_alike(name: str) -> None:
    seconds, rate = 1.2, 24_000
    one, again, other = (
        SOUNDS[name].generate(np.random.default_rng(seed), seconds, rate) for seed in (5, 5, 6)
    )
    assert np.array_equal(one, again)
    for wave in (one, other):
        assert wave.dtype == np.float32
        assert wave.shape == (round(seconds * rate),)
        assert np.isfinite(wave).all()
        assert 0 < np.abs(wave).max() <= 1
        assert np.sqrt(np.mean(wave**2)) > 1e-3
    likeness = abs(np.corrcoef(one, other)[0, 1])
    assert likeness < 0.9


@pytest.mark.parametrize("seconds", [0.05, 0.31])
def test_very_short_sounds_are_made_as_well(seconds: float) -> None:
    for name, sound in SOUNDS.items():
        wave = sound.generate(np.random.default_rng(1), seconds, 16_000)
        assert wave.shape == (round(seconds * 16_000),), name
        assert np.isfinite(wave).all(), name
