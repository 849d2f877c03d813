"""The last two checkpoints are kept, whole; and the running average forgets its start."""

import copy
import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import nn

from soundsift.errors import SoundsiftError
from soundsift.training.checkpoint import (
    RunningAverage,
    load_checkpoint,
    previous_path,
    save_checkpoint,
)


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


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    for step in range(1, 5):
        save_checkpoint(file, {"step": step})
    assert load_checkpoint(file) == {"step": 4}
    assert load_checkpoint(previous_path(file)) == {"step": 3}
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.pt", "checkpoint.previous.pt"}


def flipped(data: bytes) -> bytes:
    """One bit of a weight, which nothing but a check sum tells."""
    at = data.index(torch.full((40,), 0.5).numpy().tobytes()) + 81
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "zeros": lambda data: bytes(len(data)),
    "without its beginning": lambda data: data[100:],
    "without its end": lambda data: data[:-30],
    "zeros at the end": lambda data: data[:-512] + bytes(512),
    "a page of zeros": lambda data: data[:256] + bytes(256) + data[512:],
    "one bit": flipped,
    "text": lambda data: b"hello " * 100,
}


@pytest.mark.hostile
@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    file = tmp_path / "checkpoint.pt"
    for step in (7, 8):
        save_checkpoint(file, {"step": step, "weights": torch.full((40,), 0.5)})
    file.write_bytes(DAMAGE[how](file.read_bytes()))
    state = load_checkpoint(file)
    assert state is not None and state["step"] == 7
    said = capsys.readouterr().err
    assert "checkpoint.pt is damaged" in said and said.count("\n") == 1
    # The damaged one does not take the place of the whole one.
    save_checkpoint(file, {"step": 9})
    both = [load_checkpoint(path) or {} for path in (file, previous_path(file))]
    assert [one["step"] for one in both] == [9, 7]
    assert capsys.readouterr().err == ""


def test_a_missing_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "checkpoint.pt"
    for step in (7, 8):
        save_checkpoint(file, {"step": step})
    file.unlink()
    assert load_checkpoint(file) == {"step": 7}
    assert "checkpoint.pt is missing" in capsys.readouterr().err


def test_training_does_not_begin_anew_where_all_are_damaged(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    for step in (7, 8):
        save_checkpoint(file, {"step": step})
    for path in (file, previous_path(file)):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SoundsiftError, match=r"pt is damaged .* and .*previous.pt is damaged"):
        load_checkpoint(file)


def test_what_a_killed_process_left_is_ignored_and_removed(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    save_checkpoint(file, {"step": 7})
    left = tmp_path / "checkpoint.pt.0123456789abcdef.partial"
    left.write_bytes(file.read_bytes()[:100])
    assert load_checkpoint(file) == {"step": 7}
    save_checkpoint(file, {"step": 8})
    assert load_checkpoint(file) == {"step": 8}
    assert not left.exists()


@pytest.mark.hostile
@pytest.mark.parametrize("name", ["checkpoint.partial", "checkpoint.pt.partial"])
def test_links_under_names_that_can_be_foreseen_are_not_followed(tmp_path: Path, name: str) -> None:
    victim, run = tmp_path / "victim", tmp_path / "run"
    victim.write_text("mine")
    run.mkdir()
    (run / name).symlink_to(victim)
    (run / "checkpoint.pt").symlink_to(victim)
    (run / "checkpoint.previous.pt").symlink_to(victim)
    save_checkpoint(run / "checkpoint.pt", {"step": 1})
    assert victim.read_text() == "mine"
    assert load_checkpoint(run / "checkpoint.pt") == {"step": 1}


def test_without_hard_links_the_last_two_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", refuse)
    file = tmp_path / "checkpoint.pt"
    for step in (7, 8):
        save_checkpoint(file, {"step": step})
    assert load_checkpoint(file) == {"step": 8}
    assert load_checkpoint(previous_path(file)) == {"step": 7}


@pytest.mark.hostile
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", ["fsync", "replace", "link"])
def test_a_disk_that_fails_leaves_a_whole_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    file = tmp_path / "checkpoint.pt"
    for step in (6, 7):
        save_checkpoint(file, {"step": step})

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with suppress(OSError):
            save_checkpoint(file, {"step": 8})
    state = load_checkpoint(file)
    assert state is not None and state["step"] in (7, 8)
    assert not list(tmp_path.glob("*.partial"))
    save_checkpoint(file, {"step": 9})
    assert load_checkpoint(file) == {"step": 9}


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
    with pytest.raises(SoundsiftError, match=r"(?i)weights"):
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
