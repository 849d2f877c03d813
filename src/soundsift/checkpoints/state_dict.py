"""Lazy state dicts: weights by name, each read, renamed or computed when it is asked for.

A model's file may be larger than the memory. So everything between a file and a module is a
`LazyStateDict`: reading (`read_safetensors`), renaming (`renamed`), dequantising
(`soundsift.checkpoints.int8`) and folding (`soundsift.checkpoints.dac_vae`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from soundsift.errors import SoundsiftError, one_line

#: Regular expressions of released names, each with our name; the first that matches counts.
Renames = tuple[tuple[str, str], ...]

Module = TypeVar("Module", bound=nn.Module)
Read = TypeVar("Read")


class LazyStateDict(Mapping[str, Tensor]):
    """A state dict whose weights are made when they are asked for, and not kept.

    Args:
        readers: for each name, a function that returns the weight.
    """

    def __init__(self, readers: Mapping[str, Callable[[], Tensor]]) -> None:
        self.readers = dict(readers)

    def __getitem__(self, name: str) -> Tensor:
        return self.readers[name]()

    def __contains__(self, name: object) -> bool:  # the mixin's would read the weight
        return name in self.readers

    def __iter__(self) -> Iterator[str]:
        return iter(self.readers)

    def __len__(self) -> int:
        return len(self.readers)


def reader(state_dict: Mapping[str, Tensor], name: str) -> Callable[[], Tensor]:
    """A function that reads one weight of a state dict."""
    return partial(state_dict.__getitem__, name)


def read_safetensors(path: Path) -> LazyStateDict:
    """The weights of a safetensors file, each mapped into memory while it is held.

    For weights that are let go once they are used: each that is held maps the whole file.

    Args:
        path: the file; only its header is read at once.

    Raises:
        SoundsiftError: if it is missing or damaged; also when a weight cannot be read.
    """
    names = _read_file(path, lambda file: list(file.keys()))
    return LazyStateDict({name: partial(_read_tensor, path, name) for name in names})


def load_safetensors(
    path: Path, skipped: tuple[str, ...] = (), only: tuple[str, ...] = ("",)
) -> dict[str, Tensor]:
    """The weights of a safetensors file that are to be held, mapped together.

    Args:
        path: the file.
        skipped: prefixes of names that are not read.
        only: prefixes of names that are read.

    Raises:
        SoundsiftError: if it is missing or damaged.
    """
    return _read_file(
        path,
        lambda file: {
            name: file.get_tensor(name)
            for name in file.keys()  # noqa: SIM118
            if name.startswith(only) and not name.startswith(skipped)
        },
    )


def read_shapes(path: Path) -> dict[str, Tensor]:
    """The weights of a safetensors file on the meta device, that is without their values.

    Args:
        path: the file; only its header is read.

    Returns:
        By name; int8 keeps its type, every other type comes as float32.

    Raises:
        SoundsiftError: if it is missing or damaged.
    """
    slices = _read_file(path, lambda file: {name: file.get_slice(name) for name in file.keys()})  # noqa: SIM118
    return {
        name: torch.empty(
            found.get_shape(),
            dtype=torch.int8 if found.get_dtype() == "I8" else torch.float32,
            device="meta",
        )
        for name, found in slices.items()
    }


def _read_file(path: Path, read: Callable[[Any], Read]) -> Read:
    try:
        with safe_open(path, "pt") as file:
            return read(file)
    except FileNotFoundError:
        raise SoundsiftError(f"{path}: no such file; expected weights.") from None
    except (SafetensorError, OSError, RuntimeError) as error:
        raise SoundsiftError(
            f"{path}: not a safetensors file, or damaged: {one_line(error)}."
        ) from error


def _read_tensor(path: Path, name: str) -> Tensor:
    # Opened anew for each weight: a mapping is released as a whole, and until then everything read
    # through it counts as memory in use.
    try:
        with safe_open(path, "pt") as file:
            tensor: Tensor = file.get_tensor(name)
    except (SafetensorError, OSError, RuntimeError) as error:
        raise SoundsiftError(f"{path}: {name} can't be read: {one_line(error)}.") from error
    return tensor


def finite(state_dict: Mapping[str, Tensor], source: str | Path) -> LazyStateDict:
    """A state dict that raises `SoundsiftError` when a weight with NaN or infinity is read.

    Args:
        state_dict: the weights.
        source: where they come from, for the message.
    """
    return LazyStateDict(
        {name: partial(_read_finite, state_dict, name, source) for name in state_dict}
    )


def _read_finite(state_dict: Mapping[str, Tensor], name: str, source: str | Path) -> Tensor:
    weight = state_dict[name]
    if not weight.is_floating_point() or weight.numel() == 0 or weight.is_meta:
        return weight
    # NaN and infinity survive both reductions; nothing of the weight's size is allocated.
    if not all(bool(extreme.isfinite()) for extreme in weight.aminmax()):
        raise SoundsiftError(
            f"{source}: {name} holds NaN or infinite values: damaged. Fetch or convert the "
            "model again."
        )
    return weight


def select(state_dict: Mapping[str, Tensor], prefix: str) -> LazyStateDict:
    """The weights whose names begin with a prefix, under their names without it."""
    return LazyStateDict(
        {
            name.removeprefix(prefix): reader(state_dict, name)
            for name in state_dict
            if name.startswith(prefix)
        }
    )


def renamed(state_dict: Mapping[str, Tensor], renames: Renames, model: str) -> LazyStateDict:
    """A state dict under our names.

    Args:
        state_dict: weights under released names.
        renames: the model's table.
        model: what the model is called, for the message.

    Raises:
        SoundsiftError: if a name is not in the table.
    """
    return LazyStateDict(
        {rename(name, renames, model): reader(state_dict, name) for name in state_dict}
    )


def rename(name: str, renames: Renames, model: str) -> str:
    """Our name of a weight; see `renamed`."""
    for pattern, ours in renames:
        if match := re.fullmatch(pattern, name):
            return match.expand(ours)
    raise SoundsiftError(f"The checkpoint has a weight {name}, which {model} does not have.")


def inside(prefix: str, renames: Renames, ours: str = "") -> Renames:
    """A table of renames for weights whose names have a prefix.

    Args:
        prefix: what precedes the released names, literally.
        renames: the table without it.
        ours: what precedes our names.
    """
    return tuple(
        (rf"{re.escape(prefix)}(?:{pattern})", ours + replacement)
        for pattern, replacement in renames
    )


def build(
    make: Callable[[], Module],
    weights: Mapping[str, Tensor],
    source: str | Path,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> Module:
    """Build a module for inference: make it without drawing weights, then give it its own.

    Args:
        make: makes the module; called on the meta device.
        weights: the module's, each read once; names and shapes must match exactly.
        source: where they come from, for messages.
        device: where the module goes.
        dtype: type of its weights; None leaves theirs.

    Returns:
        The module in eval mode, without gradients.

    Raises:
        SoundsiftError: if names or shapes differ.
    """
    with torch.device("meta"):
        module = make()
    read = {name: weights[name].to(device, dtype) for name in weights}
    check_fit(module, read, source)
    module.load_state_dict(read, assign=True)
    return module.to(device).eval().requires_grad_(False)


def check_fit(module: nn.Module, weights: Mapping[str, Tensor], source: str | Path) -> None:
    """Refuse weights whose names or shapes are not those of a module.

    Raises:
        SoundsiftError: naming the first three of each kind.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    given = {name: tuple(weights[name].shape) for name in weights}
    shapes = [
        f"{name} is {given[name]}, expected {shape}"
        for name, shape in expected.items()
        if name in given and given[name] != shape
    ]
    check_names(expected.keys() - given.keys(), given.keys() - expected.keys(), shapes, source)


def check_names(
    missing: Collection[str],
    unknown: Collection[str],
    shapes: Sequence[str],
    source: str | Path,
) -> None:
    """Refuse weights if any of the three lists has an entry.

    Raises:
        SoundsiftError: naming the first three of each list.
    """
    wrong = [
        *([f"no {_first(missing)}"] if missing else []),
        *([f"{_first(unknown)}, not known"] if unknown else []),
        *([_first(shapes)] if shapes else []),
    ]
    if wrong:
        raise SoundsiftError(f"{source}: weights and configuration disagree: {'; '.join(wrong)}.")


def _first(names: Collection[str]) -> str:
    shown = sorted(names)[:3]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
