"""Weights read from a file when they are asked for, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from soundsift.errors import SoundsiftError


class WeightsFile(Mapping[str, Tensor]):
    """The tensors of a safetensors file by name, each mapped into memory while it is held.

    Args:
        path: the file.

    Raises:
        SoundsiftError: if it is missing or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with safe_open(path, "pt") as file:
                self._names: list[str] = list(file.keys())
        except FileNotFoundError:
            raise SoundsiftError(f"{path}: no such file; expected weights.") from None
        except SafetensorError as error:
            raise SoundsiftError(f"{path}: not a safetensors file, or damaged: {error}") from error

    def __getitem__(self, name: str) -> Tensor:
        # Opened anew for each: a mapping is released as a whole, and by then all that was read of
        # it would count as memory in use.
        if name not in self._names:
            raise KeyError(name)
        try:
            with safe_open(self.path, "pt") as file:
                tensor: Tensor = file.get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise SoundsiftError(f"{self.path}: {name} can't be read: {error}.") from error
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def read_shapes(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file without their numbers, on the meta device.

    Args:
        path: the file; only its header is read.

    Returns:
        By name; of types, int8 alone is told from the rest, which comes as float32.

    Raises:
        SoundsiftError: if it is missing or damaged.
    """
    names = list(WeightsFile(path))
    with safe_open(path, "pt") as file:
        slices = {name: file.get_slice(name) for name in names}
        return {
            name: torch.empty(
                found.get_shape(),
                dtype=torch.int8 if found.get_dtype() == "I8" else torch.float32,
                device="meta",
            )
            for name, found in slices.items()
        }
