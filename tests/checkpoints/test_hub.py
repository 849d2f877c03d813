import io
import json
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from soundsift.checkpoints.hub import find_folder, map_pickle, read_config, read_weights
from soundsift.errors import SoundsiftError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Hub's cache, with google-t5/t5-base, and a model with two branches."""
    import huggingface_hub.constants

    for model, branch, commit in (
        ("google-t5--t5-base", "main", "c0"),
        ("some--model", "main", "c1"),
        ("some--model", "other", "c2"),
    ):
        folder = tmp_path / f"models--{model}"
        (folder / "refs").mkdir(parents=True, exist_ok=True)
        (folder / "refs" / branch).write_text(commit)
        (folder / "snapshots" / commit).mkdir(parents=True)
        (folder / "snapshots" / commit / "config.json").write_text("{}")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_a_model_is_found_in_the_cache(cache: Path) -> None:
    found = find_folder("t5-base", other_names=("google-t5/t5-base",))
    assert found == cache / "models--google-t5--t5-base" / "snapshots" / "c0"
    assert find_folder("some/model").name == "c1"
    assert find_folder("some/model", revision="other").name == "c2"


def test_a_folder_comes_before_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "some" / "model").mkdir(parents=True)
    monkeypatch.chdir(cache)
    assert find_folder("some/model") == Path("some/model")


@pytest.mark.parametrize("model", ["some/other", "no such/folder/at all", "/nowhere"])
def test_what_is_not_there_is_named(cache: Path, model: str) -> None:
    with pytest.raises(SoundsiftError, match=f"^{model} is neither a folder nor"):
        find_folder(model)


def test_a_file_not_fetched_is_not_there(cache: Path) -> None:
    with pytest.raises(SoundsiftError, match=r"--revision other`, once https://hugg.*some/model"):
        find_folder("some/model", "tokenizer.json", "other", gated=True)


def test_weights_in_parts(tmp_path: Path) -> None:
    parts = {"a-1.safetensors": {"one": torch.ones(2)}, "a-2.safetensors": {"two": torch.ones(3)}}
    for file, weights in parts.items():
        save_file(weights, tmp_path / file)
    index = {name: file for file, weights in parts.items() for name in weights}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    assert {k: len(v) for k, v in read_weights(tmp_path).items()} == {"one": 2, "two": 3}
    assert list(read_weights(tmp_path, skipped=("o",))) == ["two"]
    assert read_weights(tmp_path, dtype=torch.bfloat16)["two"].dtype == torch.bfloat16
    (tmp_path / "a-2.safetensors").unlink()
    with pytest.raises(SoundsiftError, match=r"a-2\.safetensors"):
        read_weights(tmp_path)


def test_a_configuration_is_an_object(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(SoundsiftError, match="holds no JSON object"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(SoundsiftError, match="not JSON, or damaged"):
        read_config(tmp_path)


def test_nothing_of_transformers_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys, soundsift\n"
        "from soundsift.checkpoints import clap, judge, modernbert, pe_a_frame, t5\n"
        "assert not {'transformers', 'huggingface_hub'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"\xff\xfe{}", "can't be read"),
        (b"null", "holds no JSON object"),
        (
            b'{"num_hidden_layers": 1000000000}',
            "num_hidden_layers is 1000000000; expected at most 1000",
        ),
        (b'{"a": {"b": [1, 100000000000]}}', "b is 100000000000; expected at most 10000000"),
        (b'{"d_model": NaN}', "d_model is nan"),
        (b'{"d_model": -Infinity}', "d_model is -inf"),
        (b'{"d_model": 1' + b"0" * 400 + b"}", "d_model is"),
        (b'{"d_model": ' + b"9" * 5000 + b"}", "not JSON, or damaged"),
        (b'{"a": "' + b"x" * 5_000_000 + b'"}', "expected at most 4194304"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_configurations_that_are_no_model(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(SoundsiftError, match=f"config.json: .*{said}") as caught:
        read_config(tmp_path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "{}",
        "[]",
        '{"weight_map": []}',
        '{"weight_map": {}}',
        '{"weight_map": {"a": 1}}',
        '{"weight_map": {"a": "../b.safetensors"}}',
        '{"weight_map": {"a": "/etc/passwd"}}',
        '{"weight_map": {"a": ""}}',
    ],
)
def test_damaged_indices(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(content)
    with pytest.raises(SoundsiftError, match=r"index\.json: "):
        read_weights(tmp_path)


class Hostile:
    """Unpickling it would run code."""

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("planted"),))


def test_pickles_run_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Hostile()}, tmp_path / "w.pt")
    with pytest.raises(SoundsiftError, match="not a file of weights, or damaged"):
        map_pickle(tmp_path / "w.pt")
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([torch.ones(2)], "holds no weights"),
        ({"a": 1}, "holds no weights"),
        ({1: torch.ones(2)}, "holds no weights"),
        ({"a": {"b": torch.ones(2)}}, "holds no weights"),
        ({"a": torch.ones(1).expand(10**12)}, "a is not a plain tensor"),
        ({"a": torch.ones(2, 2).to_sparse()}, "a is not a plain tensor"),
        ({"a": torch.empty(10**12, device="meta")}, "a is not a plain tensor"),
    ],
    ids=repr,
)
def test_pickles_that_hold_no_weights(tmp_path: Path, content: object, said: str) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(SoundsiftError, match=said):
        map_pickle(tmp_path / "w.pt")


def test_damaged_pickles(tmp_path: Path) -> None:
    """Each in one sentence: cut, with bytes changed anywhere, packed, in the old form, nothing."""
    file = tmp_path / "w.pt"
    weights = {"a": torch.arange(50.0), "b": torch.ones(3, 4)}
    torch.save(weights, file)
    whole = file.read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(packed, "w", 8) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    torch.save(weights, file, _use_new_zipfile_serialization=False)
    bad = [b"", b"PK", b"\x80\x02.", whole[:100], whole[:-30], packed.getvalue(), file.read_bytes()]
    numbers = random.Random(0)
    for _ in range(60):
        changed = bytearray(whole)
        for _ in range(3):
            changed[numbers.randrange(len(changed))] = numbers.randrange(256)
        bad.append(bytes(changed))
    refused = 0
    for content in bad:
        file.write_bytes(content)
        try:
            found = map_pickle(file)
        except SoundsiftError as error:
            refused += 1
            assert str(file) in str(error) and "\n" not in str(error)
        else:  # only values, names or shapes changed
            assert all(weight.numel() <= 50 for weight in found.values())
    assert refused >= 7
