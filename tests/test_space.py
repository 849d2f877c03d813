"""The Gradio Space: what it computes, and its page where Gradio is installed."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from soundsift.errors import SoundsiftError
from tests.tiny_model import write_tiny_model

SPACE = Path(__file__).parents[1] / "examples" / "space"


@pytest.fixture
def space(tmp_path, monkeypatch):
    monkeypatch.setenv("SOUNDSIFT_MODEL", str(write_tiny_model(tmp_path / "tiny")))
    monkeypatch.setenv("SOUNDSIFT_LONGEST", "2")
    spec = importlib.util.spec_from_file_location("space_app", SPACE / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_separate(space, tmp_path):
    path = tmp_path / "street.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, (8000, 2)), 8000)
    target, rest, said = space.separate(str(path), "bellender Hund", "0.2-0.5")
    assert target[0] == rest[0] == 8000 and target[1].shape == (8000, 2)
    written = soundfile.read(path, dtype="int16")[0]
    assert np.abs(target[1].astype(int) + rest[1] - written).max() <= 1
    assert "dog barking" in said
    with pytest.raises(SoundsiftError, match="no recording"):
        space.separate(None, "rain", "")
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 24_001), 8000)
    with pytest.raises(SoundsiftError, match="at most 2 s"):
        space.separate(str(path), "rain", "")


def test_metadata():
    _, front, _ = (SPACE / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    metadata = yaml.safe_load(front)
    assert metadata["sdk"] == "gradio" and (SPACE / metadata["app_file"]).is_file()


def test_page(space):
    pytest.importorskip("gradio")
    assert "Separate" in str(space.build().get_config_file())
