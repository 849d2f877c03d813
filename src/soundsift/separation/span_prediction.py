"""Span prediction: when a text prompt's sound is heard (arXiv 2512.18099, section 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from soundsift.config import FRAME_RATE
from soundsift.models.codec import Codec
from soundsift.models.components import SpanPredictor
from soundsift.sampling.buffers import SlidingBuffer
from soundsift.sampling.windows import Window, WindowLayout
from soundsift.separation.codec_input import MixtureContext
from soundsift.spans import Span

#: The authors' threshold.
THRESHOLD = 0.3


def predict_spans(
    probabilities: ArrayLike, valid_frames: int | None = None, threshold: float = THRESHOLD
) -> tuple[Span, ...]:
    """Mark every run of frames whose probability lies above a threshold.

    Frames are counted in integers and become seconds only in the result, so that
    `soundsift.spans.frame_anchors` gives back exactly the frames above the threshold. The
    authors' code goes through float32 seconds and rounds up, which puts about half of all edges
    one frame late, and lets padding become a span.

    Args:
        probabilities: `(frames,)`, 25 a second, from 0 to 1; an array or a tensor on the CPU.
        valid_frames: how many of them belong to the recording, the rest being padding; None for
            all.
        threshold: at or below it a frame does not count.

    Returns:
        + spans in order of time, not touching each other.

    Raises:
        ValueError: if the probabilities are not one row of numbers, or there are fewer of them than
            `valid_frames`.
    """
    values = np.asarray(probabilities)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(
            f"probabilities are {values.shape}, expected (frames,), each a finite number"
        )
    frames = len(values) if valid_frames is None else valid_frames
    if not 0 <= frames <= len(values):
        raise ValueError(f"valid_frames is {frames}, expected 0 to {len(values)}")
    heard = np.zeros(frames + 2, dtype=np.int8)
    heard[1:-1] = values[:frames] > threshold
    edges = np.flatnonzero(np.diff(heard)).reshape(-1, 2)
    return tuple(Span(int(first) / FRAME_RATE, int(stop) / FRAME_RATE) for first, stop in edges)


#: Frames that the predictor hears at once, and at least, if the recording has so many.
WINDOW_HEARD, SHORTEST_HEARD = 750, 200


def window_probabilities(
    predictor: SpanPredictor, codec: Codec, waves: Iterator[Tensor], phrases: Sequence[str]
) -> Iterator[tuple[Window, Tensor]]:
    """The probability that each frame of a mixture holds each phrase's sound, window by window.

    Windows are 30 s long, the last one perhaps shorter. Memory holds one.

    Args:
        predictor: the span predictor.
        codec: makes its context.
        waves: the mixture at the codec's rate, in pieces `(1, channels, samples)`.
        phrases: the sounds.

    Yields:
        A window, and `(phrases, frames)`, float32, 0 to 1; `joined` makes one of all.
    """
    codec = codec.downmixed()
    mixture = SlidingBuffer(waves, dim=-1)
    context = MixtureContext(codec, mixture)
    size = codec.samples_per_frame
    overlap = round(predictor.calibration.overlap_seconds * FRAME_RATE)
    layout = WindowLayout.overlapping(WINDOW_HEARD, overlap)
    heard = 0
    for whole in layout.windows(lambda frames: codec.frames(mixture.extend(frames * size))):
        # The last one need not go back to where the one before has been.
        start = max(whole.start, min(heard - overlap, whole.end - SHORTEST_HEARD))
        window = replace(whole, start=start, used_start=start)
        heard = window.end
        found = predictor.frame_probabilities(context.of((window,)), list(phrases))
        yield window, found.float().cpu()


def joined(found: Sequence[tuple[Window, Tensor]], frames: int | None = None) -> Tensor:
    """Probabilities of windows as those of the recording; where windows overlap, their average.

    Args:
        found: windows in order; where there is none, the probability is 0.
        frames: frames of the recording; None if the last window is its end.

    Returns:
        `(phrases, frames)`.
    """
    frames = found[-1][0].end if frames is None else frames
    sums, weights = torch.zeros(found[0][1].shape[0], frames), torch.zeros(frames)
    for window, probabilities in found:
        sums[:, window.start : window.end] += probabilities * window.weights()
        weights[window.start : window.end] += window.weights()
    return sums / weights.clamp(min=torch.finfo(torch.float32).tiny)
