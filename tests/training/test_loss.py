"""The loss: true to the decoded wave, zero at the right answer, finite for silence."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from soundsift.config import MelCodecConfig
from soundsift.data.bank import Clip
from soundsift.data.scenes import Query, Scene, Source
from soundsift.heard import heard_term
from soundsift.models.mel_codec import MelCodec
from soundsift.training.batches import Batch, encode_queries
from soundsift.training.config import LossConfig
from soundsift.training.loss import flow_term, training_loss

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


def test_the_flow_term_is_zero_at_the_right_answer_alone() -> None:
    batch = batch_of(scene(noise(2, 200, 800, 1), noise(2, 5000, 12000, 2)), (0,), ())
    assert float(flow_term(CODEC, batch.latents, batch)) == 0.0
    for part in (slice(0, 128), slice(128, 256)):
        off = batch.latents.clone()
        off[..., part] += 0.1
        # Weights average to one, and both stems count half.
        assert float(flow_term(CODEC, off, batch)) == pytest.approx(0.1**2 / 2, rel=1e-4)


def test_errors_count_more_where_the_mixture_is_loud() -> None:
    batch = batch_of(scene(noise(2, 200, 800, 1)), (0,))
    cells = batch.mixture_energy[0].mean(dim=1)
    errors = []
    for band in (int(cells.argmax()), int(cells.argmin())):
        off = batch.latents.clone()
        off[..., band] += 0.1
        errors.append(float(flow_term(CODEC, off, batch)))
    assert errors[0] > 2 * errors[1] > 0


def test_the_terms_are_weighted_and_summed() -> None:
    batch = batch_of(scene(noise(2, 200, 800, 1), noise(2, 5000, 12000, 2)), (0,), (1,))
    predicted = smooth_latents(batch.latents.shape[1], 0).expand(2, -1, -1)
    losses = training_loss(CODEC, predicted, batch, LossConfig(flow=2.0, heard=3.0))
    assert float(losses.flow) == pytest.approx(float(flow_term(CODEC, predicted, batch)))
    heard = heard_term(CODEC.cell_mask(predicted), batch)
    assert float(losses.heard) == pytest.approx(float(heard))
    assert float(losses.total) == pytest.approx(2 * float(losses.flow) + 3 * float(losses.heard))


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
