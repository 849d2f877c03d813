"""Examples, training and figures of the judge, on a tiny bank with a tiny separator."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.tiny_model import write_tiny_model

from soundsift.checkpoints.default_judge import REFERENCES
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.config import DefaultJudgeConfig, HearingConfig
from soundsift.models.hearing import HearingNetwork
from soundsift.training.judge.config import JudgeTrainingConfig
from soundsift.training.judge.examples import TRAINING, Example, collect, read_examples
from soundsift.training.judge.figures import figures, preferred, spearman
from soundsift.training.judge.labels import TrueRatings
from soundsift.training.judge.trainer import (
    embed,
    fit,
    judge_loss,
    prepare,
    rate,
    with_thresholds,
)

SIZES = DefaultJudgeConfig(hidden=16, members=2, window_frames=8)


def test_from_scenes_to_figures(bank_folder: Path, tmp_path: Path) -> None:
    model = str(write_tiny_model(tmp_path / "tiny"))
    folder = tmp_path / "examples"
    arguments = (bank_folder, TRAINING, 2, (model,), 3, 0, SIZES)
    collect(folder, *arguments)
    stamp = (folder / "000000.npz").stat().st_mtime_ns
    collect(folder, *arguments)
    assert (folder / "000000.npz").stat().st_mtime_ns == stamp, "what is there is not made again"
    examples = read_examples(folder)
    asked = [one.asked for one in examples.listing if one.scene == 0]
    assert asked == ["text", "paraphrase", "span", "both", "other", "absent", *["fault"] * 3]
    assert np.isfinite(examples.statistics).all()

    torch.manual_seed(0)
    hearing = HearingNetwork(HearingConfig(widths=(4, 8), dim=16, embedding_dim=8, text_hidden=8))
    text = TextEncoder()
    data = prepare(examples, hearing.eval(), text, embed(hearing, text, list(REFERENCES)))
    config = JudgeTrainingConfig(
        network="judge",
        bank=bank_folder,
        run=tmp_path,
        training_scenes=2,
        steps=300,
        batch=2,
        model=SIZES,
    )
    network = with_thresholds(fit(config, data), data)
    ratings, present = rate(network, data.inputs)
    true = data.ratings[:, 0]
    # What it was trained on, it should know.
    assert float((ratings[:, 0] - true).abs().mean()) < 0.5 * float(
        (true - true.mean()).abs().mean()
    )
    found = figures(examples.listing, ratings, present, network.config, data.inputs)
    assert found["all"]["outputs"] == 8  # two scenes, asked for in four ways
    assert found["all"]["absent_accuracy"] > 0.7


def test_loss_prefers_the_better_output() -> None:
    true = torch.tensor([[4.0, 3, 3, 3], [2.0, 3, 3, 3]])
    scenes, present = torch.zeros(2), torch.ones(2)
    right = torch.full((1, 2, 4), 3.0)
    right[0, :, 0] = torch.tensor([3.3, 2.7])
    wrong = right.clone()
    wrong[0, :, 0] = torch.tensor([2.7, 3.3])
    logits = torch.zeros(1, 2)
    losses = [
        float(judge_loss(one, logits, true, present, scenes, weight))
        for weight in (0.0, 1.0)
        for one in (right, wrong)
    ]
    # Ranking adds more to what is the wrong way round.
    assert losses[3] - losses[1] > losses[2] - losses[0] + 1
    apart = [
        float(judge_loss(one, logits, true, present, torch.tensor([0.0, 1.0]), 1.0))
        for one in (right, wrong)
    ]
    assert apart == pytest.approx(losses[:2])


def test_correlation_of_ranks() -> None:
    assert spearman(np.array([1.0, 2, 3]), np.array([1.0, 10, 100])) == pytest.approx(1)
    assert spearman(np.array([1.0, 2, 3]), np.array([3.0, 2, -5])) == pytest.approx(-1)
    # Ties have their mean rank: 1.5, 1.5, 3 against 1, 2, 3.
    assert spearman(np.array([0.0, 0, 1]), np.array([1.0, 2, 3])) == pytest.approx(0.866, abs=1e-3)


def test_pairs_of_one_mixture() -> None:
    def example(scene: int, improvement: float) -> Example:
        ratings = TrueRatings(3, 3, 3, 3, improvement)
        return Example(scene, "effect", "tiny", "text", "dog", ratings)

    listing = [example(0, 5), example(0, 1), example(0, 0.5), example(1, 9)]
    scores = np.array([3.0, 2.0, 4.0, 1.0], np.float32)
    # 1 and 0.5 dB are too near, and another mixture is no pair: one right of two.
    assert preferred(range(4), listing, scores) == 0.5
    listing[0] = replace(listing[0], scene=2)
    assert np.isnan(preferred(range(4), listing, scores))
