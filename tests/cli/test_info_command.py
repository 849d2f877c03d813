"""`soundsift info`."""

import json

import torch

from soundsift.checkpoints import find
from soundsift.checkpoints.folder import load_weights
from soundsift.cli.info import default_model, lines
from soundsift.cli.requirements import extras


def test_json(run):
    result = run("info", "--json")
    assert result.exit_code == 0 and result.stderr == ""
    facts = json.loads(result.stdout)
    assert facts["torch"] == torch.__version__
    assert facts["device"] in ("cpu", "cuda", "mps")
    assert facts["devices"][-1] == "cpu"
    assert facts["presets"].keys() == {"draft", "standard", "best"}
    assert facts["extras"]["train"].keys() >= {"mido", "scipy"}
    assert facts["programs"].keys() == {"apt-get", "dpkg-deb"}


def test_lines(run):
    result = run("info")
    assert result.exit_code == 0
    assert {"soundsift", "torch", "device", "model", "data", "train", "bench"} <= {
        line.split()[0] for line in result.stdout.splitlines()
    }


def test_default_model(model, monkeypatch):
    monkeypatch.setattr(find, "find_model", lambda name: model)
    facts = default_model()
    assert facts["name"] == "tiny"
    assert facts["parameters"] == sum(w.numel() for w in load_weights(model).values())
    assert facts["bytes"] == (model / "model.safetensors").stat().st_size


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(find, "find_model", lambda name: tmp_path)
    monkeypatch.setattr("soundsift.cli.info.programs", lambda: {"apt-get": False, "dpkg-deb": True})
    monkeypatch.setattr(
        "soundsift.cli.info.extras", lambda: extras() | {"train": {"mido": None, "scipy": "1.0"}}
    )
    from soundsift.cli.info import gather

    text = "\n".join(lines(gather()))
    assert "model" in text and f"missing: {tmp_path}" in text
    assert "missing: apt-get (Debian or Ubuntu)" in text
    assert "missing: mido (pip install 'soundsift[train]'); scipy 1.0" in text
