"""The hearing network on disk: a folder with its configuration and weights."""

from __future__ import annotations

from functools import partial
from importlib import resources
from pathlib import Path

import torch
import yaml
from safetensors.torch import save_file

from soundsift.checkpoints.hub import read_text
from soundsift.checkpoints.int8 import from_int8
from soundsift.checkpoints.state_dict import build, finite, read_safetensors
from soundsift.checkpoints.store import CONFIG, WEIGHTS, Stored, complete_file, encode
from soundsift.config import HearingConfig
from soundsift.errors import SoundsiftError, one_line
from soundsift.models.hearing import HearingNetwork


def default_folder() -> Path:
    """The folder of the network that comes with the package."""
    return Path(str(resources.files("soundsift") / "weights" / "hearing"))


def save_hearing(folder: Path, network: HearingNetwork, stored: Stored = "float32") -> None:
    """Write a network, each file atomically; the folder is made if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    with complete_file(folder / WEIGHTS) as part:
        save_file(encode(network.state_dict(), stored), part)
    with complete_file(folder / CONFIG) as part:
        part.write_text(yaml.safe_dump(network.config.model_dump(mode="json"), sort_keys=False))


def load_hearing(folder: Path, device: torch.device | str = "cpu") -> HearingNetwork:
    """Read a network.

    Raises:
        SoundsiftError: if a file is missing or damaged, or the two disagree.
    """
    file = folder / CONFIG
    if not file.is_file() or not (folder / WEIGHTS).is_file():
        raise SoundsiftError(
            f"{folder}: not a folder of a hearing network; expected {CONFIG} and {WEIGHTS} in it."
        )
    try:
        config = HearingConfig.model_validate(yaml.safe_load(read_text(file)))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SoundsiftError(
            f"{file}: not the configuration of a hearing network: {one_line(error)}."
        ) from error
    weights = finite(from_int8(read_safetensors(folder / WEIGHTS), folder), folder)
    return build(
        partial(HearingNetwork, config), weights, folder, torch.device(device), torch.float32
    )
