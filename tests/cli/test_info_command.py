"""`soundsift info`."""

import json

import torch

from soundsift.checkpoints import store
from soundsift.checkpoints.store import load_weights
from soundsift.cli.info import default_model, gather, lines


def test_json(run):
    result = run("info", "--json")
    assert result.exit_code == 0 and result.stderr == ""
    facts = json.loads(result.stdout)
    assert facts["torch"] == torch.__version__
    assert facts["device"] in ("cpu", "cuda", "mps")
    assert facts["devices"][-1] == "cpu"
    assert facts["presets"].keys() == {"draft", "standard", "best"}
    assert facts["packages"]["train"].keys() >= {"mido", "scipy"}
    assert facts["programs"].keys() == {"apt-get", "dpkg-deb"}


def test_lines(run):
    result = run("info")
    assert result.exit_code == 0
    assert {"soundsift", "torch", "device", "model", "data", "train", "bench"} <= {
        line.split()[0] for line in result.stdout.splitlines()
    }


def test_default_model(model, monkeypatch):
    monkeypatch.setattr(store, "find_model", lambda name: model)
    facts = default_model()
    assert facts["name"] == "tiny"
    assert facts["parameters"] == sum(w.numel() for w in load_weights(model).values())
    assert facts["bytes"] == (model / "model.safetensors").stat().st_size


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "find_model", lambda name: tmp_path)
    monkeypatch.setattr("soundsift.cli.info.programs", lambda: {"apt-get": False, "dpkg-deb": True})
    monkeypatch.setattr(
        "soundsift.cli.info.packages",
        lambda: {
            "data": {"tinysoundfont": None},
            "train": {"mido": None, "scipy": "1.0"},
            "bench": {"librosa": "0.11"},
        },
    )
    rows = dict(line.split(maxsplit=1) for line in lines(gather()) if "preset" not in line)
    assert rows["model"].startswith(f"missing: {tmp_path}")
    train = "missing: mido (pip install 'soundsift[train]')"
    assert rows["train"] == f"{train}; scipy 1.0"
    assert rows["data"] == (
        f"{train}; missing: tinysoundfont (make bank-tools); "
        "missing: apt-get (on Debian and Ubuntu); scipy 1.0"
    )
    assert rows["bench"] == "librosa 0.11"
