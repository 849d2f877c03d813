"""The default model's judge on disk: a folder with its configuration and weights."""

from __future__ import annotations

from functools import partial
from importlib import resources
from pathlib import Path

import torch
from torch import Tensor

from soundsift.checkpoints.state_dict import build, finite, read_safetensors
from soundsift.checkpoints.store import WEIGHTS, read_config, save_network
from soundsift.config import DefaultJudgeConfig
from soundsift.errors import SoundsiftError
from soundsift.models.default_judge import DefaultJudge

#: Sounds that a phrase is compared with.
REFERENCES = (
    "a person speaking", "singing", "music", "guitar", "piano", "violin", "drums", "trumpet",
    "an animal", "a bird", "a dog barking", "water", "wind", "rain", "an engine", "a car", "a bell",
    "an alarm", "a door", "footsteps", "an explosion", "a gunshot", "glass", "metal", "applause",
    "a machine", "a click", "background noise", "electronic beep", "a crowd",
)  # fmt: skip

_EMBEDDED = "references"


def default_folder() -> Path:
    """The folder of the judge that comes with the package."""
    return Path(str(resources.files("soundsift") / "weights" / "judge"))


def is_there() -> bool:
    """Whether the judge comes with the package."""
    return (default_folder() / WEIGHTS).is_file()


def save_default_judge(folder: Path, network: DefaultJudge, references: Tensor) -> None:
    """Write a judge, each file atomically; the folder is made if missing.

    Args:
        folder: where to.
        network: its network.
        references: `(R, dim)`, the hearing network's embeddings of `REFERENCES`.
    """
    weights = {name: weight.contiguous() for name, weight in network.state_dict().items()}
    save_network(folder, network.config, weights | {_EMBEDDED: references.contiguous()})


def load_default_judge(
    folder: Path, device: torch.device | str = "cpu"
) -> tuple[DefaultJudge, Tensor]:
    """Read a judge: its network, and the embeddings of `REFERENCES`.

    Raises:
        SoundsiftError: if a file is missing or damaged, or the two disagree.
    """
    config = read_config(folder, DefaultJudgeConfig, "a judge")
    weights = dict(finite(read_safetensors(folder / WEIGHTS), folder))
    if _EMBEDDED not in weights:
        raise SoundsiftError(f"{folder / WEIGHTS} has no {_EMBEDDED}. Fetch the file again.")
    references = weights.pop(_EMBEDDED).to(device)
    network = build(partial(DefaultJudge, config), weights, folder, device, torch.float32)
    return network, references
