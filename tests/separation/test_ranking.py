"""Candidates of a tiny released model, against separate runs that are ranked by hand."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.released import RATE, TINY_VISION, write_rankers, write_released

import soundsift
from soundsift.checkpoints import pe_vision
from soundsift.checkpoints.clap import Clap
from soundsift.checkpoints.judge import load_judge
from soundsift.checkpoints.rankers import ReleasedRankers
from soundsift.separation import ranking
from soundsift.separation.separator import Separator
from soundsift.separation.span_iou import span_iou
from soundsift.spans import Span

pytest.importorskip("transformers", reason="the released models need the extra `released`")


@pytest.fixture(scope="module", autouse=True)
def tiny_vision() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pe_vision, "CONFIGS", {"PE-Core-L14-336": TINY_VISION})
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_released(tmp_path_factory.mktemp("released") / "sam-audio-tiny")
    write_rankers(folder)
    return folder


@pytest.fixture(scope="module")
def separator(folder: Path) -> Separator:
    return soundsift.load(folder, device="cpu", precision="float32")


def noise(channels: int, samples: int) -> np.ndarray:
    draw = np.random.default_rng(0).standard_normal((channels, samples))
    return (0.1 * draw).astype(np.float32)


def ranked_by_hand(folder: Path, mixture: np.ndarray, target: np.ndarray) -> dict[str, float]:
    mono = torch.from_numpy(target).mean(dim=0)[None]
    judge = load_judge(folder / "judge", with_codec=True)
    ratings = judge.score_waves(torch.from_numpy(mixture).mean(dim=0), mono, "w7 w44")
    clap = float(Clap(folder / "clap").similarity(mono, "w7 w44")[0])
    score = 5 * clap + float(ratings.overall[0])
    return {"clap": clap, "overall": float(ratings.overall[0]), "score": score}


@pytest.mark.parametrize("consistent", [False, True])
def test_four_candidates_are_four_runs_ranked_by_hand(
    separator: Separator, folder: Path, consistent: bool
) -> None:
    mixture = noise(2, 24_000)
    request: dict[str, Any] = {"sample_rate": RATE, "text": "w7 w44", "preset": "draft"}
    request["consistent"] = consistent
    chosen = separator.separate(mixture, seed=2**32 - 3, candidates=4, **request)
    seeds = [2**32 - 3, 2**32 - 2, 2**32 - 1, 0]
    runs = [separator.separate(mixture, seed=seed, **request) for seed in seeds]
    by_hand = [ranked_by_hand(folder, mixture, run.target) for run in runs]
    assert [one["seed"] for one in chosen.candidates] == seeds
    for ours, theirs in zip(chosen.candidates, by_hand, strict=True):
        for name, value in theirs.items():
            assert ours[name] == pytest.approx(value, abs=1e-4), name
    scores = [one["score"] for one in by_hand]
    assert max(scores) - min(scores) > 0.01, "the runs are too alike to be ranked"
    best = int(np.argmax(scores))
    assert chosen.settings["chosen_seeds"] == [seeds[best]]
    np.testing.assert_allclose(chosen.target, runs[best].target, atol=1e-4)
    np.testing.assert_allclose(chosen.residual, runs[best].residual, atol=1e-4)
    assert not any(np.allclose(runs[0].target, run.target, atol=1e-3) for run in runs[1:])


def test_given_spans_count_and_predicted_ones_do_not(separator: Separator) -> None:
    mixture = noise(1, 48_000)
    request: dict[str, Any] = {"sample_rate": RATE, "preset": "draft", "candidates": 2}
    marked = separator.separate(mixture, spans=[(0.2, 0.4)], **request)
    for one in marked.candidates:
        assert set(one) == {"seed", "score", "span_iou"}
        run = separator.separate(
            mixture, spans=[(0.2, 0.4)], sample_rate=RATE, preset="draft", seed=one["seed"]
        )
        energies = np.square(run.target.astype(np.float64)).reshape(-1, 480).sum(axis=1)
        assert one["span_iou"] == pytest.approx(span_iou(energies, [Span(0.2, 0.4)]), abs=1e-3)
    both = separator.separate(mixture, text="w7", spans=[(0.2, 0.4)], **request)
    for one in both.candidates:
        parts = 5 * one["clap"] + one["overall"] + one["span_iou"]
        assert one["score"] == pytest.approx(parts, abs=1e-3)


def test_stretches_and_several_sounds(
    separator: Separator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each prompt has its own best; a long recording is ranked in parts."""
    monkeypatch.setattr(ranking, "_STRETCH", 10)
    mixture = noise(1, 60_000)
    request: dict[str, Any] = {"sample_rate": RATE, "preset": "draft"}
    results = separator.separate_many(mixture, ["w7", "w19"], candidates=3, **request)
    for phrase, result in zip(("w7", "w19"), results, strict=True):
        best = max(result.candidates, key=lambda one: one["score"])
        assert result.settings["chosen_seeds"] == [best["seed"]]
        run = separator.separate(mixture, text=phrase, seed=best["seed"], **request)
        np.testing.assert_allclose(result.target, run.target, atol=1e-4)


