"""Batches made ahead of time, by processes beside the training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from soundsift.allocator import keep_memory

Batch = TypeVar("Batch")


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


def _set_up_worker(_: int) -> None:
    # A worker must not compete with the training process for every core.
    torch.set_num_threads(1)
    keep_memory()
