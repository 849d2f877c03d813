"""Models on disk: find a model's folder, read and write its configuration and weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Literal, TypeVar

import torch
import yaml
from pydantic import BaseModel
from safetensors.torch import save_file
from torch import Tensor

from soundsift.cache import partial_path, replace_durably
from soundsift.checkpoints.hub import find_folder, in_cache, read_text
from soundsift.checkpoints.int8 import from_int8, to_int8
from soundsift.checkpoints.state_dict import LazyStateDict, finite, read_safetensors
from soundsift.config import SeparatorConfig
from soundsift.errors import SoundsiftError, one_line

DEFAULT = "default"
CONFIG, WEIGHTS = "config.yaml", "model.safetensors"
#: Weights in several files, numbered from 1.
_PART, _PARTS = "model-{:05}-of-{:05}.safetensors", "model-[0-9]*-of-[0-9]*.safetensors"

_Config = TypeVar("_Config", bound=BaseModel)

#: What a file says of each weight, about.
_HEADER_BYTES = 200

Stored = Literal["float32", "bfloat16", "int8"]
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.bfloat16}


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
        if own := in_cache(model, CONFIG):
            return own
        return find_folder(model, gated=model.startswith("facebook/sam-audio"))
    raise SoundsiftError(
        f"model {str(model)!r} is neither {DEFAULT!r} nor a folder nor a name on the Hub such as "
        "facebook/sam-audio-small; expected one of the three."
    )


def save_model(
    folder: Path,
    config: SeparatorConfig,
    weights: Mapping[str, Tensor],
    stored: Stored = "float32",
) -> None:
    """Write a model, each file atomically.

    Args:
        folder: made if missing.
        config: the model's configuration.
        weights: weights of its velocity field.
        stored: see `encode`.
    """
    save_network(folder, config, encode(weights, stored))


def save_in_parts(
    folder: Path,
    config: SeparatorConfig,
    weights: Mapping[str, Tensor],
    stored: Stored,
    megabytes: float,
) -> None:
    """Write a model for `load_weights` in files of limited size, instead of what was there.

    Args:
        folder: made if missing.
        config: the model's configuration.
        weights: weights of its velocity field.
        stored: see `encode`.
        megabytes: the most that a file takes; none of the weights may take more.
    """
    parts: list[dict[str, Tensor]] = []
    left = 0.0
    for name, tensor in encode(weights, stored).items():
        size = tensor.nbytes + _HEADER_BYTES
        if size > left:
            parts.append({})
            left = megabytes * 1e6
        parts[-1][name] = tensor
        left -= size
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(_PARTS):
        old.unlink()
    for number, part in enumerate(parts, 1):
        with complete_file(folder / _PART.format(number, len(parts))) as file:
            save_file(part, file)
    _write_config(folder, config)


def encode(weights: Mapping[str, Tensor], stored: Stored) -> dict[str, Tensor]:
    """Weights in the types in which a file holds them.

    Args:
        weights: read one at a time, since all of them in float32 may not fit into memory.
        stored: type of matrices. With int8, those that `soundsift.checkpoints.int8` does not round
            are bfloat16. Vectors, which are small and sensitive, are float32 always.
    """
    encoded: dict[str, Tensor] = {}
    for name in weights:
        parts = {name: weights[name]}
        for part, tensor in (to_int8(parts) if stored == "int8" else parts).items():
            if tensor.dtype != torch.int8:
                tensor = tensor.to(_DTYPES[stored]) if tensor.ndim >= 2 else tensor.float()
            encoded[part] = tensor.contiguous()
    return encoded


@contextmanager
def complete_file(path: Path) -> Iterator[Path]:
    """A file that appears under its name only when it is whole."""
    # A name that cannot be foreseen: in a prepared folder, it could be a link to another file.
    partial = partial_path(path)
    try:
        yield partial
        partial.chmod(0o644)  # safetensors makes it readable by its owner alone
        replace_durably(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def read_config(folder: Path, kind: type[_Config], network: str) -> _Config:
    """Read and check the configuration of a network that has a folder of its own.

    Args:
        folder: the network's folder.
        kind: its configuration.
        network: what it is, for messages: "a judge".

    Raises:
        SoundsiftError: if a file is missing, or the configuration is wrong.
    """
    file = folder / CONFIG
    if not file.is_file() or not (folder / WEIGHTS).is_file():
        raise SoundsiftError(
            f"{folder}: not a folder of {network}; expected {CONFIG} and {WEIGHTS} in it."
        )
    try:
        return kind.model_validate(yaml.safe_load(read_text(file)))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SoundsiftError(
            f"{file}: not the configuration of {network}: {one_line(error)}."
        ) from error


def save_network(folder: Path, config: BaseModel, weights: Mapping[str, Tensor]) -> None:
    """Write a configuration and weights as they are, each file atomically.

    Args:
        folder: made if missing.
        config: the configuration.
        weights: contiguous tensors.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with complete_file(folder / WEIGHTS) as part:
        save_file(dict(weights), part)
    _write_config(folder, config)


def _write_config(folder: Path, config: BaseModel) -> None:
    with complete_file(folder / CONFIG) as part:
        part.write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False))


def load_config(folder: Path) -> SeparatorConfig:
    """Read and check a model's configuration.

    Raises:
        SoundsiftError: if it is missing or wrong.
    """
    file = folder / CONFIG
    if not file.is_file():
        raise SoundsiftError(f"{folder}: not a model folder: it has no {CONFIG}.")
    try:
        return SeparatorConfig.model_validate(yaml.safe_load(read_text(file)))
    except RecursionError as error:
        raise SoundsiftError(f"{file}: nested too deeply to be read.") from error
    except (yaml.YAMLError, ValueError) as error:
        raise SoundsiftError(f"{file}: not a model configuration: {one_line(error)}.") from error


def load_weights(folder: Path) -> dict[str, Tensor]:
    """A model's weights in float32, dequantised where they are stored in eight bits.

    Raises:
        SoundsiftError: if the file, or a part of it, is missing or damaged.
    """
    files = [folder / WEIGHTS] if (folder / WEIGHTS).is_file() else sorted(folder.glob(_PARTS))
    if not files:
        raise SoundsiftError(f"{folder}: not a model folder: it has no {WEIGHTS}.")
    if files[0].name != WEIGHTS and len(files) != (all_ := int(files[0].stem.split("-")[-1])):
        raise SoundsiftError(
            f"{folder}: {len(files)} of {all_} files of weights are there. Copy the others."
        )
    readers = {name: get for f in files for name, get in read_safetensors(f).readers.items()}
    weights = finite(from_int8(LazyStateDict(readers), folder), folder)
    return {name: weights[name].float() for name in weights}
