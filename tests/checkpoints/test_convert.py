"""Models in our form: rewritten, loaded, checked."""

import json
import weakref
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tests.released import RATE, TINY_VISION, write_released

import soundsift
from soundsift.checkpoints import pe_vision
from soundsift.checkpoints.convert import convert, verify
from soundsift.checkpoints.load import open_model
from soundsift.checkpoints.state_dict import LazyStateDict
from soundsift.checkpoints.store import Stored, encode
from soundsift.errors import SoundsiftError

pytest.importorskip("transformers", reason="the released models need the extra `released`")


@pytest.fixture(scope="module", autouse=True)
def tiny_vision() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pe_vision, "CONFIGS", {"PE-Core-L14-336": TINY_VISION})
        yield


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_released(tmp_path_factory.mktemp("released") / "sam-audio-tiny")


def converted(released: Path, folder: Path, stored: Stored) -> Path:
    convert(released, folder, stored)
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
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "text_encoder/tokenizer.json",
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


def test_a_changed_text_encoder_is_noticed(released: Path, tmp_path: Path) -> None:
    convert(released, tmp_path, "int8")
    (tmp_path / "text_encoder" / "tokenizer.json").write_text("{}")
    with pytest.raises(SoundsiftError, match=r"tokenizer\.json: not the file"):
        verify(tmp_path)


def test_another_text_encoder_is_in_the_way(released: Path, tmp_path: Path) -> None:
    convert(released, tmp_path, "int8")
    (tmp_path / "text_encoder" / "spiece.model").write_text("")
    with pytest.raises(SoundsiftError, match=r"spiece\.model is of another model's"):
        convert(released, tmp_path, "int8", overwrite=True)


def test_a_scale_that_is_missing(released: Path, tmp_path: Path) -> None:
    convert(released, tmp_path, "int8")
    (tmp_path / "manifest.json").unlink()
    file = tmp_path / "model.safetensors"
    weights = load_file(file)
    name = next(name for name in weights if name.endswith("_scale"))
    save_file({k: v for k, v in weights.items() if k != name}, file)
    for use in (verify, lambda folder: soundsift.load(folder, device="cpu")):
        with pytest.raises(SoundsiftError, match=f"{name}; there is none"):
            use(tmp_path)


def test_a_weight_that_is_missing(released: Path, tmp_path: Path) -> None:
    convert(released, tmp_path, "float32")
    (tmp_path / "manifest.json").unlink()
    file = tmp_path / "model.safetensors"
    weights = load_file(file)
    del weights["transformer.output.weight"]
    save_file(weights, file)
    with pytest.raises(SoundsiftError, match=r"disagree: no transformer\.output\.weight\."):
        soundsift.load(tmp_path, device="cpu")


def test_a_full_disk(released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(weights: dict[str, torch.Tensor], path: Path) -> None:
        path.write_bytes(b"half")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("soundsift.checkpoints.convert.save_file", save)
    with pytest.raises(SoundsiftError, match=r"can't be written \(I/O error: No space left"):
        convert(released, tmp_path / "new", "int8")
    assert not list((tmp_path / "new").iterdir())


@pytest.mark.parametrize("form", ["released", "ours"])
def test_shapes_without_numbers(released: Path, tmp_path: Path, form: str) -> None:
    folder = released if form == "released" else converted(released, tmp_path / "m", "int8")
    read, shapes = open_model(folder), open_model(folder, shapes_only=True)
    assert read.vision_encoder is not None and shapes.vision_encoder is not None
    for full, bare in (
        (read.field, shapes.field),
        (read.codec, shapes.codec),
        (read.vision_encoder, shapes.vision_encoder),
    ):
        assert {k: v.shape for k, v in full.items()} == {k: v.shape for k, v in bare.items()}
        assert all(tensor.is_meta for tensor in bare.values())


def test_encoding_reads_one_matrix_at_a_time(released: Path) -> None:
    held: list[weakref.ref[torch.Tensor]] = []
    field = open_model(released).field

    def read(name: str) -> torch.Tensor:
        matrices = [reference() for reference in held]
        assert sum(weight is not None and weight.ndim > 1 for weight in matrices) <= 1
        weight = field[name].clone()
        held.append(weakref.ref(weight))
        return weight

    encode(LazyStateDict({name: partial(read, name) for name in field}), "bfloat16")
    assert len(held) == len(field) > 10
