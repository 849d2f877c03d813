"""The loss: equal to the decoded wave's ratios, zero at the target, finite for silence."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from soundsift.config import MelCodecConfig
from soundsift.data.bank import Clip
from soundsift.data.scene import Query, Scene, Source
from soundsift.models.mel_codec import MelCodec
from soundsift.training.answers import encode_queries
from soundsift.training.batches import Batch
from soundsift.training.config import LossConfig
from soundsift.training.losses import (
    flow_loss,
    mask_level_db,
    mask_sdr_db,
    mask_si_sdr_db,
    mask_snr_loss,
    training_loss,
)

RATE = 48_000
FLOOR = 10**-2.5  # of the mixture's energy: errors below that no longer count
CLIP = Clip(
    *("tiny", "a.wav", "CC0", "noise", "effect", (), ("noise",), "train", "a", "a.i16"),
    *(0, RATE, 1.0, -20.0),
)
CODEC = MelCodec(MelCodecConfig())


def noise(seconds: float, low: float, high: float, seed: int) -> np.ndarray:
    """Noise between two frequencies that swells and fades."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal(round(seconds * RATE)))
    hertz = np.fft.rfftfreq(round(seconds * RATE), 1 / RATE)
    spectrum *= np.exp(-0.5 * (np.log2(np.maximum(hertz, 1) / np.sqrt(low * high)) / 1.5) ** 2)
    wave = np.fft.irfft(spectrum)
    wave *= 1 + 0.5 * np.sin(2 * np.pi * np.arange(len(wave)) / RATE + seed)
    return (0.1 * wave / wave.std()).astype(np.float32)


def scene(*waves: np.ndarray) -> Scene:
    return Scene(tuple(Source(CLIP, wave) for wave in waves))


def batch_of(mixed: Scene, *targets: tuple[int, ...]) -> Batch:
    queries = [Query("noise", (), chosen) for chosen in targets]
    tensors = encode_queries(CODEC, mixed, queries)
    blank = torch.zeros_like(tensors["latents"])
    return Batch(["noise"] * len(queries), time=torch.zeros(len(queries)), noise=blank,
                 share=1.0, **tensors)  # fmt: skip


def smooth_latents(frames: int, seed: int) -> Tensor:
    """Shares that change slowly over time and frequency, between nothing and everything."""
    rng = np.random.default_rng(seed)
    time = torch.linspace(0, 1, frames)[:, None]
    band = torch.linspace(0, 1, 128)
    a, b, c = (float(x) for x in rng.uniform(0, 6, 3))
    wanted = torch.sin(3 * time + a) + torch.sin(4 * band + b) + torch.cos(5 * band * time + c)
    return torch.cat([0.15 * wanted, -0.15 * wanted], dim=-1)[None]


def energy(wave: Tensor) -> float:
    return float(wave.double().square().sum())


def test_the_flow_loss_is_zero_at_the_right_answer_alone() -> None:
    batch = batch_of(scene(noise(2, 200, 800, 1), noise(2, 5000, 12000, 2)), (0,), ())
    assert float(flow_loss(CODEC, batch.latents, batch)) == 0.0
    for part in (slice(0, 128), slice(128, 256)):
        off = batch.latents.clone()
        off[..., part] += 0.1
        # Weights average to one, and both stems count half.
        assert float(flow_loss(CODEC, off, batch)) == pytest.approx(0.1**2 / 2, rel=1e-4)


def test_errors_count_more_where_the_mixture_is_loud() -> None:
    batch = batch_of(scene(noise(2, 200, 800, 1)), (0,))
    cells = batch.mixture_energy[0].mean(dim=1)
    errors = []
    for band in (int(cells.argmax()), int(cells.argmin())):
        off = batch.latents.clone()
        off[..., band] += 0.1
        errors.append(float(flow_loss(CODEC, off, batch)))
    assert errors[0] > 2 * errors[1] > 0


def test_the_terms_are_weighted_and_summed() -> None:
    batch = batch_of(scene(noise(2, 200, 800, 1), noise(2, 5000, 12000, 2)), (0,), (1,))
    predicted = smooth_latents(batch.latents.shape[1], 0).expand(2, -1, -1)
    losses = training_loss(CODEC, predicted, batch, LossConfig(flow=2.0, mask_snr=3.0))
    assert float(losses.flow) == pytest.approx(float(flow_loss(CODEC, predicted, batch)))
    mask_snr = mask_snr_loss(CODEC.cell_mask(predicted), batch)
    assert float(losses.mask_snr) == pytest.approx(float(mask_snr))
    total = 2 * float(losses.flow) + 3 * float(losses.mask_snr)
    assert float(losses.total) == pytest.approx(total)


