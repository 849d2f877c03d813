"""Training of the hearing network: it learns, and resumes exactly."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from soundsift.checkpoints.hearing import load_hearing
from soundsift.config import HearingConfig
from soundsift.models.hearing import Standardised
from soundsift.training.config import OptimiserConfig
from soundsift.training.hearing.config import HeadsConfig, HearingTrainingConfig
from soundsift.training.hearing.trainer import HearingTrainer, hearing_loss, train_hearing

Make = Callable[[Path], HearingTrainingConfig]


@pytest.fixture
def make(bank_folder: Path) -> Make:
    """Tiny runs on the tiny bank, in a folder."""

    def config(run: Path) -> HearingTrainingConfig:
        return HearingTrainingConfig(
            network="hearing",
            bank=bank_folder,
            run=run,
            sources=12,
            seconds=1.0,
            steps=30,
            scenes=4,
            negatives=8,
            validate_every=1000,
            validation_scenes=0,
            frozen_blocks=0,
            model=HearingConfig(
                bands=16, widths=(4, 8), dim=16, dilations=(1,), embedding_dim=16, text_hidden=16
            ),
            optimiser=OptimiserConfig(rate=1e-2, warmup=1, ema=0.9),
        )

    return config


def test_a_stopped_run_ends_like_one_that_was_not(make: Make, tmp_path: Path) -> None:
    train_hearing(make(tmp_path / "whole"), until=6)
    train_hearing(make(tmp_path / "parts"), until=2)
    train_hearing(make(tmp_path / "parts"), until=6)
    whole, parts = (load_hearing(tmp_path / name / "model") for name in ("whole", "parts"))
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, parts.state_dict()[name]), name


def test_the_loss_falls(make: Make, tmp_path: Path) -> None:
    trainer = HearingTrainer(make(tmp_path))
    losses = [trainer._take_step(trainer.batches[number % 2])[0] for number in range(30)]
    assert sum(losses[-4:]) < 0.7 * sum(losses[:4])


def test_unclear_frames_do_not_count() -> None:
    logits = torch.tensor([[[3.0, -50.0]]])
    heard = torch.tensor([[[1.0, 1.0]]])
    counted = torch.tensor([[[True, False]]])
    assert hearing_loss(logits, heard, counted) < 0.2


def test_heads_are_trained_first_and_once(make: Make, tmp_path: Path) -> None:
    """The convolutions stay; features are standardised; a second start takes what is there."""
    config = make(tmp_path).model_copy(
        update={"heads": HeadsConfig(batches=3, steps=4, together=2), "negatives": None}
    )
    trainer = HearingTrainer(config)
    fresh = HearingTrainer(make(tmp_path / "fresh")).network
    for own, other in zip(
        trainer.network.blocks.parameters(), fresh.blocks.parameters(), strict=True
    ):
        assert torch.equal(own, other)
    assert not torch.equal(trainer.network.fine.weight, fresh.fine.weight)
    scale = trainer.network.scales[0]
    assert isinstance(scale, Standardised)
    assert not torch.equal(scale.mean, torch.zeros_like(scale.mean))
    again = HearingTrainer(config).network
    assert torch.equal(again.fine.weight, trainer.network.fine.weight)
