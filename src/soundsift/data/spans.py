"""Spans for training, from the energy of the target stem.

As in the paper, silence is what stays below -40 dB for at least 250 ms.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from soundsift.spans import Span

FRAME_SECONDS = 0.02
_SILENCE_DB = -40.0
_SHORTEST_SILENCE_SECONDS = 0.25


def active_spans(wave: NDArray[np.float32], sample_rate: int) -> list[tuple[float, float]]:
    """When a sound is heard: above -40 dB of its loudest moment, pauses under 250 ms bridged.

    Args:
        wave: `(samples,)`.
        sample_rate: in Hz.

    Returns:
        (start, end) in seconds, in order; empty for silence.
    """
    return spans_of_power(frame_power(wave, sample_rate), len(wave) / sample_rate)


def listed_spans(wave: NDArray[np.float32], sample_rate: int) -> list[list[float]]:
    """The same for JSON, to hundredths of a second."""
    return [[round(start, 2), round(end, 2)] for start, end in active_spans(wave, sample_rate)]


def frame_power(wave: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Mean square of every frame of 20 ms of `(samples,)`."""
    frame = round(FRAME_SECONDS * sample_rate)
    padded = np.pad(wave, (0, -len(wave) % frame)).reshape(-1, frame)
    power: NDArray[np.float32] = np.square(padded).mean(axis=1)
    return power


def spans_of_power(power: NDArray[np.float32], duration: float) -> list[tuple[float, float]]:
    """As `active_spans`, from the power of frames.

    Args:
        power: as of `frame_power`.
        duration: of the sound in seconds.
    """
    loudest = float(power.max(initial=0.0))
    if loudest <= 1e-10:
        return []
    heard = np.flatnonzero(power > loudest * 10 ** (_SILENCE_DB / 10))
    breaks = np.flatnonzero(np.diff(heard) * FRAME_SECONDS > _SHORTEST_SILENCE_SECONDS)
    starts = heard[np.concatenate([[0], breaks + 1])]
    ends = heard[np.concatenate([breaks, [len(heard) - 1]])] + 1
    return [
        (float(a * FRAME_SECONDS), float(min(b * FRAME_SECONDS, duration)))
        for a, b in zip(starts, ends, strict=True)
    ]


def draw_spans(
    active: Sequence[tuple[float, float]],
    duration: float,
    rng: np.random.Generator,
    jitter: float = 0.1,
) -> tuple[Span, ...]:
    """Mark a target as a user would.

    The edges are a little off; sometimes one occurrence only is marked, sometimes where it is not.

    Args:
        active: when the target is heard (`active_spans`).
        duration: of the scene in seconds.
        rng: random numbers.
        jitter: the most that an edge is off, in seconds.
    """
    if not active:
        return ()
    gaps = _gaps(active, duration)
    chosen = list(active)
    if len(active) > 1 and rng.random() < 0.3:
        chosen = [active[int(rng.integers(len(active)))]]
    marked = [(start, end, True) for start, end in chosen]
    if gaps and rng.random() < 0.3:
        marked += [(start, end, False) for start, end in gaps if rng.random() < 0.7]
    spans = []
    for start, end, positive in marked:
        first, last = np.clip(np.array([start, end]) + rng.uniform(-jitter, jitter, 2), 0, duration)
        if last - first >= 0.04:
            spans.append(Span(round(float(first), 3), round(float(last), 3), positive))
    return tuple(spans)


def draw_example(
    active: Sequence[tuple[float, float]], rng: np.random.Generator
) -> tuple[Span, ...]:
    """Mark one moment of a target, up to 3 s, as an example of what is wanted everywhere.

    Args:
        active: when the target is heard (`active_spans`).
        rng: random numbers.

    Returns:
        One span; none for silence.
    """
    if not active:
        return ()
    start, end = active[int(rng.integers(len(active)))]
    length = min(end - start, rng.uniform(0.4, 3.0))
    first = start + rng.uniform(0, end - start - length)
    # Half a frame of slack: the shortest sounds still reach one frame.
    return (Span(round(float(first), 3), round(float(first + max(length, 0.02)), 3)),)


def _gaps(active: Sequence[tuple[float, float]], duration: float) -> list[tuple[float, float]]:
    """The pauses of at least half a second, edges included."""
    edges = [0.0, *[t for span in active for t in span], duration]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(start, end) for start, end in pairs if end - start >= 0.5]
