"""The mixture as the field sees it, along a recording."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from soundsift.models.codec import Codec
from soundsift.separation.track import Track
from soundsift.separation.windows import Window

#: Frames that are encoded together.
_BLOCK = 250


class Contexts:
    """What the field sees of the mixture, window by window.

    Args:
        codec: whose context it is.
        heard: the mixture at the codec's rate, `(1, channels, samples)`.
    """

    def __init__(self, codec: Codec, heard: Track) -> None:
        self._codec, self._heard = codec, heard
        self._frames = Track(self._encoded(), dim=1)

    def of(self, windows: tuple[Window, ...]) -> Tensor:
        """`(windows * rows, frames, context_channels)`."""
        size = self._codec.samples_per_frame
        if self._codec.context_margin is None:
            parts = [
                self._codec.context(self._heard.part(w.start * size, w.end * size)) for w in windows
            ]
            self._heard.forget(windows[-1].start * size)
        else:
            parts = [self._frames.part(w.start, w.end) for w in windows]
            self._frames.forget(windows[-1].start)
        return torch.cat(parts)

    def _encoded(self) -> Iterator[Tensor]:
        """The whole recording's context, frame by frame the same as if encoded at once."""
        margin = self._codec.context_margin
        assert margin is not None
        size, heard = self._codec.samples_per_frame, self._heard
        done = 0
        while True:
            known = heard.extend((done + _BLOCK + margin) * size)
            # Whole frames only, until the recording is over.
            stop = min(done + _BLOCK, self._codec.frames(known))
            if stop <= done:
                return
            left = max(0, done - margin)
            context = self._codec.context(heard.part(left * size, (stop + margin) * size))
            yield context[:, done - left : stop - left]
            done = stop
            heard.forget(max(0, done - margin) * size)
