"""Overlap-add: windows separated one by one and crossfaded as waves, for comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional

from soundsift.sampling.buffers import SlidingBuffer
from soundsift.sampling.windows import Window, WindowLayout


def overlap_add(
    mixture: SlidingBuffer,
    layout: WindowLayout,
    frames: Callable[[int], int],
    frame_size: int,
    separate: Callable[[int, Window, Tensor], Tensor],
) -> Iterator[Tensor]:
    """Separate a mixture as it arrives, each window as if it were a recording.

    Args:
        mixture: `(1, channels, samples)` at the codec's rate.
        layout: the windows; their `ramp` is the crossfade.
        frames: latent frames that cover so many samples.
        frame_size: samples per latent frame.
        separate: (number, window, mixture of the window) -> stems `(..., samples)`.

    Yields:
        Stems in order, in pieces `(..., samples)`.
    """
    sums, weights, done = None, None, 0
    windows = layout.windows(lambda wanted: frames(mixture.extend(wanted * frame_size)))
    for number, window in enumerate(windows):
        part = mixture.read(window.start * frame_size, window.end * frame_size)
        stems = separate(number, window, part)
        end = window.start * frame_size + stems.shape[-1]
        weight = _weights(window, frame_size, stems)
        if sums is None or weights is None:
            sums, weights = stems * weight, weight
        else:
            more = end - done - sums.shape[-1]
            sums, weights = functional.pad(sums, (0, more)), functional.pad(weights, (0, more))
            sums[..., window.start * frame_size - done :] += stems * weight
            weights[window.start * frame_size - done :] += weight
        # Where the next window begins: the last one may reach further back than a hop.
        following = window.end + layout.hop
        following = min(following, frames(mixture.extend(following * frame_size)))
        settled = end - done
        if following > window.end:
            settled = max(0, (following - layout.length) * frame_size - done)
        yield sums[..., :settled] / weights[:settled]
        sums, weights = sums[..., settled:].clone(), weights[settled:].clone()
        done += settled
        mixture.discard(done)


def _weights(window: Window, frame_size: int, like: Tensor) -> Tensor:
    """The weight of each sample of a window's stems, `(samples,)`, above 0."""
    position = torch.arange(like.shape[-1], device=like.device, dtype=torch.float32) + 0.5
    ramp = window.ramp * frame_size
    rising = position - (window.used_start - window.start) * frame_size
    falling = (window.used_end - window.start) * frame_size - position
    return (torch.minimum(rising, falling) / ramp).clamp(1e-6, 1)
