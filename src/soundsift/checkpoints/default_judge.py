"""The default model's judge on disk: a folder with its configuration and weights."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import torch

from soundsift.checkpoints.state_dict import build, finite, read_safetensors
from soundsift.checkpoints.store import WEIGHTS, read_config, save_network
from soundsift.config import DefaultJudgeConfig
from soundsift.models.default_judge import DefaultJudge


def default_folder() -> Path:
    """The folder of the judge that comes with the package."""
    return Path(str(resources.files("soundsift") / "weights" / "judge"))


def is_there() -> bool:
    """Whether the judge comes with the package."""
    return (default_folder() / WEIGHTS).is_file()


def save_default_judge(folder: Path, config: DefaultJudgeConfig, network: DefaultJudge) -> None:
    """Write a judge, each file atomically; the folder is made if missing."""
    weights = {name: weight.contiguous() for name, weight in network.state_dict().items()}
    save_network(folder, config, weights)


def load_default_judge(
    folder: Path, device: torch.device | str = "cpu"
) -> tuple[DefaultJudgeConfig, DefaultJudge]:
    """Read a judge.

    Raises:
        SoundsiftError: if a file is missing or damaged, or the two disagree.
    """
    config = read_config(folder, DefaultJudgeConfig, "a judge")
    weights = finite(read_safetensors(folder / WEIGHTS), folder)
    return config, build(DefaultJudge, weights, folder, device, torch.float32)
