"""The default model's judge on disk: a folder with its configuration and weights."""

from __future__ import annotations

from functools import partial
from importlib import resources
from pathlib import Path

import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor

from soundsift.checkpoints.hub import read_text
from soundsift.checkpoints.state_dict import build, finite, read_safetensors
from soundsift.checkpoints.store import CONFIG, WEIGHTS, complete_file
from soundsift.config import DefaultJudgeConfig
from soundsift.errors import SoundsiftError, one_line
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
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.contiguous() for name, weight in network.state_dict().items()}
    with complete_file(folder / WEIGHTS) as part:
        save_file(weights | {_EMBEDDED: references.contiguous()}, part)
    with complete_file(folder / CONFIG) as part:
        part.write_text(yaml.safe_dump(network.config.model_dump(mode="json"), sort_keys=False))


def load_default_judge(
    folder: Path, device: torch.device | str = "cpu"
) -> tuple[DefaultJudge, Tensor]:
    """Read a judge: its network, and the embeddings of `REFERENCES`.

    Raises:
        SoundsiftError: if a file is missing or damaged, or the two disagree.
    """
    file = folder / CONFIG
    if not file.is_file() or not (folder / WEIGHTS).is_file():
        raise SoundsiftError(
            f"{folder}: not a folder of a judge; expected {CONFIG} and {WEIGHTS} in it."
        )
    try:
        config = DefaultJudgeConfig.model_validate(yaml.safe_load(read_text(file)))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SoundsiftError(
            f"{file}: not the configuration of a judge: {one_line(error)}."
        ) from error
    weights = dict(finite(read_safetensors(folder / WEIGHTS), folder))
    if _EMBEDDED not in weights:
        raise SoundsiftError(f"{folder / WEIGHTS} has no {_EMBEDDED}. Fetch the file again.")
    references = weights.pop(_EMBEDDED).to(device)
    network = build(partial(DefaultJudge, config), weights, folder, device, torch.float32)
    return network, references
