"""Models in the Hugging Face Hub's layout: find them in its cache, and read their files.

Nothing is downloaded here. A model is a folder of the user's, or what `hf download` has put into
the Hub's cache. Files are not trusted: weights are read without running any code in them, and what
is read into memory has a limit.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from soundsift.checkpoints.state_dict import load_safetensors
from soundsift.errors import SoundsiftError, one_line
from soundsift.optional import library

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CONFIG, TOKENIZER = "config.json", "tokenizer.json"
_WEIGHTS = ("model.safetensors", "checkpoint.pt", "pytorch_model.bin")
_INDEX = "model.safetensors.index.json"

# Limits, all of them far above what the supported models need.
_TEXT_BYTES, _TOKENIZER_BYTES, _PICKLE_BYTES = 4 * 2**20, 64 * 2**20, 64 * 2**20
_LARGEST_SIZE, _MOST_LAYERS = 10_000_000, 1_000
_LAYERS = ("depths", "layers", "n_layers", "num_decoder_layers", "num_hidden_layers", "num_layers")


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
        found = in_cache(name, file, revision)
        if found is not None:
            return found
    access = f", once https://huggingface.co/{model} has given you access" if gated else ""
    branch = "" if revision == "main" else f" --revision {revision}"
    raise SoundsiftError(
        f"{model} is neither a folder nor in the Hub's cache; fetch it with "
        f"`hf download {model}{branch}`{access}."
    )


def in_cache(name: str, file: str, revision: str = "main") -> Path | None:
    """The folder of a model in the Hub's cache; None if it is not there.

    Args:
        name: on the Hub.
        file: one of the model's files.
        revision: branch on the Hub.

    Raises:
        SoundsiftError: the Hub's library is not installed.
    """
    try:
        path = library("huggingface_hub").try_to_load_from_cache(name, file, revision=revision)
    except ValueError:  # not a name that the Hub allows
        return None
    return Path(path).parent if isinstance(path, str) else None


def read_config(folder: Path) -> dict[str, Any]:
    """A model's `config.json`.

    Raises:
        SoundsiftError: if it is missing, no JSON object, or holds sizes that no model has.
    """
    file = folder / CONFIG
    if not file.is_file():
        raise SoundsiftError(f"{folder}: not a model's folder: it has no {CONFIG}.")
    config = read_json(file)
    _check_sizes(config, file)
    return config


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object from a file of at most 4 MiB.

    Raises:
        SoundsiftError: if it can't be read, is larger, or holds something else.
    """
    try:
        parsed = json.loads(read_text(file))
    except RecursionError as error:
        raise SoundsiftError(f"{file}: nested too deeply to be read.") from error
    except ValueError as error:
        raise SoundsiftError(f"{file}: not JSON, or damaged: {one_line(error)}.") from error
    if not isinstance(parsed, dict):
        raise SoundsiftError(f"{file}: holds no JSON object.")
    return parsed


def read_text(file: Path) -> str:
    """The text of a file of at most 4 MiB.

    Raises:
        SoundsiftError: if it can't be read, is larger, or is not UTF-8.
    """
    _check_length(file, _TEXT_BYTES)
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SoundsiftError(f"{file}: can't be read: {one_line(error)}.") from error


def _check_length(file: Path, most: int) -> None:
    """Refuse a file that is larger than any of its kind, before it is read into memory."""
    try:
        length = file.stat().st_size
    except OSError as error:
        raise SoundsiftError(f"{file}: can't be read: {one_line(error)}.") from error
    if length > most:
        raise SoundsiftError(
            f"{file}: has {length} bytes; expected at most {most} in a file of this kind."
        )


def _check_sizes(config: object, file: Path, key: str = "") -> None:
    """Refuse sizes that no model has, from which a library would build a network for hours."""
    if isinstance(config, dict):
        for name, value in config.items():
            _check_sizes(value, file, str(name))
    elif isinstance(config, list):
        for value in config:
            _check_sizes(value, file, key)
    elif isinstance(config, int | float) and not isinstance(config, bool):
        most = _MOST_LAYERS if key in _LAYERS else _LARGEST_SIZE
        if not -most <= config <= most:  # NaN is refused, too
            raise SoundsiftError(f"{file}: {key} is {str(config)[:20]}; expected at most {most}.")


