"""The hearing network: frames in time, level and length, phrases in a space of their own."""

import pytest
import torch

from soundsift.config import HearingConfig, MelCodecConfig
from soundsift.models.hearing import HearingNetwork
from soundsift.models.mel_codec import MelCodec

TINY = HearingConfig(
    bands=16,
    widths=(4, 4, 8, 8),
    dim=16,
    dilations=(1, 2),
    embedding_dim=8,
    text_dim=6,
    text_hidden=8,
)


@pytest.fixture(scope="module")
def network() -> HearingNetwork:
    torch.manual_seed(0)
    return HearingNetwork(TINY).eval()


@pytest.mark.parametrize("frames", [*range(1, 18), 33, 150])
def test_there_is_an_embedding_for_every_frame(network: HearingNetwork, frames: int) -> None:
    context = torch.randn(2, frames, MelCodecConfig().context_channels)
    assert network.embed_frames(context).shape == (2, frames, 8)


def test_a_change_moves_no_embedding_far_away_in_time(network: HearingNetwork) -> None:
    features = torch.rand(1, 400, 16)
    changed = features.clone()
    changed[:, 300:320] += 0.5
    before, after = network.embed_features(features), network.embed_features(changed)
    moved = (before - after).abs().amax(dim=-1)[0] > 1e-6
    assert moved[150:160].all()
    assert not moved[:100].any()
    assert not moved[-10:].any()


def test_features_follow_the_energies_in_time_and_frequency(network: HearingNetwork) -> None:
    """Half a second of a tone of 6 kHz: its band, and its moments, are the loudest."""
    time = torch.arange(48000) / 48000
    wave = torch.sin(2 * torch.pi * 6000 * time) * ((time >= 0.5) & (time < 1.0))
    codec = MelCodec(MelCodecConfig())
    features = network.features(codec.context(wave[None, None]))[0]
    assert features.shape == (50, 16)
    assert features[30:45].mean() > 2 * features[5:20].mean()
    mel = 2595 * torch.log10(1 + torch.tensor([6000.0, 22050.0]) / 700)
    assert abs(int(features[35].argmax()) - (mel[0] / mel[1] * 17 - 1)) <= 1


def test_features_do_not_depend_on_the_level(network: HearingNetwork) -> None:
    wave = torch.randn(1, 1, 48000)
    codec = MelCodec(MelCodecConfig())
    loud, soft = (network.features(codec.context(wave * gain)) for gain in (1.0, 0.01))
    assert torch.allclose(loud, soft, atol=1e-4)


def test_energies_of_the_detailed_analysis_give_the_context() -> None:
    """So that scenes may be mixed from energies while separation starts from waves."""
    codec = MelCodec(MelCodecConfig())
    wave = torch.randn(1, 48000)
    energy = codec.detail_energy(wave).transpose(1, 2)
    detail = codec.context(wave[None])[..., -256:]
    assert torch.allclose(codec.detail_context(energy), detail, atol=1e-4)


def test_padding_of_a_phrase_does_not_count(network: HearingNetwork) -> None:
    states = torch.randn(1, 3, 6)
    padded = torch.cat([states, torch.randn(1, 2, 6)], dim=1)
    mask = torch.tensor([[True, True, True, False, False]])
    alone = network.embed_phrases(states, mask[:, :3])
    assert torch.allclose(alone, network.embed_phrases(padded, mask), atol=1e-6)
    assert torch.allclose(alone.norm(dim=-1), torch.ones(1))


def test_logits_are_products_of_frames_and_phrases(network: HearingNetwork) -> None:
    frames, phrases = torch.randn(2, 5, 8), torch.randn(3, 8)
    logits = network.logits(frames, phrases)
    assert logits.shape == (2, 5, 3)
    one = frames[1, 4] @ phrases[2] * network.scale / 8**0.5 + network.bias
    assert torch.allclose(logits[1, 4, 2], one, atol=1e-5)
