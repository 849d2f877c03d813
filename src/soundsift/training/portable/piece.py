"""One piece of a portable run, on the other machine."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from soundsift.checkpoints.store import load_weights, save_in_parts
from soundsift.data.packing import SHARD_ENDING
from soundsift.data.procedural import render as procedural
from soundsift.errors import SoundsiftError
from soundsift.training.config import TrainingConfig, read_yaml, validated

RECIPE, START, TEXT = "recipe.yaml", "start", "text"
#: The most that a file of weights takes, in MB.
FILE_MEGABYTES = 16.0
#: Trained at least, however long the start takes.
_LEAST_MINUTES = 0.1


def main(home: Path, began: float, arguments: Sequence[str] | None = None) -> None:
    """Train for some minutes, from the last checkpoint if there is one.

    Args:
        home: what `soundsift.training.portable.pack` wrote as the first part; the others lie beside
            it.
        began: `time.monotonic()` when this process started.
        arguments: of the command line; those of this process if None.
    """
    parser = argparse.ArgumentParser(description="Train for a while; the same command continues.")
    parser.add_argument("--minutes", type=float, help="stop after so many, the start included")
    parser.add_argument("--until", type=int, help="stop after this step")
    parser.add_argument("--run", type=Path, default=home.parent / "run", help="folder of the run")
    parser.add_argument("--out", type=Path, help="folder for weights and curves to take home")
    parser.add_argument("--steps", type=int, help="steps of the whole run, if not the recipe's")
    parser.add_argument("--device", help="where to train, if not where the recipe says")
    parser.add_argument("--workers", type=int, help="processes that draw scenes, likewise")
    parser.add_argument(
        "--variants", type=int, default=procedural.VARIANTS, help="clips of a generator of sound"
    )
    given = parser.parse_args(arguments)
    try:
        config = read_recipe(home, given.run, given.steps, given.device, given.workers)
        clips = gather_bank(home, config.bank, given.variants)
        print(f"{clips} clips after {time.monotonic() - began:.0f} s", flush=True)

        from soundsift.training.trainer import train

        used = (time.monotonic() - began) / 60
        left = None if given.minutes is None else max(_LEAST_MINUTES, given.minutes - used)
        train(config, given.until, left)
        if given.out is not None:
            take_home(config, given.out)
    except SoundsiftError as error:
        raise SystemExit(f"Error: {error}") from error
    print(f"done after {time.monotonic() - began:.0f} s", flush=True)


def read_recipe(
    home: Path,
    run: Path,
    steps: int | None = None,
    device: str | None = None,
    workers: int | None = None,
) -> TrainingConfig:
    """The packed recipe, with its folders on this machine.

    Raises:
        SoundsiftError: if it is missing or damaged.
    """
    file = home / RECIPE
    changes: dict[str, Any] = {"steps": steps, "device": device, "workers": workers}
    values = read_yaml(file) | {name: value for name, value in changes.items() if value is not None}
    values |= {"bank": run / "bank", "run": run, "packed_text": home / TEXT}
    if (home / START).is_dir():
        values["start_from"] = home / START
    # PyTorch's generated code is compiled by the machine's own compiler.
    if not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
        print("There is no C++ compiler: blocks are not compiled, and training is slower.")
        values["compile"] = False
    return validated(file, values, TrainingConfig)


def gather_bank(home: Path, bank: Path, variants: int) -> int:
    """Make a bank of the shards that are there, and generate procedural sound.

    Args:
        home: the first part; shards of the others are found beside it.
        bank: folder of the bank, made if missing.
        variants: clips of each generator; more are not generated where there are some.

    Returns:
        The number of its clips.
    """
    (bank / "clips").mkdir(parents=True, exist_ok=True)
    shards = {}
    for shard in sorted(home.parent.glob(f"part-*/clips/*{SHARD_ENDING}")):
        shards[shard.name] = link = bank / "clips" / shard.name
        link.unlink(missing_ok=True)
        link.symlink_to(shard.resolve())
    shutil.copyfile(home / "concepts.json", bank / "concepts.json")
    if variants:
        procedural.render_all(bank, os.cpu_count() or 1, variants)
    with (home / "manifest.jsonl").open() as lines:
        entries = [e for line in lines if (e := json.loads(line))["shard"] in shards]
    entries += _generated(bank)
    partial = bank / "manifest.jsonl.partial"
    partial.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    partial.replace(bank / "manifest.jsonl")
    return len(entries)


def take_home(config: TrainingConfig, out: Path) -> None:
    """Write a run's averaged weights in files of limited size, and its curves."""
    out.mkdir(parents=True, exist_ok=True)
    weights = load_weights(config.run / "model")
    save_in_parts(out / "weights", config.model, weights, "int8", FILE_MEGABYTES)
    for name in ("metrics.jsonl", "metrics.png"):
        if (config.run / name).exists():
            shutil.copyfile(config.run / name, out / name)


def _generated(bank: Path) -> Iterator[dict[str, Any]]:
    """Lines of the manifest for procedural sound, as `soundsift.data.manifest` writes them."""
    index = bank / "clips" / f"{procedural.SOURCE}.rendered.json"
    kept = ("path", "licence", "concept", "shard", "offset", "samples", "seconds", "level_db")
    for entry in json.loads(index.read_text()) if index.exists() else []:
        own = {"split": "train", "speaker": f"{procedural.SOURCE}:{entry['path']}", "author": ""}
        yield {"source": procedural.SOURCE} | own | {name: entry[name] for name in kept}
