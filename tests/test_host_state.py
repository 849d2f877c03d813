"""Results that don't depend on PyTorch's global settings, on threads, or on forks."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

import soundsift
from soundsift.errors import SoundsiftError
from soundsift.host_state import check_process, in_torch_defaults, torch_defaults
from soundsift.separation.separator import Separator
from tests.released import write_released
from tests.tiny_model import write_tiny_model

RATE = 48_000


def noise(seconds: float, channels: int = 2) -> np.ndarray:
    samples = np.random.default_rng(0).normal(0, 0.1, (channels, round(RATE * seconds)))
    return samples.astype(np.float32)


@contextmanager
def default_dtype() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


CALLERS: dict[str, Callable[[], AbstractContextManager]] = {
    "default dtype": default_dtype,
    "default device": lambda: torch.device("meta"),
    "deterministic": deterministic,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "inference mode": torch.inference_mode,
    "no gradients": torch.no_grad,
    "gradients": torch.enable_grad,
}


@pytest.fixture(scope="module")
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model's folder, of the kind that the test names."""
    make = {"default": write_tiny_model, "released": write_released}[request.param]
    return make(tmp_path_factory.mktemp("models") / request.param)


def answer(separator: Separator) -> list[np.ndarray]:
    found = separator.separate(noise(0.3), sample_rate=RATE, text="wind", preset="draft")
    if separator.config.prediction == "velocity":
        return [found.target, found.residual]
    blocks = (noise(0.3)[:, start : start + 4800] for start in range(0, 14_400, 4800))
    live = separator.stream(blocks, sample_rate=RATE, text="wind", preset="draft")
    return [found.target, found.residual, np.concatenate(list(live), axis=1)]


@pytest.fixture(scope="module")
def expected(folder: Path) -> list[np.ndarray]:
    return answer(soundsift.load(folder, device="cpu", precision="float32"))


KINDS = pytest.mark.parametrize(
    "folder", ["default", pytest.param("released", marks=pytest.mark.slow)], indirect=True
)


@KINDS
@pytest.mark.parametrize("caller", CALLERS)
def test_what_the_caller_set(caller, folder, expected):
    """While the model is loaded, and while it separates."""
    with CALLERS[caller]():
        loaded = soundsift.load(folder, device="cpu", precision="float32")
        found = [answer(loaded)]
    found.append(answer(loaded))
    for stems in found:
        for stem, right in zip(stems, expected, strict=True):
            np.testing.assert_allclose(stem, right, rtol=0, atol=1e-6)


def test_everything_is_restored():
    with default_dtype(), torch.device("meta"), torch.autocast("cpu", dtype=torch.bfloat16):
        with torch_defaults():
            assert torch.zeros(1).dtype == torch.float32
            assert torch.zeros(1).device.type == "cpu"
            assert not torch.is_autocast_enabled("cpu")
        assert torch.zeros(1).dtype == torch.float64
        assert torch.zeros(1).device.type == "meta"
        assert torch.is_autocast_enabled("cpu")
        with pytest.raises(ZeroDivisionError), torch_defaults():
            raise ZeroDivisionError
        assert torch.get_default_dtype() == torch.float64


def test_a_caller_between_two_blocks_has_its_own_settings():
    seen = []

    def blocks() -> Iterator[int]:
        for number in range(3):
            seen.append(torch.get_default_dtype())
            yield number

    with default_dtype():
        stream = in_torch_defaults(blocks())
        for _ in stream:
            assert torch.get_default_dtype() == torch.float64
    assert seen == [torch.float32] * 3


def test_two_threads_give_the_bits_of_one():
    """With the default model, whose sums are long enough to be split among threads."""
    found = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            separator = soundsift.load(device="cpu", precision="float32")
            asked = {"sample_rate": RATE, "text": "wind", "spans": [(1.0, 2.0)], "preset": "draft"}
            found.append(separator.separate(noise(4), **asked).target)
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(*found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@KINDS
def test_a_forked_child_separates(folder, expected, tmp_path):
    """Fork is what multiprocessing does by default on Linux, up to Python 3.13."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        separator = soundsift.load(folder, device="cpu", precision="float32")
        separator.separate(noise(1), sample_rate=RATE, text="wind", preset="draft")

        def work() -> None:
            np.save(tmp_path / "child.npy", answer(separator)[0])

        child = multiprocessing.get_context("fork").Process(target=work)
        child.start()
        child.join(60)
        alive = child.is_alive()
        if alive:
            child.kill()
            child.join()
    finally:
        torch.set_num_threads(before)
    assert not alive and child.exitcode == 0
    np.testing.assert_allclose(np.load(tmp_path / "child.npy"), expected[0], atol=1e-6)


def test_a_graphics_card_is_not_shared_with_a_child():
    check_process(os.getpid(), torch.device("cuda"))
    check_process(os.getpid() + 1, torch.device("cpu"))
    with pytest.raises(SoundsiftError, match=r"forked.*spawn"):
        check_process(os.getpid() + 1, torch.device("cuda", 1))