def read_tokenizer(folder: Path, most_tokens: int = 512) -> Tokenizer:
    """A model's tokenizer, which cuts longer phrases and does not pad.

    Raises:
        SoundsiftError: if it is missing or damaged.
    """
    file = folder / TOKENIZER
    if not file.is_file():
        raise SoundsiftError(f"{folder}: has no {TOKENIZER}; fetch it from the model's page.")
    from tokenizers import Tokenizer  # not needed by those who train on packed phrases

    _check_length(file, _TOKENIZER_BYTES)
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing more exact
        raise SoundsiftError(f"{file}: not a tokenizer, or damaged: {one_line(error)}.") from error
    tokenizer.enable_truncation(most_tokens)
    tokenizer.no_padding()
    return tokenizer


def read_weights(
    folder: Path,
    skipped: tuple[str, ...] = (),
    dtype: torch.dtype = torch.float32,
    only: tuple[str, ...] = ("",),
) -> dict[str, Tensor]:
    """A model's weights, by name.

    Args:
        folder: with `model.safetensors`, whole or in parts, `checkpoint.pt` or `pytorch_model.bin`.
        skipped: prefixes of names that are not read.
        dtype: floating-point weights come in this type.
        only: prefixes of names that are read.

    Raises:
        SoundsiftError: if there are none, or they are damaged.
    """
    if (folder / _INDEX).is_file():
        files = _indexed_files(folder)
    else:
        files = [folder / name for name in _WEIGHTS if (folder / name).is_file()][:1]
    if not files:
        raise SoundsiftError(f"{folder}: has no weights; one of {', '.join(_WEIGHTS)} is needed.")
    weights: dict[str, Tensor] = {}
    for file in files:
        if file.suffix == ".safetensors":
            weights |= load_safetensors(file, skipped, only)
        else:
            mapped = map_pickle(file).items()
            weights |= {n: w for n, w in mapped if n.startswith(only) and not n.startswith(skipped)}
    return {
        name: tensor.to(dtype) if tensor.is_floating_point() else tensor
        for name, tensor in weights.items()
    }


def _indexed_files(folder: Path) -> list[Path]:
    """The parts of a model whose weights lie in several files."""
    weight_map = read_json(folder / _INDEX).get("weight_map")
    names = list(weight_map.values()) if isinstance(weight_map, dict) else []
    if not names or not all(
        isinstance(name, str) and name and Path(name).name == name for name in names
    ):
        raise SoundsiftError(
            f"{folder / _INDEX}: damaged: weight_map must give the name of a file beside it for "
            "every weight."
        )
    return [folder / name for name in sorted(set(names))]


def map_pickle(file: Path) -> dict[str, Tensor]:
    """Weights of a file that `torch.save` wrote, mapped from it; no code in it is run.

    Raises:
        SoundsiftError: if it is damaged, or holds something else.
    """
    try:
        _check_archive(file)
        loaded = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except SoundsiftError:
        raise
    except Exception as error:  # a damaged pickle raises nearly anything
        raise SoundsiftError(
            f"{file}: not a file of weights, or damaged: {one_line(error)}"
        ) from error
    if not isinstance(loaded, dict) or not all(
        isinstance(name, str) and isinstance(weight, Tensor) for name, weight in loaded.items()
    ):
        raise SoundsiftError(f"{file}: holds no weights. Use a file of tensors by name.")
    for name, weight in loaded.items():
        if not _is_plain(weight):
            raise SoundsiftError(f"{file}: {name} is not a plain tensor with values of its own.")
    return loaded


def _check_archive(file: Path) -> None:
    """Refuse archives whose records would be unpacked to any size while they are read."""
    with zipfile.ZipFile(file) as archive:
        for record in archive.infolist():
            packed = record.compress_type != zipfile.ZIP_STORED
            pickled = record.filename.endswith(".pkl")
            if packed or (pickled and record.file_size > _PICKLE_BYTES):
                raise SoundsiftError(
                    f"{file}: {record.filename} is compressed or too large; expected a file as "
                    "torch.save writes it."
                )


def _is_plain(weight: Tensor) -> bool:
    """Whether a tensor is dense, on the CPU, and no larger than the memory behind it."""
    if weight.layout != torch.strided or weight.device.type != "cpu" or weight.is_quantized:
        return False
    return weight.numel() * weight.element_size() <= weight.untyped_storage().nbytes()
