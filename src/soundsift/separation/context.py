"""The mixture as the velocity field sees it, window by window along a recording."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from soundsift.models.codec import Codec
from soundsift.sampling.buffers import SlidingBuffer
from soundsift.sampling.windows import Window

#: Frames that are encoded together.
_BLOCK = 250


class MixtureContext:
    """The codec's context of a mixture, in bounded memory.

    Args:
        codec: makes the context.
        mixture: `(1, channels, samples)` at the codec's rate.
    """

    def __init__(self, codec: Codec, mixture: SlidingBuffer) -> None:
        self._codec, self._mixture = codec, mixture
        self._frames = SlidingBuffer(self._encoded(), dim=1)

    def of(self, windows: tuple[Window, ...]) -> Tensor:
        """`(windows * rows, frames, context_channels)`, of consecutive windows of one length."""
        size = self._codec.samples_per_frame
        if self._codec.context_margin is None:
            parts = [
                self._codec.context(self._mixture.read(w.start * size, w.end * size))
                for w in windows
            ]
            self._mixture.discard(windows[-1].start * size)
        else:
            parts = [self._frames.read(w.start, w.end) for w in windows]
            self._frames.discard(windows[-1].start)
        return torch.cat(parts)

    def _encoded(self) -> Iterator[Tensor]:
        """The context in blocks, equal to that of the whole recording encoded at once."""
        margin = self._codec.context_margin
        assert margin is not None
        size, mixture = self._codec.samples_per_frame, self._mixture
        done = 0
        while True:
            available = mixture.extend((done + _BLOCK + margin) * size)
            # Whole frames only, until the recording is complete.
            stop = min(done + _BLOCK, self._codec.frames(available))
            if stop <= done:
                return
            left = max(0, done - margin)
            context = self._codec.context(mixture.read(left * size, (stop + margin) * size))
            yield context[:, done - left : stop - left]
            done = stop
            mixture.discard(max(0, done - margin) * size)
