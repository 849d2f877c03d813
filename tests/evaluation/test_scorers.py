"""Scores by other models, here tiny ones with random weights, and by pystoi."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.released import write_clap, write_judge

from soundsift.checkpoints.clap import Clap
from soundsift.checkpoints.judge import load_judge
from soundsift.evaluation.item import Ask, Item
from soundsift.evaluation.scorers import clap_scorer, judge_scorer, open_scorers, stoi

RATE = 48_000


@pytest.fixture
def item() -> Item:
    rng = np.random.default_rng(0)
    target, rest = rng.normal(0, 0.1, (2, 1, RATE)).astype(np.float32)
    asks, probes = (Ask("target", "w7 w44"),), (Ask("other", "w99"),)
    return Item("a", target + rest, RATE, asks, {"target": target}, probes, speech=True)


def test_clap_and_its_swap(item: Item, tmp_path: Path) -> None:
    write_clap(tmp_path)
    scores = clap_scorer(tmp_path)(item, {"target": item.mixture})
    clap = Clap(tmp_path)
    wave = torch.from_numpy(item.mixture)
    own, other = (float(clap.similarity(wave, text)[0]) for text in ("w7 w44", "w99"))
    assert scores == pytest.approx({"clap": own, "clap_swap": own - other}, abs=1e-6)


def test_judge_on_four_axes_and_its_swap(item: Item, tmp_path: Path) -> None:
    write_judge(tmp_path / "judge")
    output = item.references["target"]
    scores = judge_scorer(tmp_path / "judge")(item, {"target": output})
    judge = load_judge(tmp_path / "judge", with_codec=True)
    pair = torch.from_numpy(item.mixture[0]), torch.from_numpy(output)
    own, other = (judge.score_waves(*pair, text) for text in ("w7 w44", "w99"))
    assert scores["judge_overall"] == pytest.approx(float(own.overall[0]), abs=1e-6)
    assert scores["judge_precision"] == pytest.approx(float(own.precision[0]), abs=1e-6)
    swap = float(own.overall[0] - other.overall[0])
    assert scores["judge_swap"] == pytest.approx(swap, abs=1e-6)
    nameless = replace(item, asks=(Ask("target"),))
    assert judge_scorer(tmp_path / "judge")(nameless, {"target": output}) == {}


def test_stoi_is_for_speech(item: Item) -> None:
    target = item.references["target"]
    assert stoi(item, {"target": target})["stoi"] == pytest.approx(1.0, abs=1e-6)
    assert stoi(item, {"target": item.mixture})["stoi"] < 0.95
    assert stoi(replace(item, speech=False), {"target": target}) == {}


def test_what_is_installed_is_used_and_named() -> None:
    scorers, about = open_scorers()
    assert "stoi" in scorers
    assert about["stoi"]
    assert "clap" not in scorers
