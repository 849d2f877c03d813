"""Folders of exports appear whole, and only their own kind is replaced."""

from pathlib import Path

import pytest
from tests.tiny_model import CONFIG, write_tiny_model

from soundsift.errors import SoundsiftError
from soundsift.export.networks import load_networks
from soundsift.export.onnx_folder import SETTINGS, settings_of, whole_folder


def write(folder: Path, content: str, overwrite: bool = False) -> None:
    with whole_folder(folder, overwrite=overwrite) as draft:
        (draft / SETTINGS).write_text(content)


def test_only_exports_are_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "graphs"
    write(folder, "first")
    with pytest.raises(SoundsiftError, match="--overwrite"):
        write(folder, "second")
    assert (folder / SETTINGS).read_text() == "first"
    write(folder, "third", overwrite=True)
    assert (folder / SETTINGS).read_text() == "third"
    with pytest.raises(SoundsiftError, match="not written by an export"):
        own = tmp_path / "own"
        own.mkdir()
        (own / "thesis.txt").write_text("do not lose")
        write(own, "fourth", overwrite=True)
    assert (tmp_path / "own" / "thesis.txt").read_text() == "do not lose"


def test_nothing_is_left_of_what_failed(tmp_path: Path) -> None:
    folder = tmp_path / "graphs"
    write(folder, "first")
    with pytest.raises(RuntimeError), whole_folder(folder, overwrite=True) as draft:
        (draft / SETTINGS).write_text("half")
        raise RuntimeError
    assert (folder / SETTINGS).read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["graphs"]


def test_settings_are_those_of_the_model(tmp_path: Path) -> None:
    networks = load_networks(write_tiny_model(tmp_path))
    settings = settings_of(CONFIG, networks.hearing_network)
    assert settings["codec"]["window"] == CONFIG.codec.window
    assert settings["window_frames"] == CONFIG.window_seconds * 25
    assert settings["hearing"]["predict_spans"] is True
    # A model without open frames knows no examples.
    assert (settings["example"] is None) == (CONFIG.field.anchor_count <= 3)
    assert settings_of(CONFIG, None)["hearing"] is None


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path)
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("prediction: data", "prediction: velocity"))
    with pytest.raises(SoundsiftError, match="can't be exported"):
        load_networks(folder)
