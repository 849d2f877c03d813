"""Memory of mapped files: hand pages back to the kernel once they have been used.

Pages of a mapping count as memory in use until the whole mapping is released. On Linux they can be
handed back earlier; the next access reads them from the file again. So nothing may ever be written
to such weights. On other systems pages stay until the mapping is released.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from soundsift.checkpoints.state_dict import LazyStateDict


class AddressRange(NamedTuple):
    """Addresses `start` to `end - 1`."""

    start: int
    end: int


def one_at_a_time(mapped: Mapping[str, Tensor]) -> LazyStateDict:
    """A state dict of mapped weights, of which only the one read last is in memory.

    Args:
        mapped: the weights, mapped from files.
    """
    files = mapped_files()
    last: list[Tensor] = []

    def read(name: str) -> Tensor:
        weight = mapped[name]
        while last:
            release_pages(last.pop(), files)
        last.append(weight)
        return weight

    return LazyStateDict({name: partial(read, name) for name in mapped})


def mapped_files() -> list[AddressRange]:
    """The address ranges of this process that are mapped from files; empty outside Linux."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        addresses, _, _, _, inode, *_ = line.split()
        if inode != "0":
            start, end = addresses.split("-")
            found.append(AddressRange(int(start, 16), int(end, 16)))
    return found


def release_pages(weight: Tensor, files: Sequence[AddressRange]) -> None:
    """Hand the whole pages of a weight back to the kernel, which keeps them in its page cache.

    Args:
        weight: one to which nothing was ever written. Left alone outside of `files`.
        files: from `mapped_files`, called when the weight was mapped already.
    """
    # Of the storage: an expanded tensor seems larger than what it views.
    storage = weight.untyped_storage()
    first, last = storage.data_ptr(), storage.data_ptr() + storage.nbytes()
    start = -(-first // mmap.PAGESIZE) * mmap.PAGESIZE
    end = last // mmap.PAGESIZE * mmap.PAGESIZE
    if end > start and any(file.start <= first and last <= file.end for file in files):
        advise = ctypes.CDLL(None).madvise
        advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)
