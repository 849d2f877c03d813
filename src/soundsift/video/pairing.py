"""Which picture serves which latent frames."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from math import ceil, floor

import numpy as np

from soundsift.config import FRAME_RATE
from soundsift.video.frames import VideoFrame

# Before the first picture and after the last there is no video, but streams of one file seldom
# begin and end together: that far the nearest picture still serves.
_HOLD = Fraction(1)

Pair = tuple[np.ndarray, range]
"""A picture, `(height, width, 3)`, uint8, and the latent frames that it serves."""


def pair_by_time(
    frames: Iterable[VideoFrame], latent_frames: int, frame_rate: int = FRAME_RATE
) -> Iterator[Pair]:
    """Give every latent frame the picture that is nearest in time; of two as near, the earlier.

    Latent frame i is at i / `frame_rate` seconds. More than a second before the first picture and
    after the last there is no video, and no pair. (The authors' code goes on with the last one.)

    Args:
        frames: The video in order of time.
        latent_frames: Length of the recording in latent frames.
        frame_rate: Latent frames per second.

    Returns:
        Pictures that serve at least one latent frame, in order.
    """
    start = 0
    current: VideoFrame | None = None
    for frame in frames:
        if current is None:
            start = max(0, ceil((frame.time - _HOLD) * frame_rate))
        elif frame.time <= current.time:
            continue
        else:
            stop = min(floor((current.time + frame.time) / 2 * frame_rate) + 1, latent_frames)
            if start < stop:
                yield current.pixels, range(start, stop)
                start = stop
        current = frame
    if current is not None:
        end = current.time + current.duration + _HOLD
        stop = min(floor(end * frame_rate) + 1, latent_frames)
        if start < stop:
            yield current.pixels, range(start, stop)


def pair_evenly(pictures: Sequence[np.ndarray], latent_frames: int) -> Iterator[Pair]:
    """Spread pictures without times over a recording: the first at its start, the last at its end.

    Args:
        pictures: `(count, height, width, 3)`, uint8.
        latent_frames: Length of the recording in latent frames.

    Returns:
        Pictures that serve at least one latent frame, in order.
    """
    steps = max(latent_frames - 1, 1)
    # Halves go to the even picture, as in the authors' code.
    nearest = [round(Fraction(i * (len(pictures) - 1), steps)) for i in range(latent_frames)]
    start = 0
    for stop in range(1, latent_frames + 1):
        if stop == latent_frames or nearest[stop] != nearest[start]:
            yield pictures[nearest[start]], range(start, stop)
            start = stop
