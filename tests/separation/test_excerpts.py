"""Stretches of a recording, analysed."""

import torch
from tests.separation.test_separator import noise
from torch import Tensor

from soundsift.config import MelCodecConfig
from soundsift.models.mel_codec import MelCodec
from soundsift.separation.excerpts import analyse

MARKS = torch.tensor([0] * 12 + [1] * 25 + [0] * 12)


def test_an_excerpt_knows_its_energies() -> None:
    codec = MelCodec(MelCodecConfig())
    wave = torch.from_numpy(noise(2, 1920 * 49))[None]
    found = analyse(codec, wave, MARKS)
    assert torch.equal(found.context, codec.context(wave))
    assert torch.equal(found.anchors, MARKS) and torch.equal(found.wave, wave.mean(dim=1))
    spectrum = codec.spectrum(wave)
    energy = codec.cross_energy(spectrum, spectrum).mean(dim=1)
    assert found.weight.shape == (1, 128, 49)
    torch.testing.assert_close(found.weight.square(), energy)


def test_of_codecs_without_cells_there_is_context_alone() -> None:
    class Plain:
        def context(self, wave: Tensor) -> Tensor:
            return wave[..., ::1920].transpose(1, 2)

    wave = torch.from_numpy(noise(2, 1920 * 49))[None]
    found = analyse(Plain(), wave, MARKS)  # type: ignore[arg-type]
    assert found.context.shape == (1, 49, 2) and found.weight.numel() == 0
