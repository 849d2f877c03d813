"""Files of models that are being written."""

from pathlib import Path

import pytest

from soundsift.checkpoints.store import complete_file


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
