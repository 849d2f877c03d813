"""Files of models that are being written."""

from pathlib import Path

import pytest
import torch
from tests.tiny_model import CONFIG

from soundsift.checkpoints.store import complete_file, load_config, load_weights, save_in_parts
from soundsift.errors import SoundsiftError


def test_links_in_a_prepared_folder_are_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("of the user")
    folder = tmp_path / "model"
    folder.mkdir()
    path = folder / "model.safetensors"
    path.symlink_to(kept)
    for name in (".partial", ".tmp", ".part"):
        (folder / f"model.safetensors{name}").symlink_to(kept)
    with complete_file(path) as part:
        part.write_text("weights")
    assert kept.read_text() == "of the user"
    assert path.read_text() == "weights" and not path.is_symlink()


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("old")
    with pytest.raises(OSError, match="full"), complete_file(path) as part:
        part.write_text("half")
        raise OSError("full")
    assert [file.name for file in tmp_path.iterdir()] == ["config.yaml"]
    assert path.read_text() == "old"


def test_weights_in_parts_are_the_same_weights(tmp_path: Path) -> None:
    weights = {f"w{i}": torch.randn(50, 50) for i in range(5)}
    save_in_parts(tmp_path, CONFIG, weights | {"old": torch.zeros(50, 50)}, "float32", 0.015)
    save_in_parts(tmp_path, CONFIG, weights, "float32", 0.021)
    files = sorted(tmp_path.glob("*.safetensors"))
    assert [file.name for file in files] == [f"model-0000{n}-of-00003.safetensors" for n in "123"]
    assert all(file.stat().st_size <= 21_000 for file in files)
    found = load_weights(tmp_path)
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in weights)
    assert load_config(tmp_path) == CONFIG
    files[1].unlink()
    with pytest.raises(SoundsiftError, match="2 of 3 files of weights"):
        load_weights(tmp_path)
