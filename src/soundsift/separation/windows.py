"""Long recordings as overlapping windows that agree at every solver step: multi-diffusion.

After arXiv 2302.08113 and arXiv 2512.18099, section 3. There is one noise and one trajectory for
the whole recording. At every evaluation each window is asked for its velocity, and where windows
overlap their answers are averaged with triangular weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

#: A window's velocity: (noisy `(windows, frames, channels)`, time, slice of windows) -> the same
#: shape as noisy.
WindowField = Callable[[Tensor, Tensor, slice], Tensor]


@dataclass(frozen=True)
class Windows:
    """How a recording is cut: windows of one length, the last one flush with the end.

    Attributes:
        frames: latent frames of the recording.
        length: frames per window.
        starts: first frame of each.
    """

    frames: int
    length: int
    starts: tuple[int, ...]

    @classmethod
    def cut(cls, frames: int, length: int, overlap: int) -> Windows:
        """Cut into windows that share at least `overlap` frames; one window if it all fits."""
        if frames <= length:
            return cls(frames, frames, (0,))
        hop = length - overlap
        count = -(-(frames - length) // hop) + 1
        # Spread evenly, so that the last window is not a sliver.
        starts = tuple(round(i * (frames - length) / (count - 1)) for i in range(count))
        return cls(frames, length, starts)

    def gather(self, sequence: Tensor) -> Tensor:
        """Cut a sequence `(1, frames, ...)` into `(windows, length, ...)`."""
        return torch.cat([sequence[:, s : s + self.length] for s in self.starts])

    def merge(self, parts: Tensor) -> Tensor:
        """Average `(windows, length, channels)`, triangularly weighted: `(1, frames, channels)`."""
        if len(self.starts) == 1:
            return parts
        ramp = torch.arange(self.length, device=parts.device, dtype=parts.dtype) + 0.5
        weight = torch.minimum(ramp, self.length - ramp)[:, None]
        total = parts.new_zeros(self.frames, parts.shape[-1])
        weights = parts.new_zeros(self.frames, 1)
        for start, part in zip(self.starts, parts, strict=True):
            total[start : start + self.length] += part * weight
            weights[start : start + self.length] += weight
        return (total / weights)[None]

    def fuse(self, field: WindowField, at_a_time: int = 8) -> Callable[[Tensor, Tensor], Tensor]:
        """A velocity for the whole recording from one per window.

        Args:
            field: velocities of some of the windows.
            at_a_time: windows per call, which bounds the memory.
        """

        def fused(x: Tensor, time: Tensor) -> Tensor:
            noisy = self.gather(x)
            chosen = [slice(i, i + at_a_time) for i in range(0, len(self.starts), at_a_time)]
            return self.merge(torch.cat([field(noisy[part], time, part) for part in chosen]))

        return fused
