"""A tiny model with random weights, short recordings, and a way to run the command line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.tiny_model import TINY, write_tiny_model
from typer.testing import CliRunner, Result

from soundsift.cli import app

RATE = 16_000
SECONDS = 1.0

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def mix(tmp_path: Path) -> Path:
    path = tmp_path / "street.wav"
    time = np.arange(round(RATE * SECONDS)) / RATE
    noise = np.random.default_rng(0).normal(0, 0.05, (len(time), 2))
    samples = noise + 0.3 * np.sin(2 * np.pi * 440 * time)[:, None]
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    return path


@pytest.fixture
def run() -> Run:
    def invoke(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(a) for a in arguments])

    return invoke


@pytest.fixture
def tiny_config() -> dict[str, object]:
    return TINY


@pytest.fixture
def one_sentence() -> Callable[..., None]:
    """Assert what every refusal has in common."""

    def check(result: Result, *culprits: str) -> None:
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        assert result.stderr.endswith("\n")
        assert len(result.stderr.splitlines()) == 1, result.stderr
        for culprit in culprits:
            assert culprit in result.stderr

    return check
