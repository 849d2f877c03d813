"""Models in our form: rewritten, loaded, checked."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.released import RATE, TINY_TOWER, write_released

import soundsift
from soundsift.checkpoints import sam_audio
from soundsift.checkpoints.convert import Stored, convert, verify
from soundsift.errors import SoundsiftError

pytest.importorskip("transformers", reason="the released models need the extra `released`")


@pytest.fixture(scope="module", autouse=True)
def tiny_tower() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sam_audio, "_TOWERS", {"PE-Core-L14-336": TINY_TOWER})
        yield


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_released(tmp_path_factory.mktemp("released") / "sam-audio-tiny")


def converted(released: Path, folder: Path, stored: Stored) -> Path:
    convert(released, folder, stored)
    # The text encoder is no part of the model, but may lie beside it.
    shutil.copytree(released / "text_encoder", folder / "text_encoder")
    return folder


def target(folder: Path) -> np.ndarray:
    mixture = np.random.default_rng(0).standard_normal((1, 9600)).astype(np.float32) * 0.1
    separator = soundsift.load(folder, device="cpu", precision="float32")
    return separator.separate(mixture, sample_rate=RATE, text="w83", preset="draft").target


@pytest.mark.parametrize(("stored", "error"), [("float32", 0.0), ("bfloat16", 0.1), ("int8", 0.3)])
def test_the_sound_stays(released: Path, tmp_path: Path, stored: Stored, error: float) -> None:
    folder = converted(released, tmp_path / "model", stored)
    before, after = target(released), target(folder)
    assert np.linalg.norm(after - before) <= error * np.linalg.norm(before)
    checked = verify(folder)
    assert set(checked["files"]) == {
        "model.safetensors",
        "codec.safetensors",
        "vision.safetensors",
        "config.yaml",
    }
    assert checked["parameters"] == verify(released)["parameters"]


def test_smaller_types_are_smaller(released: Path, tmp_path: Path) -> None:
    sizes = []
    for stored in ("float32", "bfloat16", "int8"):
        convert(released, tmp_path / stored, stored)  # type: ignore[arg-type]
        sizes.append((tmp_path / stored / "model.safetensors").stat().st_size)
    assert sizes[0] > 1.8 * sizes[1] > 1.8 * 1.2 * sizes[2]


def test_a_converted_model_converts_again(released: Path, tmp_path: Path) -> None:
    convert(released, tmp_path / "first", "float32")
    convert(tmp_path / "first", tmp_path / "second", "float32")
    for name in ("model.safetensors", "codec.safetensors", "vision.safetensors"):
        first, second = (load_file(tmp_path / part / name) for part in ("first", "second"))
        assert all(torch.equal(first[key], second[key]) for key in first | second)


def test_nothing_is_overwritten_unasked(released: Path, tmp_path: Path) -> None:
    convert(released, tmp_path, "int8")
    with pytest.raises(SoundsiftError, match=r"model\.safetensors"):
        convert(released, tmp_path, "bfloat16")
    convert(released, tmp_path, "bfloat16", overwrite=True)
    assert json.loads((tmp_path / "manifest.json").read_text())["stored"] == "bfloat16"
    with pytest.raises(SoundsiftError, match="the model itself"):
        convert(tmp_path, tmp_path, "int8", overwrite=True)


def test_a_changed_file_is_noticed(released: Path, tmp_path: Path) -> None:
    convert(released, tmp_path, "bfloat16")
    file = tmp_path / "codec.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(SoundsiftError, match=r"codec\.safetensors.*SHA-256"):
        verify(tmp_path)
    file.unlink()
    with pytest.raises(SoundsiftError, match=r"codec\.safetensors is missing"):
        verify(tmp_path)


def test_what_no_sum_tells(released: Path, tmp_path: Path) -> None:
    """Without a manifest, names, shapes and numbers are still checked."""
    convert(released, tmp_path, "float32")
    (tmp_path / "manifest.json").unlink()
    weights = load_file(tmp_path / "model.safetensors")
    broken = weights["transformer.output.weight"].clone()
    broken[0, 0] = float("nan")
    save_file(weights | {"transformer.output.weight": broken}, tmp_path / "model.safetensors")
    with pytest.raises(SoundsiftError, match=r"transformer\.output\.weight holds NaN"):
        verify(tmp_path)
    save_file(
        weights | {"transformer.output.weight": broken[:, 1:].contiguous()},
        tmp_path / "model.safetensors",
    )
    with pytest.raises(SoundsiftError, match=r"transformer\.output\.weight is .* expected"):
        verify(tmp_path)
