"""The part of a long signal that is in memory: it grows at the end and is forgotten in front."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


class Track:
    """A signal along its axis `dim`, known between two positions.

    Args:
        pieces: where more of it comes from, in order.
        dim: the axis that is time.
    """

    def __init__(self, pieces: Iterator[Tensor], dim: int) -> None:
        self._pieces, self._dim = pieces, dim
        self._held: list[Tensor] = []
        self._nothing: Tensor | None = None
        self.start = self.end = 0
        self.complete = False

    def extend(self, end: int) -> int:
        """Read on until `end` is known or the signal is over.

        Returns:
            Where the known part ends.
        """
        while self.end < end and not self.complete:
            piece = next(self._pieces, None)
            if piece is None:
                self.complete = True
                break
            if self._nothing is None:
                self._nothing = piece.narrow(self._dim, 0, 0).clone()
            if piece.shape[self._dim]:
                self._held.append(piece)
                self.end += piece.shape[self._dim]
        return self.end

    def part(self, start: int, end: int) -> Tensor:
        """What is known from `start` to `end`, cut off where the signal ends.

        Raises:
            ValueError: if some of it was forgotten already, or there never was a piece.
        """
        if start < self.start:
            raise ValueError(f"position {start} is gone; {self.start} is the first that is kept")
        self.extend(end)
        if self._nothing is None:
            raise ValueError("the signal has no pieces")
        if len(self._held) != 1:
            self._held = [torch.cat([self._nothing, *self._held], dim=self._dim)]
        length = max(0, min(end, self.end) - start)
        return self._held[0].narrow(self._dim, start - self.start, length)

    def forget(self, before: int) -> None:
        """Drop what lies before a position."""
        while self._held and self.start + self._held[0].shape[self._dim] <= before:
            self.start += self._held.pop(0).shape[self._dim]
        if self._held and self.start < before:
            first = self._held[0].narrow(
                self._dim,
                before - self.start,
                self.start + self._held[0].shape[self._dim] - before,
            )
            # A copy: a view would keep all of it in memory.
            self._held[0] = first.clone()
            self.start = before
