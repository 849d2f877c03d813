"""How a recording is cut into windows while it is still being read.

All times are latent frames. A window sees the frames from `start` to `end`. Its answer counts from
`used_start` to `used_end`, with weights that rise and fall over `ramp` frames. Where windows
overlap, their answers are averaged with these weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Window:
    """One window: the frames it sees, and the frames its answer is used for.

    Attributes:
        start, end: the frames that it sees, half-open.
        used_start, used_end: the frames that its answer is used for, half-open.
        ramp: frames over which its weight rises and falls.
        settled: no later window answers for frames before this one. None: known only once the
            next window is.
    """

    start: int
    end: int
    used_start: int
    used_end: int
    ramp: int
    settled: int | None = None

    @property
    def length(self) -> int:
        """Number of frames that it sees."""
        return self.end - self.start

    def weights(self, device: torch.device | None = None) -> Tensor:
        """The weight of its answer at each frame that it sees, `(length,)`, 0 to 1."""
        position = torch.arange(self.start, self.end, device=device, dtype=torch.float32) + 0.5
        inside = torch.minimum(position - self.used_start, self.used_end - position)
        return (inside / self.ramp).clamp(0, 1)


@dataclass(frozen=True)
class WindowLayout:
    """A rule that cuts recordings into windows.

    Attributes:
        length: frames that a window sees; fewer in shorter recordings and at a stream's beginning.
        hop: frames from the end of one window to the end of the next.
        used: frames of a window that its answer is used for.
        lookahead: frames at a window's end that are context only.
        ramp: frames over which a window's weight rises and falls.
        streaming: whether each window is answered as soon as its frames are there, and not when
            the next window is known. The last window, which comes early, answers only for frames
            that are not settled yet.
    """

    length: int
    hop: int
    used: int
    lookahead: int
    ramp: int
    streaming: bool = False

    @classmethod
    def overlapping(cls, length: int, overlap: int) -> WindowLayout:
        """Windows that share `overlap` frames, with triangular weights, for multi-diffusion."""
        return cls(length, length - overlap, length, 0, max(1, length // 2))

    @classmethod
    def chunks(cls, length: int, fade: int) -> WindowLayout:
        """Windows side by side with a crossfade of `fade` frames, for comparison."""
        return cls(length, length - fade, length, 0, max(1, fade))

    @classmethod
    def one_shot(cls) -> WindowLayout:
        """One window of any length, for comparison."""
        endless = 2**40
        return cls(endless, endless, endless, 0, 1)

    @classmethod
    def trailing(cls, length: int, hop: int, lookahead: int, ramp: int) -> WindowLayout:
        """Windows that answer for their newest frames only, for streams."""
        return cls(length, hop, hop + ramp, lookahead, ramp, streaming=True)

    def windows(self, available: Callable[[int], int]) -> Iterator[Window]:
        """Windows in order, each as soon as its frames are there.

        Args:
            available: reads until so many frames of the recording are there or it ends, and
                returns how many frames are there.
        """
        end = min(self.length, self.used + self.lookahead)
        begun, done = False, 0
        while True:
            frames = available(end + 1)
            last = frames <= end
            if last:
                end = frames
            start = max(0, end - self.length)
            used_start = max(start, end - self.lookahead - self.used) if begun else start
            settled = None
            if self.streaming:
                used_start = max(used_start, done)
                settled = end if last else max(0, end + self.hop - self.lookahead - self.used)
            used_end = end if last else end - self.lookahead
            yield Window(start, end, used_start, used_end, self.ramp, settled)
            if last:
                return
            begun, done = True, settled or 0
            end += self.hop

    def count(self, frames: int) -> int:
        """Number of windows of a recording of so many frames."""
        return sum(1 for _ in self.windows(lambda wanted: min(wanted, frames)))