def test_exclusive_candidates_add_up(separator: Separator) -> None:
    mixture = noise(1, 20_000)
    results = separator.separate_many(
        mixture, ["w7", "w19"], exclusive=True, candidates=2, sample_rate=RATE, preset="draft"
    )
    np.testing.assert_allclose(sum(r.target for r in results), mixture, atol=1e-6)
    assert [len(r.candidates) for r in results] == [2, 2, 0]


def test_each_phrase_of_a_prompt_has_its_best(separator: Separator) -> None:
    request: dict[str, Any] = {"sample_rate": RATE, "preset": "draft", "candidates": 3}
    both, alone = (
        separator.separate(noise(1, 20_000), text=text, consistent=True, **request)
        for text in ("w7, w19", "w19")
    )
    assert [one["text"] for one in both.candidates] == ["w7"] * 3 + ["w19"] * 3
    assert both.settings["chosen_seeds"][1:] == alone.settings["chosen_seeds"]


def test_rankers_are_loaded_when_needed_and_put_away(separator: Separator) -> None:
    separator.unload_rankers()
    rankers = separator.model.rankers
    assert isinstance(rankers, ReleasedRankers)
    request: dict[str, Any] = {"sample_rate": RATE, "text": "w7", "preset": "draft"}
    separator.separate(noise(1, 9600), **request)
    assert rankers.loaded == ()
    separator.separate(noise(1, 9600), candidates=2, **request)
    assert rankers.loaded == ("clap", "judge")
    separator.unload_rankers()
    assert rankers.loaded == ()
    separator.separate(noise(1, 9600), candidates=2, **request)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"candidates": 0}, "from 1 to 64"),
        ({"candidates": 2, "windowing": "chunks"}, "does not apply to chunks"),
        ({"candidates": 2, "text": None, "not_spans": [(0, 0.1)]}, r"without text and \+ spans"),
    ],
)
def test_what_cannot_be_ranked(separator: Separator, options: dict[str, Any], message: str) -> None:
    request = {"sample_rate": RATE, "text": "w7", "preset": "draft"} | options
    with pytest.raises(soundsift.SoundsiftError, match=message):
        separator.separate(noise(1, 9600), **request)


def test_a_missing_ranker_is_named_before_any_work(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    copy = tmp_path / "model"
    shutil.copytree(folder, copy)
    shutil.rmtree(copy / "judge")
    monkeypatch.setattr(ranking, "sample_latents", None)
    separator = soundsift.load(copy, device="cpu", precision="float32")
    with pytest.raises(soundsift.SoundsiftError, match="hf download facebook/sam-audio-judge"):
        separator.separate(noise(1, 9600), sample_rate=RATE, text="w7", candidates=2)


def test_the_default_model_has_one_answer() -> None:
    with pytest.raises(soundsift.SoundsiftError, match="gives one answer"):
        soundsift.load(device="cpu").separate(
            noise(1, 9600), sample_rate=RATE, text="dog", candidates=2
        )
