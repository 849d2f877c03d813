"""Compute independently of what the calling program has done to PyTorch and to its processes."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import torch

from soundsift.errors import SoundsiftError

T = TypeVar("T")
_CPU = torch.device("cpu")


@contextmanager
def torch_defaults() -> Iterator[None]:
    """Run with PyTorch's own defaults for new tensors, gradients, autocast and determinism.

    A caller may have changed the default dtype or device, turned gradients off by inference mode,
    opened an autocast region, or forbidden operations without a deterministic version; everything
    is restored at the end. The default dtype and determinism are settings of the whole process:
    where the caller changed them, other threads see PyTorch's own meanwhile.
    """
    with ExitStack() as stack:
        if (dtype := torch.get_default_dtype()) is not torch.float32:
            torch.set_default_dtype(torch.float32)
            stack.callback(torch.set_default_dtype, dtype)
        if torch.are_deterministic_algorithms_enabled():
            warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
            torch.use_deterministic_algorithms(False)
            stack.callback(torch.use_deterministic_algorithms, True, warn_only=warn_only)
        if torch.get_default_device() != _CPU:
            stack.enter_context(_CPU)
        for device in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        # Tensors that are made in inference mode could not be used outside of it.
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.no_grad())
        yield


def in_torch_defaults(blocks: Iterator[T]) -> Iterator[T]:
    """Compute each block of a stream in `torch_defaults`, which end before it is handed over."""
    while True:
        with torch_defaults():
            try:
                block = next(blocks)
            except StopIteration:
                return
        yield block


@functools.cache
def prepare_for_forks() -> None:
    """Let forked children of this process compute, each with one thread.

    OpenMP's threads don't survive a fork: a child that hands them work waits for ever.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=functools.partial(torch.set_num_threads, 1))


def check_process(process: int, device: torch.device) -> None:
    """Refuse to use a graphics card in a forked child of the process that loaded the model.

    Args:
        process: number of the process that loaded the model.
        device: device that the model is on.

    Raises:
        SoundsiftError: this is another process, and the device is not the CPU.
    """
    if os.getpid() != process and device.type != "cpu":
        raise SoundsiftError(
            f"The model was loaded on {device} before this process was forked, and devices can't "
            'be shared so. Use multiprocessing\'s start method "spawn", or load the model here.'
        )
