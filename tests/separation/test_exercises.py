"""What a network practises on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from soundsift.config import MelCodecConfig
from soundsift.heard import heard_ratio_db
from soundsift.models.mel_codec import MelCodec
from soundsift.separation.exercises import Exercises, Material, Rest, make_exercises

RATE = 48_000
CODEC = MelCodec(MelCodecConfig())


def tone(seconds: float, hertz: float) -> Tensor:
    time = torch.arange(round(RATE * seconds)) / RATE
    return 0.1 * torch.sin(2 * torch.pi * hertz * time)


def nothing_of(wave: Tensor) -> Rest:
    return Rest(wave, torch.zeros_like(wave))


#: Elsewhere the model has taken half of the hum of 400 Hz.
MATERIAL = Material(
    tone(0.5, 2000),
    nothing_of(tone(8, 200)),
    (nothing_of(tone(6, 300)), Rest(tone(6, 400), 0.5 * tone(6, 400))),
)


def exercises(material: Material, count: int) -> list[Exercises]:
    generator = torch.Generator().manual_seed(0)
    return [make_exercises(CODEC, material, generator) for _ in range(count)]


def test_exercises_are_mixtures_with_known_answers() -> None:
    made = exercises(MATERIAL, 20)
    peaks = CODEC.filters.argmax(dim=1) * RATE / CODEC.config.window
    high = (peaks > 1000).float()
    found: dict[int, list[bool]] = {200: [], 300: [], 400: []}
    for one in made:
        assert one.context.shape == (4, 150, 384)
        torch.testing.assert_close(one.mixture_energy.sum(dim=(1, 2)), torch.ones(4))
        assert torch.equal(one.present, one.target_energy > 1e-3)
        lows = one.mixture_energy.sum(dim=2) * (1 - high)
        loudest_of = peaks[lows.argmax(dim=1)].tolist()
        for i, (loudest, alone) in enumerate(zip(loudest_of, one.each(), strict=True)):
            hertz = min(found, key=lambda known: abs(known - loudest))
            sound = bool((one.mixture_energy[i].sum(dim=1) * high).sum() > 1e-3)
            found[hertz].append(sound)
            # All of 2 kHz, wherever it is, and half of what was taken before.
            mask = high + (1 - high) * (0.5 if hertz == 400 else 0.0)
            right = heard_ratio_db(mask[None, :, None].expand(1, -1, 150), alone)
            assert right > (15 if not sound else 5)
            assert bool(one.present[i]) == (sound or hertz == 400)
    heard = [sound for sounds in found.values() for sound in sounds]
    assert 0.6 < np.mean(heard) < 0.9
    # The rest is from around the mark and from elsewhere, in turn.
    for hertz, share in ((200, 0.5), (300, 0.25), (400, 0.25)):
        assert len(found[hertz]) / len(heard) == pytest.approx(share, abs=0.15)


def test_sounds_come_at_other_levels_and_speeds() -> None:
    made = exercises(replace(MATERIAL, far=()), 20)
    levels = torch.cat([one.target_energy[one.present] for one in made])
    assert 10 * torch.log10(levels.max() / levels.min()) > 6
    cross = torch.cat([one.cross_energy[one.present].sum(dim=2) for one in made])
    assert len(cross.argmax(dim=1).unique()) > 2


@pytest.mark.parametrize(("sound", "rest"), [(0.5, 8.0), (5.9, 3.3), (5.9, 2.0), (0.04, 6.0)])
def test_parts_of_any_length_make_exercises(sound: float, rest: float) -> None:
    material = Material(tone(sound, 2000), nothing_of(tone(rest, 200)), (nothing_of(tone(7, 300)),))
    for one in exercises(material, 3):
        assert one.context.shape[1] == min(150, -(-round(rest * RATE) // 1920))
        assert torch.isfinite(one.context).all() and torch.isfinite(one.cross_energy).all()
