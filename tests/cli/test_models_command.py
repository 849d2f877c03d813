"""`soundsift models`: on the default model, which is always there."""

import json
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Run

import soundsift
from soundsift.checkpoints.clap import CLAP
from soundsift.errors import SoundsiftError


def test_list(run: Run) -> None:
    rows = json.loads(run("models", "list", "--json").stdout)
    default = rows[0]
    assert default["name"] == "default" and Path(default["folder"]).is_dir()
    assert "facebook/sam-audio-small" in [row["name"] for row in rows]
    shown = run("models", "list").stdout
    assert all(row["name"] in shown for row in rows)


def test_info_convert_verify(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "int8"
    noted = json.loads(
        run("models", "convert", "default", str(folder), "--dtype", "int8", "--json").stdout
    )
    assert noted["stored"] == "int8"
    assert (folder / "model.safetensors").stat().st_size == noted["files"]["model.safetensors"][
        "bytes"
    ]
    described = json.loads(run("models", "info", str(folder), "--json").stdout)
    assert described["form"] == "stored in int8"
    assert described["parameters"] == {"field": 25_347_521}
    assert "SHA-256" in run("models", "verify", str(folder)).stdout


@pytest.mark.parametrize("command", ["info", "verify"])
def test_what_is_not_there(run: Run, command: str) -> None:
    result = run("models", command, "no-such-model")
    assert result.exit_code == 2
    assert "no-such-model" in result.stderr and "Traceback" not in result.stderr
    result = run("models", command, "facebook/sam-audio-nano")
    assert result.exit_code == 2 and "hf download" in result.stderr


def test_the_list_without_the_hubs_library(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    result = run("models", "list")
    assert result.exit_code == 0
    assert "needs soundsift[released]" in result.stdout and "not fetched" not in result.stdout


def test_every_model_that_is_used_is_listed(run: Run) -> None:
    rows = {row["name"]: row for row in json.loads(run("models", "list", "--json").stdout)}
    assert rows["facebook/sam-audio-judge"]["gated"]
    for name in (CLAP, *(f"facebook/pe-a-frame-{size}" for size in ("small", "base", "large"))):
        assert not rows[name]["gated"] and rows[name]["task"]


def test_marks_of_a_codec_that_has_none() -> None:
    with pytest.raises(SoundsiftError, match="hides no watermarks"):
        soundsift.load(device="cpu", watermark_seed=1)
