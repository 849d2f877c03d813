"""From the span predictor's probabilities to span prompts (arXiv 2512.18099, section 4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from soundsift.prompts import FRAME_RATE, Span

#: Of the authors.
THRESHOLD = 0.3


def predict_spans(
    probabilities: ArrayLike, valid_frames: int | None = None, threshold: float = THRESHOLD
) -> tuple[Span, ...]:
    """Mark every run of frames whose probability lies above a threshold.

    Frames are counted in integers and become seconds only in the result, so that
    `soundsift.prompts.frame_anchors` gives back exactly the frames above the threshold. The
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
