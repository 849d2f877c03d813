"""Batches made ahead of time, by processes beside the training."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from soundsift.allocator import keep_memory

Batch = TypeVar("Batch")
Made = TypeVar("Made")

_WATCH_SECONDS = 2.0


def batch_loader(batches: Dataset[Batch], start: int, workers: int) -> Iterator[Batch]:
    """Batches from number `start` on, made ahead of time by `workers` processes.

    Args:
        batches: a run's batches by number, as many as its length says.
        start: the first.
        workers: processes; 0 makes batches in this one, when they are asked for.
    """
    loader: DataLoader[Batch] = DataLoader(
        batches,
        batch_size=None,
        sampler=range(start, len(batches)),  # type: ignore[arg-type]
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_set_up_worker if workers else None,
        # Its own, or starting anew would draw from the one that dropout uses.
        generator=torch.Generator(),
    )
    return iter(loader)


def one_ahead(batches: Iterator[Batch], make: Callable[[Batch], Made]) -> Iterator[Made]:
    """What `make` makes of each batch, the next one in a thread while the last one is used."""
    with ThreadPoolExecutor(1) as thread:
        coming = None
        for batch in batches:
            ready, coming = coming, thread.submit(make, batch)
            if ready is not None:
                yield ready.result()
        if coming is not None:
            yield coming.result()


def _set_up_worker(_: int) -> None:
    # A worker must not compete with the training process for every core.
    torch.set_num_threads(1)
    keep_memory()
    Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when its parent was killed.

    PyTorch's own watch does so too, but then waits for batches to be read that nothing reads.
    """
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)
