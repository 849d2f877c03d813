"""`soundsift info`: versions, devices, the default model, presets and optional packages."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

from soundsift.cli.console import say
from soundsift.cli.options import Json
from soundsift.cli.requirements import REMEDIES, packages, programs
from soundsift.errors import SoundsiftError
from soundsift.presets import PRESET_NAMES, describe_preset

EXAMPLES = """Examples:

\b
soundsift info
soundsift info --json
"""


def info(json_line: Json = False) -> None:
    """Show versions, devices, the model, presets, and missing packages."""
    facts = gather()
    if json_line:
        say(json.dumps(facts))
    else:
        for line in lines(facts):
            say(line)


def gather() -> dict[str, Any]:
    """The content of `info`, as data."""
    import torch

    from soundsift.devices import bfloat16_pays, pick_device
    from soundsift.version import __version__

    device = pick_device()
    return {
        "soundsift": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "torch": str(torch.__version__),
        "devices": _devices(),
        "device": str(device),
        "bfloat16": bfloat16_pays(device),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "model": default_model(),
        "presets": {name: describe_preset(name) for name in PRESET_NAMES},
        "packages": packages(),
        "programs": programs(),
    }


def default_model() -> dict[str, Any]:
    """The default model's name, folder, parameters and bytes, or the reason why it is unusable."""
    from soundsift.checkpoints.store import DEFAULT, WEIGHTS, find_model, load_config

    folder = find_model(DEFAULT)
    try:
        name = load_config(folder).name
        return {
            "name": name,
            "folder": str(folder),
            "parameters": _count_parameters(folder / WEIGHTS),
            "bytes": (folder / WEIGHTS).stat().st_size,
        }
    except SoundsiftError as error:
        return {"name": None, "folder": str(folder), "missing": str(error)}


def lines(facts: dict[str, Any]) -> list[str]:
    """The content of `info` as aligned lines."""
    model = facts["model"]
    if model["name"] is None:
        described = f"missing: {model['missing']}"
    else:
        size = f"{model['parameters'] / 1e6:.1f} million parameters, {model['bytes'] / 1e6:.1f} MB"
        described = f"{model['name']}, {size}, in {model['folder']}"
    others = [device for device in facts["devices"] if device != facts["device"]]
    device = facts["device"] + (" with bfloat16" if facts["bfloat16"] else "")
    rows = {
        "soundsift": f"{facts['soundsift']}, Python {facts['python']}, {facts['system']}",
        "torch": facts["torch"],
        "device": device + (f" (also available: {', '.join(others)})" if others else ""),
        "threads": f"{facts['threads']} of {facts['processors']} processors",
        "model": described,
        **{f"preset {name}": text for name, text in facts["presets"].items()},
        "data": _state(facts, "train", "data"),
        "train": _state(facts, "train"),
        "bench": _state(facts, "bench"),
    }
    width = max(map(len, rows))
    return [f"{name:{width}}  {text}" for name, text in rows.items()]


def _state(facts: dict[str, Any], *kinds: str) -> str:
    """Missing packages and programs with their remedy, then the installed ones."""
    missing, there = [], []
    for kind in kinds:
        versions = facts["packages"][kind]
        lacking = [name for name, version in versions.items() if version is None]
        if lacking:
            missing.append(f"missing: {', '.join(lacking)} ({REMEDIES[kind]})")
        there += [f"{name} {version}" for name, version in versions.items() if version]
    lacking = [name for name, present in facts["programs"].items() if not present]
    if lacking and "data" in kinds:
        missing.append(f"missing: {', '.join(lacking)} (on Debian and Ubuntu)")
    return "; ".join([*missing, ", ".join(there)] if there else missing)


def _devices() -> list[str]:
    import torch

    cuda = [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return [*cuda, *mps, "cpu"]


def _count_parameters(weights: Path) -> int:
    """Number of parameters, from the file's header."""
    from math import prod

    from safetensors import SafetensorError, safe_open

    if not weights.is_file():
        raise SoundsiftError(f"{weights.parent} has no {weights.name}.")
    try:
        with safe_open(weights, "numpy") as file:
            return sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    except SafetensorError as error:
        raise SoundsiftError(f"{weights} is damaged: {error}.") from error
