"""When an object acts: motion inside a region, without the camera's, at latent frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import numpy as np

from soundsift.config import FRAME_RATE
from soundsift.segmentation.clicked import own_motion
from soundsift.segmentation.flow import OpticalFlow
from soundsift.segmentation.pictures import shrink
from soundsift.spans import Span
from soundsift.video.frames import VideoFrame

#: Longest side of the pictures in which motion is measured, in pixels.
_SIDE = 256
#: Pictures of the object that are kept to name it, and their longest side.
_KEPT, KEPT_SIDE = 12, 512
#: Motion is in bursts if it is so many times as strong in them as between them, and they take so
#: much of the time.
_CONTRAST, _SHARES = 4.0, (0.02, 0.85)
#: Optical flow of what rests, in pixels a picture.
_NOISE = 0.2
#: Slower than this, in object widths a second, nothing moves.
_STILL = 0.1
#: Bursts closer than this are one; shorter ones are noise. In seconds.
_GAP, _SHORTEST = 0.2, 0.08


@dataclass(frozen=True)
class RegionMotion:
    """What is seen of a region.

    Attributes:
        speed: `(frames,)`, float32: how fast the object moves and changes its shape, in its own
            widths a second; 0 where it is not in view.
        seen: `(frames,)`, bool: whether it is in view.
        pictures: Some of the pictures with their masks, made smaller, evenly spread.
    """

    speed: np.ndarray
    seen: np.ndarray
    pictures: Sequence[tuple[np.ndarray, np.ndarray]]


def region_motion(
    marked: Iterable[tuple[VideoFrame, np.ndarray]], latent_frames: int
) -> RegionMotion:
    """Measure the motion in a region, picture by picture.

    Args:
        marked: Pictures with masks `(height, width)`, bool.
        latent_frames: Length of the recording in latent frames, 25 a second.
    """
    flow = OpticalFlow()
    speed = np.zeros(latent_frames, np.float32)
    seen = np.zeros(latent_frames, bool)
    kept = _Sparse()
    before: np.ndarray | None = None
    last = Fraction(0)
    for frame, mask in marked:
        now, inside = shrink(frame.pixels, _SIDE), _shrunk(mask, _SIDE)
        if mask.any():
            kept.offer(frame.pixels, mask)
        if before is not None and frame.time > last:
            first, stop = ceil(last * FRAME_RATE), ceil(frame.time * FRAME_RATE)
            if inside.any() and first < latent_frames:
                seen[max(0, first) : stop] = True
                step = float(frame.time - last)
                speed[max(0, first) : stop] = _speed(flow, before, now, inside) / step
        before, last = now, frame.time
    return RegionMotion(speed, seen, kept.pictures)


def _speed(flow: OpticalFlow, before: np.ndarray, now: np.ndarray, inside: np.ndarray) -> float:
    """Mean motion inside a mask between two pictures, in widths of the mask."""
    if np.array_equal(before, now):
        return 0.0
    moved = own_motion(flow.between(now, before))[inside]
    pixels = np.maximum(np.hypot(moved[:, 0], moved[:, 1]) - _NOISE, 0).mean()
    return float(pixels / np.sqrt(np.count_nonzero(inside)))


def bursts(speed: np.ndarray) -> tuple[Span, ...]:
    """When an object acts, if it acts in bursts.

    Frames above Otsu's threshold of the logarithm are in a burst.

    Args:
        speed: `(frames,)`, from `region_motion`.

    Returns:
        Spans in order; none if it moves always or never, or about as much in bursts as otherwise.
    """
    if len(speed) < 3:
        return ()
    smooth = np.convolve(speed, np.ones(3) / 3, "same")
    logs = np.log(np.maximum(smooth, _STILL / 4))
    threshold = _otsu(logs)
    high = logs > threshold
    if not high.any() or high.all():
        return ()
    contrast = np.exp(logs[high].mean() - logs[~high].mean())
    strong = np.exp(logs[high].mean()) >= _STILL
    if contrast < _CONTRAST or not strong or not _SHARES[0] <= high.mean() <= _SHARES[1]:
        return ()
    edges = np.flatnonzero(np.diff(np.concatenate(([0], high, [0])))).reshape(-1, 2).tolist()
    joined: list[list[int]] = []
    for first, stop in edges:
        if joined and first - joined[-1][1] < _GAP * FRAME_RATE:
            joined[-1][1] = stop
        else:
            joined.append([first, stop])
    return tuple(
        Span(first / FRAME_RATE, stop / FRAME_RATE)
        for first, stop in joined
        if stop - first >= _SHORTEST * FRAME_RATE
    )


def _otsu(values: np.ndarray) -> float:
    """The threshold that separates values into the two groups that differ most (Otsu, 1979)."""
    ordered = np.sort(values)
    below = np.arange(1, len(ordered))
    sums = np.cumsum(ordered)
    low, high = sums[:-1] / below, (sums[-1] - sums[:-1]) / (len(ordered) - below)
    between = below * (len(ordered) - below) * (high - low) ** 2
    best = int(np.argmax(between)) if len(between) else 0
    return float((ordered[best] + ordered[min(best + 1, len(ordered) - 1)]) / 2)


class _Sparse:
    """Keeps some of any number of pictures, evenly spread."""

    def __init__(self) -> None:
        self.pictures: list[tuple[np.ndarray, np.ndarray]] = []
        self._count, self._step = 0, 1

    def offer(self, pixels: np.ndarray, mask: np.ndarray) -> None:
        """Keep a picture if its turn has come; if there are too many, drop every second one."""
        if self._count % self._step == 0:
            if len(self.pictures) == _KEPT:
                self.pictures = self.pictures[::2]
                self._step *= 2
            if self._count % self._step == 0:
                self.pictures.append((shrink(pixels, KEPT_SIDE), _shrunk(mask, KEPT_SIDE)))
        self._count += 1


def _shrunk(mask: np.ndarray, side: int) -> np.ndarray:
    """A mask made smaller as `shrink` does with pictures."""
    small: np.ndarray = shrink(mask.astype(np.uint8) * 255, side) > 127
    return small
