"""The default model's judge around a network with drawn weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from soundsift.checkpoints.default_judge import (
    REFERENCES,
    load_default_judge,
    save_default_judge,
)
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.config import DefaultJudgeConfig, HearingConfig, MelCodecConfig
from soundsift.errors import SoundsiftError
from soundsift.models.default_judge import DefaultJudge
from soundsift.models.hearing import HearingNetwork
from soundsift.models.mel_codec import MelCodec
from soundsift.prompts import Prompt
from soundsift.separation.judges import judge_pair
from soundsift.separation.judging import JudgeSession, ResultJudge
from soundsift.spans import Span

RATE = 48_000


@pytest.fixture(scope="module")
def judge() -> ResultJudge:
    torch.manual_seed(0)
    config = DefaultJudgeConfig(hidden=8, members=2, stretch_seconds=1.0, window_frames=8)
    hearing = HearingNetwork(HearingConfig(widths=(4, 8), dim=16, embedding_dim=8, text_hidden=8))
    return ResultJudge(
        MelCodec(MelCodecConfig()),
        DefaultJudge(config).eval(),
        hearing.eval().requires_grad_(False),
        TextEncoder(),
        torch.nn.functional.normalize(torch.randn(len(REFERENCES), 8), dim=-1),
    )


def waves(seconds: float, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    mixture = 0.1 * rng.standard_normal((channels, round(seconds * RATE))).astype(np.float32)
    target = mixture * (np.arange(mixture.shape[1]) % RATE < RATE // 2)
    return mixture, target.astype(np.float32)


def test_blocks_give_what_the_whole_gives(judge: ResultJudge) -> None:
    mixture, target = waves(3.7)
    prompt = Prompt("dog barking", (Span(0.2, 2.5),))
    whole = judge.score(mixture, target, RATE, prompt)
    session = JudgeSession(judge, prompt, RATE)
    for start in range(0, mixture.shape[1], 10_000):
        session.add(mixture[:, start : start + 10_000], target[:, start : start + 10_000])
    pieces = session.finish()
    assert pieces.overall == pytest.approx(whole.overall, abs=1e-4)
    assert pieces.present == pytest.approx(whole.present, abs=1e-4)


def test_gain_does_not_count(judge: ResultJudge) -> None:
    mixture, target = waves(1.0)
    loud = judge.score(mixture, target, RATE, Prompt("dog"))
    quiet = judge.score(0.01 * mixture, 0.01 * target, RATE, Prompt("dog"))
    assert quiet.overall == pytest.approx(loud.overall, abs=2e-2)


def test_prompts_without_text_say_nothing_of_presence(judge: ResultJudge) -> None:
    found = judge.score(*waves(1.0), RATE, Prompt(None, (Span(0.1, 0.4),)))
    assert found.present is None and not found.absent


def test_silence_and_short_sounds_are_rated(judge: ResultJudge) -> None:
    mixture, target = waves(0.1, 2)
    for one in (target, np.zeros_like(target)):
        found = judge.score(mixture, one, RATE, Prompt("dog"))
        assert all(1 <= value <= 5 for value in (found.overall, found.recall, found.precision))


def test_what_does_not_fit_together_is_refused(judge: ResultJudge) -> None:
    mixture, target = waves(2.0)
    with pytest.raises(SoundsiftError, match="at 44100 Hz"):
        judge_pair(judge, mixture, target, (RATE, 44_100), Prompt("dog"))
    with pytest.raises(SoundsiftError, match=r"1\.00 s long"):
        judge_pair(judge, mixture, target[:, :RATE], (RATE, RATE), Prompt("dog"))
    with pytest.raises(SoundsiftError):
        judge_pair(judge, mixture, target, (RATE, RATE), Prompt())
    stereo = np.concatenate([mixture, mixture])
    ours = judge_pair(judge, stereo, target[:, :-100], (RATE, RATE), Prompt("dog"))
    theirs = judge_pair(judge, mixture, target[:, :-100], (RATE, RATE), Prompt("dog"))
    assert ours.overall == pytest.approx(theirs.overall, abs=1e-3)


def test_a_judge_on_disk(judge: ResultJudge, tmp_path: Path) -> None:
    save_default_judge(tmp_path, judge.network, judge.references)
    network, references = load_default_judge(tmp_path)
    assert network.config == judge.network.config
    assert torch.equal(references, judge.references)
    inputs = torch.randn(3, network.mean.numel())
    torch.testing.assert_close(network(inputs)[0], judge.network(inputs)[0])
    (tmp_path / "config.yaml").write_text("hidden: many")
    with pytest.raises(SoundsiftError, match="not the configuration of a judge"):
        load_default_judge(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(SoundsiftError, match="not a folder of a judge"):
        load_default_judge(tmp_path)
