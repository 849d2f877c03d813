"""Models on disk: find a model's folder, read and write its configuration and weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import torch
import yaml
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from soundsift.checkpoints.hub import find_folder
from soundsift.config import SeparatorConfig
from soundsift.errors import SoundsiftError

DEFAULT = "default"
CONFIG, WEIGHTS = "config.yaml", "model.safetensors"


def find_model(model: str | Path) -> Path:
    """The folder of a model.

    Args:
        model: `default`, which comes with the package; a folder; or the name of a released model,
            such as `facebook/sam-audio-small`, that is in the Hub's cache.

    Raises:
        SoundsiftError: if there is no such model.
    """
    if str(model) == DEFAULT:
        return Path(str(resources.files("soundsift") / "weights" / DEFAULT))
    if Path(model).expanduser().is_dir():
        return Path(model).expanduser()
    if isinstance(model, str) and model.count("/") == 1 and not model.startswith((".", "/", "~")):
        return find_folder(model, gated=model.startswith("facebook/sam-audio"))
    raise SoundsiftError(
        f"model {str(model)!r} is neither {DEFAULT!r} nor a folder nor a name on the Hub such as "
        "facebook/sam-audio-small; expected one of the three."
    )


def save_model(
    folder: Path,
    config: SeparatorConfig,
    weights: dict[str, Tensor],
    dtype: torch.dtype | None = None,
) -> None:
    """Write a model, each file atomically.

    Args:
        folder: made if missing.
        config: the model's configuration.
        weights: of its velocity field.
        dtype: matrices are stored in this type; vectors, which are small and touchy, as they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stored = {
        name: (tensor.to(dtype) if dtype and tensor.ndim >= 2 else tensor).contiguous()
        for name, tensor in weights.items()
    }
    with complete_file(folder / WEIGHTS) as part:
        save_file(stored, part)
    with complete_file(folder / CONFIG) as part:
        part.write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False))


@contextmanager
def complete_file(path: Path) -> Iterator[Path]:
    """A file that appears under its name only when it is whole."""
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        partial.chmod(0o644)  # safetensors makes it readable by its owner alone
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load_config(folder: Path) -> SeparatorConfig:
    """Read and check a model's configuration.

    Raises:
        SoundsiftError: if it is missing or wrong.
    """
    file = folder / CONFIG
    if not file.is_file():
        raise SoundsiftError(f"{folder}: not a model folder: it has no {CONFIG}.")
    try:
        return SeparatorConfig.model_validate(yaml.safe_load(file.read_text()))
    except (yaml.YAMLError, ValidationError) as error:
        raise SoundsiftError(f"{file}: not a model configuration: {error}") from error


def load_weights(folder: Path) -> dict[str, Tensor]:
    """A model's weights in float32.

    Raises:
        SoundsiftError: if the file is missing or damaged.
    """
    file = folder / WEIGHTS
    if not file.is_file():
        raise SoundsiftError(f"{folder}: not a model folder: it has no {WEIGHTS}.")
    try:
        return {name: tensor.float() for name, tensor in load_file(file).items()}
    except SafetensorError as error:
        raise SoundsiftError(f"{file}: not a safetensors file, or damaged: {error}") from error
