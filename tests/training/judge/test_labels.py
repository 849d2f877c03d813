"""True ratings in closed form."""

import math

import pytest
import torch
from torch import Tensor

from soundsift.config import MelCodecConfig
from soundsift.models.mel_codec import MelCodec
from soundsift.training.judge.labels import true_ratings

RATE = 48_000


@pytest.fixture(scope="module")
def codec() -> MelCodec:
    return MelCodec(MelCodecConfig())


@pytest.fixture(scope="module")
def stems() -> tuple[Tensor, Tensor]:
    """A low and a high tone of equal level."""
    time = torch.arange(RATE) / RATE
    return tuple(0.1 * torch.sin(2 * math.pi * hertz * time) for hertz in (300, 3000))  # type: ignore[return-value]


def test_right_and_wrong_sounds(codec: MelCodec, stems: tuple[Tensor, Tensor]) -> None:
    target, rest = stems
    best = true_ratings(codec, target, target, rest)
    assert (best.overall, best.recall, best.precision, best.faithfulness) == pytest.approx(
        (5, 5, 5, 5), abs=0.02
    )
    wrong = true_ratings(codec, rest, target, rest)
    assert (wrong.overall, wrong.recall, wrong.precision) == pytest.approx((1, 1, 1), abs=0.02)
    mixture = true_ratings(codec, target + rest, target, rest)
    # 0 dB of improvement is a fifth of the way from -5 to 20 dB; so is equal energy of both.
    assert mixture.overall == pytest.approx(1.8, abs=0.01)
    assert mixture.precision == pytest.approx(1.8, abs=0.05)
    assert mixture.recall == pytest.approx(5, abs=0.02)


def test_a_quiet_target_has_little_recall(codec: MelCodec, stems: tuple[Tensor, Tensor]) -> None:
    found = true_ratings(codec, 0.5 * stems[0], *stems)
    assert found.recall == pytest.approx(2, abs=0.02)  # a quarter of the energy
    assert found.overall == pytest.approx(5)  # SI-SDR knows no level


def test_noise_is_unfaithful(codec: MelCodec, stems: tuple[Tensor, Tensor]) -> None:
    noise = 0.05 * torch.randn(RATE, generator=torch.Generator().manual_seed(0))
    found = true_ratings(codec, stems[0] + noise, *stems)
    assert found.faithfulness < 3 and found.recall > 4.8
