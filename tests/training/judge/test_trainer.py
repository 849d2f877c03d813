"""Examples, fit and figures of the judge, on a tiny bank with a tiny separator."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.tiny_model import write_tiny_model

from soundsift.checkpoints.hearing import Hearing, default_folder, load_hearing
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.config import DefaultJudgeConfig
from soundsift.models.default_judge import EVIDENCE, STATISTICS
from soundsift.training.judge.examples import (
    TRAINING,
    Example,
    Examples,
    collect,
    read_examples,
)
from soundsift.training.judge.figures import figures, preferred, spearman
from soundsift.training.judge.labels import TrueRatings
from soundsift.training.judge.trainer import JudgeData, fit, prepare, rate, with_threshold

SIZES = DefaultJudgeConfig(window_frames=8)


def test_from_scenes_to_figures(bank_folder: Path, tmp_path: Path) -> None:
    model = str(write_tiny_model(tmp_path / "tiny"))
    folder = tmp_path / "examples"
    other = str(write_tiny_model(tmp_path / "other"))
    arguments = (bank_folder, TRAINING, 2, (model, other), 0, SIZES)
    collect(folder, *arguments)
    stamp = (folder / "000000.npz").stat().st_mtime_ns
    collect(folder, *arguments)
    assert (folder / "000000.npz").stat().st_mtime_ns == stamp, "what is there is not made again"
    examples = read_examples(folder)
    asked = [one.asked for one in examples.listing if one.scene == 0]
    # Spans are predicted, and other names found, for some sounds only.
    always = ["text", "paraphrase", "both", "span", "text"]
    assert [name for name in asked if name[-1] not in "+~"] == always
    origins = {one.asked: one.origin for one in examples.listing}
    assert origins["both"] == "tiny" and origins["text"] == "other"
    assert np.isfinite(examples.statistics).all()
    data = prepare(examples, Hearing(load_hearing(default_folder()), TextEncoder()))
    spans = [not one.text for one in examples.listing]
    assert data.inputs[:, -1].isnan().tolist() == spans, "without a phrase nothing is known of it"
    network = fit(data, ridge=0.1)
    ratings = rate(network, data.inputs)
    assert bool(ratings.isfinite().all())
    config = with_threshold(SIZES, network, data)
    found = figures(examples.listing, ratings, data.inputs, config.poor)
    assert found["all"]["outputs"] == len(examples.listing)


def drawn(scenes: int) -> JudgeData:
    """Examples whose overall rating is the difference of two inputs."""
    generator = torch.Generator().manual_seed(0)
    # None so far out that the judge would limit it.
    inputs = torch.rand(3 * scenes, len(STATISTICS) + len(EVIDENCE), generator=generator)
    inputs = 3 * (inputs - 0.5)
    overall = 2.4 + 0.6 * (inputs[:, 0] - inputs[:, 1])
    listing = [
        Example(n // 3, "effect", "tiny", "text", "dog", TrueRatings(v, 3, 3, 3, 6.25 * (v - 1.8)))
        for n, v in enumerate(overall.tolist())
    ]
    ratings = torch.stack([overall, *[torch.full_like(overall, 3)] * 3], dim=1)
    inputs[0, 5] = torch.nan
    nothing = np.zeros((len(listing), 0), np.float32)
    return JudgeData(Examples(listing, nothing, nothing.astype(np.float16)), inputs, ratings)


def test_the_fit_finds_what_ratings_depend_on() -> None:
    data = drawn(100)
    network = fit(data, ridge=1e-6)
    torch.testing.assert_close(rate(network, data.inputs), data.ratings, atol=0.1, rtol=0)
    weights = network.ratings.weight[0] / network.std
    assert weights[:2].tolist() == pytest.approx([0.6, -0.6], abs=0.04)
    assert float(weights[2:].abs().max()) < 0.04
    # A heavier penalty moves all ratings to the mean.
    flat = rate(fit(data, ridge=1e6), data.inputs)
    assert flat.std(dim=0).max() < 1e-3


def test_most_warnings_are_right() -> None:
    data = drawn(100)
    network = fit(data, ridge=1e-6)
    listing, ratings = data.examples.listing, rate(network, data.inputs)
    poor = with_threshold(SIZES, network, data).poor
    # Below 0 dB is 1.8; above it, what is flagged is wrong, until six of ten are right.
    assert poor > 1.9
    found = figures(listing, ratings, data.inputs, poor)["all"]
    assert found["poor_recall"] == 1.0 and found["poor_precision"] == pytest.approx(0.6, abs=0.02)
    assert found["correlation"] > 0.99 and found["preferred"] == 1.0
    good = [replace(one, ratings=replace(one.ratings, improvement=1.0)) for one in listing]
    fine = replace(data, examples=replace(data.examples, listing=good))
    assert with_threshold(SIZES, network, fine).poor == 1.0, "nothing is below 1"


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
