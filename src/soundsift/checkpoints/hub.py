"""Folders in the Hugging Face Hub's layout: find, read, and say plainly what is missing.

Nothing is downloaded here. A model is a folder of the user's, or what `hf download` has put into
the Hub's cache; weights are read without running any code that comes with them.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer
from torch import Tensor, nn

from soundsift.errors import SoundsiftError
from soundsift.optional import library

CONFIG, TOKENIZER = "config.json", "tokenizer.json"
_WEIGHTS = ("model.safetensors", "checkpoint.pt", "pytorch_model.bin")
_INDEX = "model.safetensors.index.json"


def find_folder(
    model: str | Path,
    file: str = CONFIG,
    revision: str = "main",
    gated: bool = False,
    other_names: Sequence[str] = (),
) -> Path:
    """The folder of a model.

    Args:
        model: a folder, or a name on the Hub, looked up in its cache.
        file: one of the model's files, by which it is recognised in the cache.
        revision: branch on the Hub.
        gated: whether its authors give access on request only.
        other_names: under which the Hub knows it too.

    Raises:
        SoundsiftError: if there is neither such a folder nor such a model in the cache.
    """
    if Path(model).expanduser().is_dir():
        return Path(model).expanduser()
    for name in (str(model), *other_names):
        found = _in_cache(name, file, revision)
        if found is not None:
            return found
    access = f", once https://huggingface.co/{model} has given you access" if gated else ""
    branch = "" if revision == "main" else f" --revision {revision}"
    raise SoundsiftError(
        f"{model} is neither a folder nor in the Hub's cache; fetch it with "
        f"`hf download {model}{branch}`{access}."
    )


def _in_cache(name: str, file: str, revision: str) -> Path | None:
    try:
        path = library("huggingface_hub").try_to_load_from_cache(name, file, revision=revision)
    except ValueError:  # not a name that the Hub allows
        return None
    return Path(path).parent if isinstance(path, str) else None


def read_config(folder: Path) -> dict[str, Any]:
    """A model's `config.json`.

    Raises:
        SoundsiftError: if it is missing or no JSON object.
    """
    file = folder / CONFIG
    if not file.is_file():
        raise SoundsiftError(f"{folder}: not a model's folder: it has no {CONFIG}.")
    try:
        config = json.loads(file.read_text())
    except ValueError as error:
        raise SoundsiftError(f"{file}: not JSON, or damaged: {error}.") from error
    if not isinstance(config, dict):
        raise SoundsiftError(f"{file}: holds no configuration; a JSON object was expected.")
    return config


def read_tokenizer(folder: Path, most_tokens: int = 512) -> Tokenizer:
    """A model's tokenizer, which cuts longer phrases and does not pad.

    Raises:
        SoundsiftError: if it is missing or damaged.
    """
    file = folder / TOKENIZER
    if not file.is_file():
        raise SoundsiftError(f"{folder}: has no {TOKENIZER}; fetch it from the model's page.")
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing more exact
        raise SoundsiftError(f"{file}: not a tokenizer, or damaged: {error}.") from error
    tokenizer.enable_truncation(most_tokens)
    tokenizer.no_padding()
    return tokenizer


def read_weights(
    folder: Path, passed_over: tuple[str, ...] = (), dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """A model's weights, by name.

    Args:
        folder: with `model.safetensors`, whole or in parts, `checkpoint.pt` or `pytorch_model.bin`.
        passed_over: beginnings of names that are not read.
        dtype: floating-point weights come in this type.

    Raises:
        SoundsiftError: if there are none, or they are damaged.
    """
    if (folder / _INDEX).is_file():
        parts = json.loads((folder / _INDEX).read_text())["weight_map"].values()
        files = [folder / part for part in sorted(set(parts))]
    else:
        files = [folder / name for name in _WEIGHTS if (folder / name).is_file()][:1]
    if not files:
        raise SoundsiftError(f"{folder}: has no weights; one of {', '.join(_WEIGHTS)} is needed.")
    weights: dict[str, Tensor] = {}
    for file in files:
        if file.suffix == ".safetensors":
            weights |= _read_safetensors(file, passed_over)
        else:
            weights |= {n: w for n, w in map_pickle(file).items() if not n.startswith(passed_over)}
    return {
        name: tensor.to(dtype) if tensor.is_floating_point() else tensor
        for name, tensor in weights.items()
    }


def _read_safetensors(file: Path, passed_over: tuple[str, ...]) -> dict[str, Tensor]:
    try:
        with safe_open(file, "pt") as tensors:
            names = [name for name in tensors.keys() if not name.startswith(passed_over)]  # noqa: SIM118
            return {name: tensors.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise SoundsiftError(f"{file}: not a safetensors file, or damaged: {error}.") from error


def map_pickle(file: Path) -> dict[str, Tensor]:
    """Weights of a file that `torch.save` wrote, mapped from it; no code in it is run.

    Raises:
        SoundsiftError: if it is damaged, or holds something else.
    """
    try:
        loaded = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, OSError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0]
        raise SoundsiftError(f"{file}: not a file of weights, or damaged: {reason}") from error
    if not isinstance(loaded, dict) or not all(isinstance(w, Tensor) for w in loaded.values()):
        raise SoundsiftError(f"{file}: holds no weights; tensors by name were expected.")
    return loaded


def fill(model: nn.Module, weights: Mapping[str, Tensor], source: str | Path) -> None:
    """Give a model built on the meta device its weights; names and shapes must match exactly.

    Raises:
        SoundsiftError: if they don't.
    """
    check_fit(model, weights, source)
    model.load_state_dict(weights, assign=True)


def check_fit(model: nn.Module, weights: Mapping[str, Tensor], source: str | Path) -> None:
    """Refuse weights of other names or shapes than a model's.

    Raises:
        SoundsiftError: if there are any.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    given = {name: tuple(weights[name].shape) for name in weights}
    shapes = [
        f"{name} is {given[name]}, expected {shape}"
        for name, shape in expected.items()
        if name in given and given[name] != shape
    ]
    check_names(expected.keys() - given.keys(), given.keys() - expected.keys(), shapes, source)


def check_names(
    missing: Sequence[str] | set[str],
    unknown: Sequence[str] | set[str],
    shapes: Sequence[str],
    source: str | Path,
) -> None:
    """Refuse weights that don't fit.

    Raises:
        SoundsiftError: if any of the lists has something in it.
    """
    wrong = [
        *([f"no {_some(missing)}"] if missing else []),
        *([f"{_some(unknown)}, not known"] if unknown else []),
        *([_some(shapes)] if shapes else []),
    ]
    if wrong:
        raise SoundsiftError(f"{source}: weights and configuration disagree: {'; '.join(wrong)}.")


def _some(names: Sequence[str] | set[str]) -> str:
    shown = sorted(names)[:3]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
