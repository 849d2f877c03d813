"""The alignment loss hears the target, at any rate of the codec."""

from collections.abc import Callable

import pytest
import torch

from soundsift.checkpoints.hearing import default_folder, load_hearing
from soundsift.config import AudioTransformerConfig, PeAFrameConfig
from soundsift.models.mel_codec import MelCodec, MelCodecConfig
from soundsift.models.pe_a_frame import PeAFrame
from soundsift.training.latents.alignment import (
    HearingFrames,
    PeAFrames,
    Projector,
    alignment_term,
    resampled,
)
from soundsift.training.latents.config import LatentTrainingConfig
from soundsift.training.latents.trainer import LatentTrainer


def test_a_tone_stays_a_tone_at_another_rate() -> None:
    for rate in (4000, 96_000):
        wave = torch.sin(2 * torch.pi * 440 * torch.arange(rate) / rate)[None]
        expected = torch.sin(2 * torch.pi * 440 * torch.arange(48_000) / 48_000)[None]
        torch.testing.assert_close(resampled(wave, rate, 48_000), expected, atol=1e-3, rtol=0)


def test_the_term_counts_directions() -> None:
    heard = torch.randn(2, 5, 7)
    assert alignment_term(3 * heard, heard).item() == pytest.approx(0, abs=1e-6)
    assert alignment_term(-heard, heard).item() == pytest.approx(2)


def test_the_hearing_network_is_asked_as_at_inference() -> None:
    network = load_hearing(default_folder())
    wave = torch.randn(2, 24_000)
    latents = torch.zeros(2, 12, 8)
    frames = HearingFrames(network).embed(wave, 48_000, latents)
    assert frames.shape == (2, 12, network.config.embedding_dim)
    context = MelCodec(MelCodecConfig()).context(wave[:1, None])
    torch.testing.assert_close(frames[:1], network.embed_frames(context)[:, :12])


def test_pe_a_frame_reads_the_latents() -> None:
    torch.manual_seed(0)
    audio = AudioTransformerConfig(dim=16, heads=2, layers=1, ffn_hidden=24)
    network = PeAFrame(PeAFrameConfig(audio=audio, latent_channels=8, text_dim=8, embedding_dim=6))
    latents = torch.randn(2, 12, 8)
    frames = PeAFrames(network).embed(torch.zeros(2, 9), 4000, latents)
    torch.testing.assert_close(frames, network.embed_audio(latents))


def test_training_pulls_the_middle_block_towards_what_hears(
    make_config: Callable[..., LatentTrainingConfig],
) -> None:
    """The term falls, and the block that it is about gets gradients through it."""
    torch.manual_seed(0)
    loss = {"alignment": 1.0, "alignment_block": 0, "alignment_hidden": 32}
    optimiser = {"rate": 1e-2, "warmup": 1}
    trainer = LatentTrainer(make_config(loss=loss, optimiser=optimiser, steps=25))
    terms = []
    (first, *_) = trainer.batches(0)
    for step in range(25):
        terms.append(trainer.take_step(first, step)["alignment"])
    assert terms[0] == pytest.approx(1, abs=0.2)
    assert terms[-1] < 0.7 * terms[0]
    assert isinstance(trainer.model.tagger, Projector)
    assert not any(name.startswith("tagger") for name in trainer.average.weights)
