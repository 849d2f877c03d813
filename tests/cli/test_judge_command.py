"""`soundsift judge` with a tiny released judge, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tests.cli.conftest import Run
from tests.released import write_judge

RATE = 48_000


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    paths = tmp_path / "mix.wav", tmp_path / "target.wav"
    for path in paths:
        soundfile.write(path, 0.1 * rng.standard_normal((RATE // 2, 2)), RATE, subtype="FLOAT")
    return paths


def test_a_released_judge_gives_its_scores(
    run: Run, tmp_path: Path, pair: tuple[Path, Path]
) -> None:
    pytest.importorskip("transformers")
    from soundsift.checkpoints.judge import load_judge

    write_judge(tmp_path / "judge")
    command = ["judge", *pair, "--text", "w7 w44", "--model", tmp_path / "judge"]
    result = run(*command, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    waves = [
        torch.from_numpy(soundfile.read(path, dtype="float32")[0].T).mean(dim=0) for path in pair
    ]
    judge = load_judge(tmp_path / "judge", with_codec=True)
    expected = judge.score_waves(waves[0], waves[1][None], "w7 w44")
    for name in ("overall", "recall", "precision", "faithfulness"):
        assert found[name] == pytest.approx(float(getattr(expected, name)[0]), abs=6e-3)
    assert found["confidence"] is None and found["presence"] is None
    plain = run(*command)
    assert f"overall       {found['overall']:.2f}" in plain.stdout
    without = run("judge", *pair, "--span", "0.1-0.2", "--model", tmp_path / "judge")
    assert without.exit_code == 2 and "rates by text" in without.stderr


def test_the_default_judge_prefers_what_is_separated(run: Run, tmp_path: Path) -> None:
    time = np.arange(3 * RATE) / RATE
    beeps = 0.2 * np.sin(2 * np.pi * 880 * time) * (time % 1 < 0.4)
    noise = 0.05 * np.random.default_rng(0).standard_normal(len(time))
    waves = {"mix": beeps + noise, "good": beeps, "bad": 0.5 * (beeps + noise)}
    for name, wave in waves.items():
        soundfile.write(tmp_path / f"{name}.wav", wave, RATE, subtype="FLOAT")
    found = {}
    for name in ("good", "bad"):
        result = run(
            "judge", tmp_path / "mix.wav", tmp_path / f"{name}.wav", "--text", "beep", "--json"
        )
        assert result.exit_code == 0, result.output
        found[name] = json.loads(result.stdout)
    names = ["overall", "recall", "precision", "faithfulness", "poor", "confidence", "presence"]
    assert list(found["good"]) == ["input", "target", *names]
    assert found["good"]["overall"] > found["bad"]["overall"] + 0.3
    assert found["bad"]["poor"] and not found["good"]["poor"]
    assert 0 <= found["good"]["confidence"] == found["bad"]["confidence"] <= 1
    spans = run("judge", tmp_path / "mix.wav", tmp_path / "good.wav", "--span", "0-0.4", "--json")
    assert json.loads(spans.stdout)["confidence"] is None


def test_what_is_refused(
    run: Run, tmp_path: Path, pair: tuple[Path, Path], one_sentence: Callable[..., None]
) -> None:
    mix, target = pair
    one_sentence(run("judge", mix, target), "There is no prompt")
    one_sentence(run("judge", mix, tmp_path / "no.wav", "--text", "dog"), "no.wav")
    one_sentence(run("judge", mix, target, "--text", "dog", "--model", "nonsense"), "nonsense")
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros((RATE // 2, 1)), RATE)
    one_sentence(run("judge", silent, target, "--text", "dog"), "silent")
