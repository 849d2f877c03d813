from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from soundsift.checkpoints.weights_file import WeightsFile, read_shapes
from soundsift.errors import SoundsiftError


def test_reads_what_is_asked_for(tmp_path: Path) -> None:
    weights = {"a": torch.randn(3, 2), "b": torch.arange(5, dtype=torch.int8)}
    save_file(weights, tmp_path / "w.safetensors")
    file = WeightsFile(tmp_path / "w.safetensors")
    assert set(file) == {"a", "b"} and len(file) == 2
    assert all(torch.equal(file[name], weights[name]) for name in file)
    assert "c" not in file
    with pytest.raises(KeyError):
        file["c"]


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(SoundsiftError, match="no such file"):
        WeightsFile(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"not weights")
    with pytest.raises(SoundsiftError, match="damaged"):
        WeightsFile(tmp_path / "bad.safetensors")


def test_shapes_without_numbers(tmp_path: Path) -> None:
    weights = {"a": torch.randn(3, 2), "b": torch.arange(5, dtype=torch.int8)}
    save_file(weights, tmp_path / "w.safetensors")
    shapes = read_shapes(tmp_path / "w.safetensors")
    assert all(tensor.is_meta for tensor in shapes.values())
    assert {k: (v.shape, v.dtype) for k, v in shapes.items()} == {
        k: (v.shape, v.dtype) for k, v in weights.items()
    }
