"""Weights read from a file when they are asked for, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

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
        with safe_open(self.path, "pt") as file:
            tensor: Tensor = file.get_tensor(name)
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
