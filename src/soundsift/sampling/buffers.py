"""Bounded memory for long signals: a sliding buffer, and one iterator read by several readers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import Tensor

Item = TypeVar("Item")


class SlidingBuffer:
    """The part of a long signal that is in memory: it grows at the end and is discarded in front.

    Args:
        pieces: the signal in order, tensors of any length along `dim`.
        dim: the time axis.

    Attributes:
        start, end: positions between which the signal is in memory.
        complete: whether the pieces have ended, so that `end` is the signal's length.
    """

    def __init__(self, pieces: Iterator[Tensor], dim: int) -> None:
        self._pieces, self._dim = pieces, dim
        self._held: list[Tensor] = []
        self._empty: Tensor | None = None
        self.start = self.end = 0
        self.complete = False

    def extend(self, end: int) -> int:
        """Read until position `end` is in memory or the signal is complete.

        Returns:
            The position after the last one in memory.
        """
        while self.end < end and not self.complete:
            piece = next(self._pieces, None)
            if piece is None:
                self.complete = True
                break
            if self._empty is None:
                self._empty = piece.narrow(self._dim, 0, 0).clone()
            if piece.shape[self._dim]:
                self._held.append(piece)
                self.end += piece.shape[self._dim]
        return self.end

    def read(self, start: int, end: int) -> Tensor:
        """The signal from `start` to `end`, shorter where the signal ends before.

        Raises:
            ValueError: some of it was discarded, or the signal has no pieces.
        """
        if start < self.start:
            raise ValueError(f"position {start} was discarded; memory starts at {self.start}")
        self.extend(end)
        if self._empty is None:
            raise ValueError("the signal has no pieces")
        if len(self._held) != 1:
            self._held = [torch.cat([self._empty, *self._held], dim=self._dim)]
        length = max(0, min(end, self.end) - start)
        return self._held[0].narrow(self._dim, start - self.start, length)

    def discard(self, before: int) -> None:
        """Free the memory of everything before a position."""
        while self._held and self.start + self._held[0].shape[self._dim] <= before:
            self.start += self._held.pop(0).shape[self._dim]
        if self._held and self.start < before:
            kept = self.start + self._held[0].shape[self._dim] - before
            # A copy, since a view would keep the whole tensor in memory.
            self._held[0] = self._held[0].narrow(self._dim, before - self.start, kept).clone()
            self.start = before


def bounded_tee(items: Iterator[Item], readers: int) -> list[Iterator[Item]]:
    """Several iterators over the same items, each at its own pace.

    Like `itertools.tee`, but an item is freed as soon as the last reader has it. `tee` frees items
    in batches of dozens, which is too late for items of many megabytes.

    Args:
        items: to be read through the results only.
        readers: number of iterators.
    """
    held: deque[Item] = deque()
    positions = [0] * readers
    freed = 0

    def read(reader: int) -> Iterator[Item]:
        nonlocal freed
        while True:
            if positions[reader] == freed + len(held):
                try:
                    held.append(next(items))
                except StopIteration:
                    return
            item = held[positions[reader] - freed]
            positions[reader] += 1
            while freed < min(positions):
                held.popleft()
                freed += 1
            yield item

    return [read(reader) for reader in range(readers)]
