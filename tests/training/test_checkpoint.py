"""Checkpoints are whole or not there, and the running average forgets its start."""

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from soundsift.training.checkpoint import RunningAverage, load_checkpoint, save_checkpoint


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    state = {"step": 7, "sums": {"loss": 0.1}, "weights": {"a": torch.randn(3, 2)}}
    save_checkpoint(tmp_path / "checkpoint.pt", state)
    loaded = load_checkpoint(tmp_path / "checkpoint.pt")
    assert loaded is not None
    assert torch.equal(loaded["weights"].pop("a"), state["weights"].pop("a"))
    assert loaded == state
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_without_a_checkpoint_there_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "checkpoint.pt") is None


def test_half_a_checkpoint_beside_the_old_one_is_ignored(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    save_checkpoint(file, {"step": 7})
    partial = tmp_path / "checkpoint.partial"
    partial.write_bytes(file.read_bytes()[:100])
    assert load_checkpoint(file) == {"step": 7}
    save_checkpoint(file, {"step": 8})
    assert load_checkpoint(file) == {"step": 8}
    assert not partial.exists()


def test_a_failure_while_writing_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    save_checkpoint(file, {"step": 7})
    with pytest.raises(Exception, match="pickle"):
        save_checkpoint(file, {"step": 8, "weights": torch.zeros(9), "bad": lambda: None})
    assert load_checkpoint(file) == {"step": 7}


class Trap:
    def __reduce__(self) -> object:
        return (Path.touch, (Path("trapped"),))


def test_nothing_in_a_checkpoint_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"step": Trap()}, tmp_path / "checkpoint.pt")
    with pytest.raises(Exception, match=r"(?i)weights"):
        load_checkpoint(tmp_path / "checkpoint.pt")
    assert not Path("trapped").exists()


def constant(value: float) -> nn.Linear:
    layer = nn.Linear(2, 1)
    nn.init.constant_(layer.weight, value)
    nn.init.constant_(layer.bias, -value)
    return layer


def test_the_average_follows_its_definition() -> None:
    average = RunningAverage(constant(0.0), decay=0.5)
    expected = 0.0
    for number, value in enumerate([1.0, 3.0, -2.0, 5.0, 5.0, 1.0, 1.0, 4.0, 2.0, 8.0], start=1):
        average.update(constant(value))
        decay = min(0.5, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * value
        assert average.weights["weight"].tolist() == [[pytest.approx(expected)] * 2]
        assert average.weights["bias"].tolist() == [pytest.approx(-expected)]


def test_the_average_starts_as_a_copy() -> None:
    layer = constant(2.0)
    average = RunningAverage(layer, decay=0.9)
    nn.init.zeros_(layer.weight)
    assert average.weights["weight"].tolist() == [[2.0, 2.0]]


def test_a_restored_average_goes_on_as_if_nothing_had_happened() -> None:
    whole = RunningAverage(constant(0.0), decay=0.99)
    for value in (1.0, 2.0):
        whole.update(constant(value))
    restored = RunningAverage(constant(9.0), decay=0.99)
    restored.load_state_dict(copy.deepcopy(whole.state_dict()))
    for average in (whole, restored):
        average.update(constant(3.0))
    assert torch.equal(whole.weights["weight"], restored.weights["weight"])
