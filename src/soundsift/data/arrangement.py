"""How a clip becomes a source of a scene: clips in time, and their recurrences.

Shapes: N samples at 48 kHz.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Clip
from soundsift.data.drawn import Edge, Piece, Stretch

#: One clip of these kinds fills the scene; clips of other kinds are events.
CONTINUOUS = frozenset({"music", "ambience"})

#: Pauses between events in seconds, and the probability that another event follows.
_RECURRENCE = {
    "speech": ((0.05, 0.7), 0.85),
    "instrument": ((0.0, 0.5), 0.85),
}
_RECURRENCE_OF_EFFECTS = ((0.1, 2.0), 0.65)
_FADE = SAMPLE_RATE // 10


def arrange(
    clip: Clip,
    siblings: Sequence[Clip],
    samples: int,
    sound: Callable[[Clip], Stretch],
    p_same_clip: float,
    rng: np.random.Generator,
) -> tuple[tuple[Piece, ...], Edge | None]:
    """Lay a clip and further clips of its voice or concept out in time.

    Args:
        clip: the first clip.
        siblings: clips that may follow it; `clip` may be among them.
        samples: N.
        sound: draws the part of a clip that is played.
        p_same_clip: probability that a sound other than speech recurs as the same clip.
        rng: random numbers.

    Returns:
        The pieces, none over another, and where a sound begins or ends within its clip.
    """
    first = sound(clip)
    if clip.kind in CONTINUOUS or first.samples > 0.7 * samples:
        return _fill(samples, first, rng)
    gaps, p_next = _RECURRENCE.get(clip.kind, _RECURRENCE_OF_EFFECTS)
    at = int(rng.uniform(0, 0.6 if clip.kind == "effect" else 0.3) * samples)
    pieces = []
    played = first
    while at < samples:
        end = min(samples, at + played.samples)
        pieces.append(Piece(played, at, 0, end - at))
        if rng.random() > p_next:
            break
        at = end + int(rng.uniform(*gaps) * SAMPLE_RATE)
        same = clip.kind != "speech" and rng.random() < p_same_clip
        played = first if same else sound(siblings[int(rng.integers(len(siblings)))])
    return tuple(pieces), None


def _fill(
    samples: int, played: Stretch, rng: np.random.Generator
) -> tuple[tuple[Piece, ...], Edge | None]:
    """Fill the scene from a random place of the sound; sometimes it begins or ends within it."""
    length = played.samples
    whole = length
    if length < samples:
        if rng.random() >= 0.6:
            at = int(rng.integers(samples - length + 1))
            return (Piece(played, at, 0, length),), None
        whole = length * -(-samples // length)  # over and over
    start = int(rng.integers(whole - samples + 1))
    pieces, at = [], 0
    while at < samples:
        skip = (start + at) % length
        taken = min(length - skip, samples - at)
        pieces.append(Piece(played, at, skip, taken))
        at += taken
    return tuple(pieces), _draw_edge(samples, rng)


def _draw_edge(samples: int, rng: np.random.Generator) -> Edge | None:
    draw = rng.random()
    if draw < 0.2:
        return Edge(int(rng.uniform(0.1, 0.6) * samples), _FADE - 1, rises=True)
    if draw < 0.4:
        return Edge(int(rng.uniform(0.4, 0.9) * samples) - _FADE, _FADE - 1, rises=False)
    return None
