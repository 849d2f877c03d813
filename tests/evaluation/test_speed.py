"""The speed of a model is measured with its adapter."""

import subprocess
from pathlib import Path

import pytest
from tests.tiny_model import write_tiny_model

from soundsift.errors import SoundsiftError
from soundsift.evaluation import speed


def test_the_adapter_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        with pytest.raises(SoundsiftError) as refused:
            speed._measure(*command[3:])
        return subprocess.CompletedProcess(command, 1, "", str(refused.value))

    monkeypatch.setattr(subprocess, "run", run)
    model = write_tiny_model(tmp_path / "model")
    with pytest.raises(SoundsiftError, match=r"measurement of model .* failed: .*mine.safetensors"):
        speed.measure_speed(model, "draft", tmp_path / "mine.safetensors")