def test_the_loss_is_a_mean_over_queries() -> None:
    """What lets processes with unequal parts of a batch agree with one that has it all."""
    batch = batch_of(scene(noise(1, 200, 800, 1), noise(1, 5000, 12000, 2)), (0,), (1,), ())
    predicted = smooth_latents(batch.latents.shape[1], 0).expand(3, -1, -1)
    whole = float(training_loss(CODEC, predicted, batch, LossConfig()).total)
    each = []
    for i in range(3):
        fields = {k: v[i : i + 1] for k, v in vars(batch).items() if isinstance(v, Tensor)}
        part = replace(batch, **fields)
        each.append(float(training_loss(CODEC, predicted[i : i + 1], part, LossConfig()).total))
    assert whole == pytest.approx(np.mean(each), rel=1e-5)


@pytest.mark.parametrize("present", [True, False])
def test_silence_has_a_finite_loss_and_gradient(present: bool) -> None:
    batch = batch_of(scene(np.zeros(RATE, np.float32)), (0,) if present else ())
    for predicted in (batch.latents.clone(), torch.zeros_like(batch.latents)):
        predicted.requires_grad_()
        losses = training_loss(CODEC, predicted, batch, LossConfig())
        losses.total.backward()
        assert torch.isfinite(losses.total)
        assert predicted.grad is not None
        assert torch.isfinite(predicted.grad).all()


def test_the_gradient_points_to_the_right_answer() -> None:
    batch = batch_of(scene(noise(1, 200, 800, 1), noise(1, 5000, 12000, 2)), (0,), ())
    predicted = torch.zeros_like(batch.latents, requires_grad=True)
    before = training_loss(CODEC, predicted, batch, LossConfig())
    before.total.backward()
    assert predicted.grad is not None
    with torch.no_grad():
        step = predicted - 0.05 * predicted.grad / predicted.grad.abs().max()
    assert training_loss(CODEC, step, batch, LossConfig()).total < before.total


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("targets", [(0,), (1, 2), ()], ids=["one", "group", "absent"])
def test_the_ratio_is_that_of_the_decoded_wave(targets: tuple[int, ...], seed: int) -> None:
    """Within 0.3 dB: cells neither overlap evenly in time nor end sharply in frequency."""
    bands = [(200, 800), (1000, 4000), (5000, 12000)]
    stems = [noise(4, *band, seed=3 * seed + i) for i, band in enumerate(bands)]
    mixed = scene(*stems)
    batch = batch_of(mixed, targets)
    latents = smooth_latents(batch.latents.shape[1], seed)
    ratio = float(mask_sdr_db(CODEC.cell_mask(latents), batch))

    mixture = torch.from_numpy(mixed.stems.sum(0))
    target = torch.from_numpy(batch_target(mixed, targets))
    error = CODEC.decode(latents, mixture[None, None])[0, 0] - target
    whole = energy(mixture)
    reference = energy(target) / whole if targets else 1.0
    expected = 10 * np.log10((reference + FLOOR) / (energy(error) / whole + FLOOR))
    assert ratio == pytest.approx(expected, abs=0.3)


def batch_target(mixed: Scene, targets: tuple[int, ...]) -> np.ndarray:
    return Query("noise", (), targets).target(mixed.stems)


def test_the_right_latents_have_a_better_ratio_than_the_mixture() -> None:
    batch = batch_of(scene(noise(2, 200, 800, 1), noise(2, 5000, 12000, 2)), (0,), (1,), ())
    right = mask_sdr_db(CODEC.cell_mask(batch.latents), batch)
    mixture = mask_sdr_db(torch.ones_like(batch.mixture_energy), batch)
    assert (right[:2] - mixture[:2] > 8).all()
    assert right[2] > 20  # next to silence
    assert mixture[2] == pytest.approx(0.0, abs=1e-4)


def test_a_silent_output_has_a_ratio_of_zero() -> None:
    batch = batch_of(scene(noise(2, 200, 800, 1), noise(2, 5000, 12000, 2)), (0,))
    assert float(mask_sdr_db(torch.zeros_like(batch.mixture_energy), batch)) == pytest.approx(
        0.0, abs=1e-4
    )


