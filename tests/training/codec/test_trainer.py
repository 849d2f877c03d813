"""Training of the codec: it learns, resumes exactly, and two processes do what one does."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from soundsift.checkpoints.released_form import open_codec
from soundsift.checkpoints.state_dict import build
from soundsift.models.dac_vae import DacVae
from soundsift.training.codec import trainer
from soundsift.training.codec.config import CodecTrainingConfig
from soundsift.training.codec.trainer import CodecTrainer, train_codec

Make = Callable[..., CodecTrainingConfig]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soundsift.training.loop._LOG_EVERY", 1)


def metrics(config: CodecTrainingConfig) -> list[dict[str, float]]:
    lines = map(json.loads, (config.run / "metrics.jsonl").read_text().splitlines())
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


def test_pieces_continue_each_other_and_leave_a_codec(make_codec_config: Make) -> None:
    """Also across the step at which the discriminators join."""
    whole, pieces = make_codec_config(), make_codec_config()
    train_codec(whole)
    for until in (2, 4, 6):
        train_codec(pieces, until=until)
    assert metrics(whole) == metrics(pieces)
    assert "adversarial" not in metrics(whole)[2] and "adversarial" in metrics(whole)[3]
    sizes, weights = open_codec(whole.run / "model")
    assert sizes == whole.model
    _, others = open_codec(pieces.run / "model")
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    # What is written is the average, multiplied out; it marks nothing.
    codec = build(lambda: DacVae(sizes), weights, "it")
    wave = torch.randn(1, 1, 960)
    expected = CodecTrainer(whole)
    expected.restore(torch.load(whole.run / "checkpoint.pt", weights_only=True))
    decoded = codec.decode(codec.encode(wave))
    torch.testing.assert_close(decoded, expected.averaged().decode(codec.encode(wave)))
    assert torch.equal(codec.decode(codec.encode(wave), torch.ones(1, 16)), decoded)


@pytest.mark.parametrize("balance", [True, False])
def test_it_learns(make_codec_config: Make, balance: bool) -> None:
    """A tenth of what validation finds at the beginning is gone after 30 steps."""
    loss = {"wave": 4.0, "adversarial_from": 100, "balance": balance, "mel": 1.0}
    config = make_codec_config(steps=30, loss=loss)
    task = CodecTrainer(config)
    before = task.validate()["mel"]
    for step, batch in zip(range(30), task.batches(0), strict=False):
        task.take_step(batch, step)
    assert task.validate()["mel"] < 0.9 * before


def test_validation_measures_the_round_trip(
    make_codec_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = CodecTrainer(make_codec_config())
    found = task.validate()
    assert found["mel"] > 1 and found["si_sdr"] < 0

    class Perfect(DacVae):
        def encode(self, wave: torch.Tensor) -> torch.Tensor:
            return wave

        def decode(self, latents: torch.Tensor, message: object = None) -> torch.Tensor:
            return latents

    monkeypatch.setattr(trainer, "DacVae", Perfect)
    found = task.validate()
    assert found["mel"] == 0 and found["si_sdr"] > 60


def test_two_processes_have_the_curve_of_one(make_codec_config: Make, tmp_path: Path) -> None:
    one = make_codec_config()
    train_codec(one)
    two = one.model_copy(update={"run": tmp_path / "two"})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in (0, 1):
        child = os.fork()
        if not child:
            code = 1
            try:
                os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
                os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
                train_codec(two)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    for alone, shared in zip(metrics(one), metrics(two), strict=True):
        assert shared == pytest.approx(alone, rel=1e-3, abs=1e-4), alone["step"]


def test_it_starts_from_a_codec(make_codec_config: Make) -> None:
    first = make_codec_config(steps=2)
    train_codec(first)
    second = CodecTrainer(make_codec_config(start_from=first.run / "model"))
    _, weights = open_codec(first.run / "model")
    for name, weight in second.averaged().state_dict().items():
        torch.testing.assert_close(weight, weights[name], msg=name)
