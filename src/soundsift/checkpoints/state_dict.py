"""Weights that are mapped from a file, and in memory only while they are used.

What is read of a mapping counts as memory in use until all of the mapping is let go; on Linux its
pages can be handed back earlier. Whoever reads them once more gets them from the file again, so
nobody may ever write to such weights. Elsewhere they simply stay.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from soundsift.errors import SoundsiftError


class Range(NamedTuple):
    """Addresses `start` to `end - 1`."""

    start: int
    end: int


class PassingWeights(Mapping[str, Tensor]):
    """Weights of which the one that was asked for last is in memory.

    Args:
        mapped: the weights, mapped from files.
    """

    def __init__(self, mapped: Mapping[str, Tensor]) -> None:
        self._mapped = mapped
        self._files = mapped_files()
        self._last: Tensor | None = None

    def __getitem__(self, name: str) -> Tensor:
        weight = self._mapped[name]
        if self._last is not None:
            hand_back(self._last, self._files)
        self._last = weight
        return weight

    def __iter__(self) -> Iterator[str]:
        return iter(self._mapped)

    def __len__(self) -> int:
        return len(self._mapped)


def mapped_files() -> list[Range]:
    """Where files are mapped in this process; nothing on systems that don't say so."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        addresses, _, _, _, inode, *_ = line.split()
        if inode != "0":
            start, end = addresses.split("-")
            found.append(Range(int(start, 16), int(end, 16)))
    return found


def hand_back(weight: Tensor, files: Sequence[Range]) -> None:
    """Let the kernel have the whole pages of a weight; they stay in its cache of the file.

    Args:
        weight: nobody has ever written to it. Left alone if it is in no mapping.
        files: from `mapped_files`, called when the weight was there already.
    """
    # Of the storage: a tensor may repeat what it views, and so seem larger than what is there.
    storage = weight.untyped_storage()
    first, last = storage.data_ptr(), storage.data_ptr() + storage.nbytes()
    start = -(-first // mmap.PAGESIZE) * mmap.PAGESIZE
    end = last // mmap.PAGESIZE * mmap.PAGESIZE
    if end > start and any(file.start <= first and last <= file.end for file in files):
        advise = ctypes.CDLL(None).madvise
        advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)


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