def test_the_scale_invariant_ratio_does_not_depend_on_the_level() -> None:
    batch = batch_of(scene(noise(2, 200, 800, 1), noise(2, 5000, 12000, 2)), (0,))
    mask = CODEC.cell_mask(batch.latents)
    full, half = (float(mask_si_sdr_db(m, batch)) for m in (mask, mask / 2))
    assert full == pytest.approx(half, abs=1e-3)
    assert full == pytest.approx(float(mask_sdr_db(mask, batch)), abs=1.5)
    # Of two sounds as loud as each other the mixture is half the one: correlation 1/2, 0 dB.
    everything = float(mask_si_sdr_db(torch.ones_like(mask), batch))
    assert everything == pytest.approx(0.0, abs=0.5)


def test_silence_scores_best_where_the_sound_is_absent_and_badly_where_it_is_present() -> None:
    mixed = scene(noise(2, 200, 800, 1), noise(2, 5000, 12000, 2))
    present, absent = batch_of(mixed, (0,)), batch_of(mixed, ())
    right = CODEC.cell_mask(present.latents)
    nothing, everything = torch.zeros_like(right), torch.ones_like(right)
    assert (
        mask_snr_loss(nothing, absent)
        < mask_snr_loss(right, absent)
        < mask_snr_loss(everything, absent)
    )
    assert mask_snr_loss(right, present) < mask_snr_loss(everything, present)
    assert mask_snr_loss(everything, present) < mask_snr_loss(nothing, present)
    # The mixture as it is lies at 0 dB.
    assert float(mask_snr_loss(everything, absent)) == pytest.approx(0.0, abs=0.01)


def test_an_example_counts_as_separated_exactly() -> None:
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
    for ratio in (mask_sdr_db, mask_si_sdr_db):
        torch.testing.assert_close(ratio(mask, with_example), ratio(whole, joined))
    # A window without the sound: the less is left of it, the better.
    quiet = mask_snr_loss(0.1 * mask, with_example)
    assert mask_snr_loss(0.01 * mask, with_example) < quiet < mask_snr_loss(mask, with_example)


def test_the_level_is_that_of_the_output_against_the_target() -> None:
    batch = batch_of(scene(noise(2, 200, 800, 1), noise(2, 5000, 12000, 2)), (0,))
    mask = CODEC.cell_mask(batch.latents)
    exact = float(mask_level_db(mask, batch))
    assert exact == pytest.approx(0.0, abs=0.5)
    assert float(mask_level_db(mask * 0.1, batch)) == pytest.approx(exact - 20.0, abs=1e-3)


@pytest.mark.parametrize("gain", [0.3, 2.0])
def test_a_wrong_level_costs_by_its_weight(gain: float) -> None:
    """On top of the ratios: in bels, in either direction."""
    batch = batch_of(scene(noise(2, 200, 800, 1), noise(2, 5000, 12000, 2)), (0,))
    mask = CODEC.cell_mask(batch.latents) * gain
    with_level, without = (float(mask_snr_loss(mask, batch, weight)) for weight in (2.0, 0.0))
    bels = abs(float(mask_level_db(mask, batch))) / 10
    assert with_level - without == pytest.approx(2.0 * bels, abs=0.2)


def test_the_level_of_an_absent_sound_costs_as_before() -> None:
    batch = batch_of(scene(noise(2, 200, 800, 1)), ())
    mask = torch.full_like(batch.mixture_energy, 0.5)
    assert float(mask_snr_loss(mask, batch, 1.0)) == float(mask_snr_loss(mask, batch))


def test_errors_count_to_a_lower_floor_where_the_target_is_soft() -> None:
    low, high = noise(2, 200, 800, 1), noise(2, 5000, 12000, 2)

    def costs(gain: float) -> tuple[float, float]:
        """Of too soft an output: in the loss, and with the floor of loud targets."""
        batch = batch_of(scene(gain * low, high), (0,))
        mask = CODEC.cell_mask(batch.latents)
        loss = float(mask_snr_loss(0.3 * mask, batch) - mask_snr_loss(mask, batch))
        ratios = [
            float(mask_sdr_db(own, batch) + mask_si_sdr_db(own, batch))
            for own in (mask, 0.3 * mask)
        ]
        return loss, (ratios[0] - ratios[1]) / 20

    loud, as_ever = costs(1.0)
    assert loud == pytest.approx(as_ever, abs=1e-4)
    soft, with_high_floor = costs(0.1)
    assert soft > with_high_floor + 0.05
