"""How a recording is cut into windows, while it is still being read.

All times are latent frames. A window sees the frames from `start` to `end`; its answer counts from
`first` to `stop`, with weights that rise and fall over `ramp` frames. Where windows overlap, their
answers are averaged by these weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Window:
    """One window: what it sees, and where its answer counts.

    Attributes:
        start, end: the frames that it sees, half-open.
        first, stop: the frames for which its answer counts, half-open.
        ramp: frames over which its weight rises and falls.
        settled: no later window answers for frames before this one; None: the next one tells.
    """

    start: int
    end: int
    first: int
    stop: int
    ramp: int
    settled: int | None = None

    @property
    def length(self) -> int:
        """Frames that it sees."""
        return self.end - self.start

    def weights(self, device: torch.device | None = None) -> Tensor:
        """How much its answer counts at each frame that it sees, `(length,)`, 0 to 1."""
        position = torch.arange(self.start, self.end, device=device, dtype=torch.float32) + 0.5
        inside = torch.minimum(position - self.first, self.stop - position)
        return (inside / self.ramp).clamp(0, 1)


@dataclass(frozen=True)
class Layout:
    """A rule for windows.

    Attributes:
        length: frames that a window sees; fewer where the recording is shorter, or has just begun.
        hop: frames from one window's end to the next one's.
        used: frames of a window for which its answer counts.
        lookahead: frames at a window's end that it sees only to understand those before.
        ramp: frames over which its weight rises and falls.
        live: whether each window is to be answered as soon as it is there, not when the next one
            is. A last window, which comes early, answers only for what is not settled yet.
    """

    length: int
    hop: int
    used: int
    lookahead: int
    ramp: int
    live: bool = False

    @classmethod
    def overlapping(cls, length: int, overlap: int) -> Layout:
        """Windows that share `overlap` frames, weighted triangularly: multi-diffusion's."""
        return cls(length, length - overlap, length, 0, max(1, length // 2))

    @classmethod
    def chunks(cls, length: int, fade: int) -> Layout:
        """Windows side by side, crossfaded where they meet; what others do, for comparison."""
        return cls(length, length - fade, length, 0, max(1, fade))

    @classmethod
    def one_shot(cls) -> Layout:
        """One window, however long: the most that a window can hear, for comparison."""
        endless = 2**40
        return cls(endless, endless, endless, 0, 1)

    @classmethod
    def trailing(cls, length: int, hop: int, lookahead: int, ramp: int) -> Layout:
        """Windows that look back: each answers for its newest frames only, for live sound."""
        return cls(length, hop, hop + ramp, lookahead, ramp, live=True)

    def windows(self, known: Callable[[int], int]) -> Iterator[Window]:
        """Windows in order, each as soon as its frames are there.

        Args:
            known: reads on until so many frames of the recording are known, or it ends, and returns
                how many are.
        """
        end = min(self.length, self.used + self.lookahead)
        begun, done = False, 0
        while True:
            there = known(end + 1)
            last = there <= end
            if last:
                end = there
            start = max(0, end - self.length)
            first = max(start, end - self.lookahead - self.used) if begun else start
            settled = None
            if self.live:
                first = max(first, done)
                settled = end if last else max(0, end + self.hop - self.lookahead - self.used)
            stop = end if last else end - self.lookahead
            yield Window(start, end, first, stop, self.ramp, settled)
            if last:
                return
            begun, done = True, settled or 0
            end += self.hop

    def count(self, frames: int) -> int:
        """Windows that a recording of so many frames is cut into."""
        return sum(1 for _ in self.windows(lambda wanted: min(wanted, frames)))
