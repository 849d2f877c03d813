"""How a masked mixture sounds: true to the decoded wave, whatever is asked about."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from soundsift.data.scenes import Query, Scene
from soundsift.heard import heard_ratio_db, heard_term, scale_invariant_ratio_db
from tests.training.test_loss import CODEC, FLOOR, batch_of, energy, noise, scene, smooth_latents


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("targets", [(0,), (1, 2), ()], ids=["one", "group", "absent"])
def test_the_ratio_is_that_of_the_decoded_wave(targets: tuple[int, ...], seed: int) -> None:
    """Within 0.3 dB: cells neither overlap evenly in time nor end sharply in frequency."""
    bands = [(200, 800), (1000, 4000), (5000, 12000)]
    stems = [noise(4, *band, seed=3 * seed + i) for i, band in enumerate(bands)]
    mixed = scene(*stems)
    batch = batch_of(mixed, targets)
    latents = smooth_latents(batch.latents.shape[1], seed)
    ratio = float(heard_ratio_db(CODEC.cell_mask(latents), batch))

    mixture = torch.from_numpy(mixed.stems.sum(0))
    target = torch.from_numpy(batch_target(mixed, targets))
    error = CODEC.decode(latents, mixture[None, None])[0, 0] - target
    whole = energy(mixture)
    reference = energy(target) / whole if targets else 1.0
    expected = 10 * np.log10((reference + FLOOR) / (energy(error) / whole + FLOOR))
    assert ratio == pytest.approx(expected, abs=0.3)


def batch_target(mixed: Scene, targets: tuple[int, ...]) -> np.ndarray:
    return Query("noise", (), targets).target(mixed.stems)


def test_the_right_latents_are_heard_better_than_the_mixture() -> None:
    batch = batch_of(scene(noise(2, 200, 800, 1), noise(2, 5000, 12000, 2)), (0,), (1,), ())
    right = heard_ratio_db(CODEC.cell_mask(batch.latents), batch)
    mixture = heard_ratio_db(torch.ones_like(batch.mixture_energy), batch)
    assert (right[:2] - mixture[:2] > 8).all()
    assert right[2] > 20  # next to silence
    assert mixture[2] == pytest.approx(0.0, abs=1e-4)


def test_leaving_everything_out_scores_nothing() -> None:
    batch = batch_of(scene(noise(2, 200, 800, 1), noise(2, 5000, 12000, 2)), (0,))
    assert float(heard_ratio_db(torch.zeros_like(batch.mixture_energy), batch)) == pytest.approx(
        0.0, abs=1e-4
    )


def test_the_scale_invariant_ratio_does_not_mind_the_level() -> None:
    batch = batch_of(scene(noise(2, 200, 800, 1), noise(2, 5000, 12000, 2)), (0,))
    mask = CODEC.cell_mask(batch.latents)
    full, half = (float(scale_invariant_ratio_db(m, batch)) for m in (mask, mask / 2))
    assert full == pytest.approx(half, abs=1e-3)
    assert full == pytest.approx(float(heard_ratio_db(mask, batch)), abs=1.5)
    # Of two sounds as loud as each other the mixture is half the one: correlation 1/2, 0 dB.
    everything = float(scale_invariant_ratio_db(torch.ones_like(mask), batch))
    assert everything == pytest.approx(0.0, abs=0.5)


def test_silence_scores_best_where_the_sound_is_absent_and_badly_where_it_is_present() -> None:
    mixed = scene(noise(2, 200, 800, 1), noise(2, 5000, 12000, 2))
    present, absent = batch_of(mixed, (0,)), batch_of(mixed, ())
    right = CODEC.cell_mask(present.latents)
    nothing, everything = torch.zeros_like(right), torch.ones_like(right)
    assert heard_term(nothing, absent) < heard_term(right, absent) < heard_term(everything, absent)
    assert heard_term(right, present) < heard_term(everything, present)
    assert heard_term(everything, present) < heard_term(nothing, present)
    # The mixture as it is lies at 0 dB.
    assert float(heard_term(everything, absent)) == pytest.approx(0.0, abs=0.01)


def test_an_example_counts_as_answered_rightly() -> None:
    """As if it were part of the window, with nothing but the target in it."""
    mixed = scene(noise(1.0, 200, 800, 0), noise(1.0, 2000, 6000, 1))
    alone = batch_of(mixed, (0,), ())
    shown = torch.tensor([0.3, 0.2])
    with_example = replace(alone, example_energy=shown, present=torch.tensor([True, True]))
    cells = shown[:, None, None].expand(2, 128, 1) / 128
    joined = replace(
        with_example,
        mixture_energy=torch.cat([alone.mixture_energy, cells], dim=-1),
        cross_energy=torch.cat([alone.cross_energy, cells], dim=-1),
        target_energy=alone.target_energy + shown,
        example_energy=torch.zeros(2),
    )
    mask = torch.rand(alone.mixture_energy.shape, generator=torch.Generator().manual_seed(0))
    whole = torch.cat([mask, torch.ones(2, 128, 1)], dim=-1)
    for ratio in (heard_ratio_db, scale_invariant_ratio_db):
        torch.testing.assert_close(ratio(mask, with_example), ratio(whole, joined))
    # A window without the sound: the less is left of it, the better.
    quiet = heard_term(0.1 * mask, with_example)
    assert heard_term(0.01 * mask, with_example) < quiet < heard_term(mask, with_example)
