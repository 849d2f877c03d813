"""Losses of the codec, and the balance between them."""

import pytest
import torch
from torch import nn

from soundsift.training.codec.balancer import Balancer
from soundsift.training.codec.config import DiscriminatorConfig
from soundsift.training.codec.discriminators import Discriminators
from soundsift.training.codec.losses import (
    adversarial_loss,
    discriminator_loss,
    draw_latents,
    feature_loss,
    mel_distance,
    stft_distance,
)

SMALL = DiscriminatorConfig(
    periods=(2, 3), windows=(256,), period_widths=(4, 8), resolution_width=4
)


def test_spectral_distances_grow_with_the_error_and_ignore_phase() -> None:
    time = torch.arange(4000) / 4000
    tone = torch.sin(2 * torch.pi * 440 * time)[None]
    shifted = torch.sin(2 * torch.pi * 440 * time + 2.0)[None]
    for distance in (lambda a, b: mel_distance(a, b, 4000), stft_distance):
        assert float(distance(tone, tone)) == 0
        errors = [float(distance(tone + s * torch.randn(1, 4000), tone)) for s in (0.01, 0.1, 1.0)]
        assert errors == sorted(errors)
        assert float(distance(shifted, tone)) < errors[2]


def test_distances_have_gradients_at_silence() -> None:
    wave = torch.zeros(1, 2000, requires_grad=True)
    (mel_distance(wave, torch.ones(1, 2000), 4000) + stft_distance(wave, wave.detach())).backward()
    assert wave.grad is not None and bool(wave.grad.isfinite().all())


def test_the_divergence_is_that_of_gaussians() -> None:
    deviation = torch.tensor(0.7)
    scale = torch.log(torch.expm1(deviation - 1e-4))
    parameters = torch.cat([torch.full((2, 3, 5), 0.4), scale.expand(2, 3, 5)], dim=1)
    latents, divergence = draw_latents(parameters, torch.full((2, 3, 5), 2.0))
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(0.4, 0.7), torch.distributions.Normal(0.0, 1.0)
    )
    assert float(divergence) == pytest.approx(float(expected), abs=1e-5)
    assert torch.allclose(latents, torch.tensor(0.4 + 2 * 0.7), atol=1e-5)


def test_discriminators_learn_to_tell_and_the_decoder_to_fool() -> None:
    torch.manual_seed(0)
    judges = Discriminators(SMALL)
    real = torch.sin(torch.arange(1000) / 3).expand(4, 1, 1000)
    fake = torch.randn(4, 1, 1000)
    optimiser = torch.optim.Adam(judges.parameters(), 3e-3)
    losses = []
    for _ in range(30):
        (reals, _), (fakes, _) = judges(real), judges(fake)
        loss = discriminator_loss(reals, fakes)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
    (reals, r), (fakes, f) = judges(real), judges(fake)
    assert adversarial_loss(reals).item() < adversarial_loss(fakes).item()
    assert feature_loss(r, r).item() == 0 < feature_loss(r, f).item()


def test_balanced_terms_share_the_gradient_by_weight_whatever_their_scale() -> None:
    wave = torch.randn(3, 1, 50, requires_grad=True)
    first, second = torch.zeros(3, 1, 50), torch.zeros(3, 1, 50)
    first[..., :25], second[..., 25:] = 1.0, 1.0
    balancer = Balancer({"small": 3.0, "large": 1.0, "unused": 0.0})
    for scale in (1.0, 1.0):
        terms = {
            "small": 1e-4 * scale * (wave * first).sum(),
            "large": 1e4 * scale * (wave * second).sum(),
            "unused": wave.sum(),
        }
        gradient = balancer.gradient(terms, wave)
    norms = [float((gradient * part).flatten(1).norm(dim=1).mean()) for part in (first, second)]
    assert norms == pytest.approx([0.75, 0.25])
    # A term that suddenly grows is felt for as long as its mean is older.
    grown = balancer.gradient(terms | {"small": 1e-3 * (wave * first).sum()}, wave)
    assert float((grown * first).norm()) > 2 * float((gradient * first).norm())


def test_the_discriminators_of_dac_are_the_default() -> None:
    with torch.device("meta"):
        judges = Discriminators(DiscriminatorConfig())
    assert len(judges.all) == 8
    assert all(isinstance(judge, nn.Module) for judge in judges.all)
    # 41 million: the published ones, by their authors' description of the layers.
    assert 4.1e7 < sum(p.numel() for p in judges.parameters()) < 4.4e7
