"""The default model's judge around a network with drawn weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.tiny_model import write_tiny_model

import soundsift
from soundsift.checkpoints import default_judge
from soundsift.checkpoints.default_judge import load_default_judge, save_default_judge
from soundsift.checkpoints.minilm import TextEncoder
from soundsift.config import DefaultJudgeConfig, HearingConfig, MelCodecConfig
from soundsift.errors import SoundsiftError
from soundsift.models.default_judge import RATINGS, DefaultJudge
from soundsift.models.hearing import HearingNetwork
from soundsift.models.mel_codec import MelCodec
from soundsift.prompts import Prompt
from soundsift.separation.judges import judge_of, judge_pair, open_judge
from soundsift.separation.judging import JudgeSession, ResultJudge
from soundsift.spans import Span

RATE = 48_000


@pytest.fixture(scope="module")
def judge() -> ResultJudge:
    torch.manual_seed(0)
    network = DefaultJudge().requires_grad_(False)
    # No rating reaches 1 or 5, where differences end.
    network.ratings.weight.mul_(0.2)
    network.ratings.bias.fill_(3.0)
    hearing = HearingNetwork(HearingConfig(widths=(4, 8), dim=16, embedding_dim=8, text_hidden=8))
    return ResultJudge(
        MelCodec(MelCodecConfig()),
        DefaultJudgeConfig(stretch_seconds=1.0, window_frames=8),
        network,
        hearing.eval().requires_grad_(False),
        TextEncoder(),
        torch.nn.functional.normalize(torch.randn(5, 8), dim=-1),
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
    assert pieces.recall == pytest.approx(whole.recall, abs=1e-4)


def test_gain_does_not_count(judge: ResultJudge) -> None:
    mixture, target = waves(1.0)
    loud = judge.score(mixture, target, RATE, Prompt("dog"))
    quiet = judge.score(0.01 * mixture, 0.01 * target, RATE, Prompt("dog"))
    assert quiet.overall == pytest.approx(loud.overall, abs=2e-2)


def test_phrases_count_and_times_do_not(judge: ResultJudge) -> None:
    pair = waves(1.0)
    marked = judge.score(*pair, RATE, Prompt(None, (Span(0.1, 0.4),)))
    named = judge.score(*pair, RATE, Prompt("dog"))
    assert named.overall != pytest.approx(marked.overall, abs=1e-4)
    both = judge.score(*pair, RATE, Prompt("dog", (Span(0.1, 0.4),)))
    assert both.overall == pytest.approx(named.overall, abs=1e-6)


def test_everything_but_a_sound_is_rated_by_the_sound(judge: ResultJudge) -> None:
    mixture, target = waves(1.0)
    named = judge.score(mixture, target, RATE, Prompt("the dog"))
    rest = judge.score(mixture, mixture - target, RATE, Prompt("everything but the dog"))
    assert rest.overall == pytest.approx(named.overall, abs=1e-3)


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


def test_where_nothing_was_separated_the_rating_says_so(judge: ResultJudge) -> None:
    mixture, target = waves(2.5)
    assert judge.score(mixture, target, RATE, Prompt("dog")).overall > 2
    for one in (mixture, np.zeros_like(mixture)):
        found = judge.score(mixture, one, RATE, Prompt("dog"))
        assert found.overall <= 1.8


def test_results_are_rated_where_asked(tmp_path: Path) -> None:
    mixture, _ = waves(1.0)
    separator = soundsift.load(write_tiny_model(tmp_path), device="cpu")
    plain = separator.separate(mixture, sample_rate=RATE, text="dog barking")
    assert "judge" not in plain.settings
    rated = separator.separate(mixture, sample_rate=RATE, text="dog barking", judge=True)
    found = rated.settings["judge"]
    own = judge_of(separator.model).score(mixture, rated.target, RATE, Prompt("dog barking"))
    assert found == own.described()
    assert set(found) == {*RATINGS, "poor"}


def test_without_a_judge_none_can_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    separator = soundsift.load(write_tiny_model(tmp_path), device="cpu")
    monkeypatch.setattr(default_judge, "is_there", lambda: False)
    with pytest.raises(SoundsiftError, match="has no judge"):
        separator.separate(waves(0.2)[0], sample_rate=RATE, text="dog", judge=True)
    with pytest.raises(SoundsiftError, match="no judge of its own"):
        open_judge()


def test_a_judge_on_disk(judge: ResultJudge, tmp_path: Path) -> None:
    save_default_judge(tmp_path, judge.config, judge.network)
    config, network = load_default_judge(tmp_path)
    assert config == judge.config
    inputs = torch.randn(3, network.mean.numel())
    torch.testing.assert_close(network(inputs), judge.network(inputs))
    (tmp_path / "config.yaml").write_text("windows: many")
    with pytest.raises(SoundsiftError, match="not the configuration of a judge"):
        load_default_judge(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(SoundsiftError, match="not a folder of a judge"):
        load_default_judge(tmp_path)
