import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from soundsift.checkpoints.hub import find_folder, read_config, read_weights
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
    assert list(read_weights(tmp_path, passed_over=("o",))) == ["two"]
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
