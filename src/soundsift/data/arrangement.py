"""How a clip becomes a source of a scene: clips in time, recurrences, active level, slow gain.

Shapes: N samples at 48 kHz.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Clip

Samples = NDArray[np.float32]

#: One clip of these kinds fills the scene; clips of other kinds are events.
CONTINUOUS = frozenset({"music", "ambience"})

#: Pauses between events in seconds, and the probability that another event follows.
_RECURRENCE = {
    "speech": ((0.05, 0.7), 0.85),
    "instrument": ((0.0, 0.5), 0.85),
}
_RECURRENCE_OF_EFFECTS = ((0.1, 2.0), 0.65)


def arrange(
    clip: Clip,
    siblings: Sequence[Clip],
    samples: int,
    sound: Callable[[Clip], Samples],
    p_same_clip: float,
    rng: np.random.Generator,
) -> Samples:
    """Lay a clip and further clips of its voice or concept out in time.

    Args:
        clip: the first clip.
        siblings: clips that may follow it; `clip` may be among them.
        samples: N.
        sound: loads the wave of a clip.
        p_same_clip: probability that a sound other than speech recurs as the same clip.
        rng: random numbers.

    Returns:
        `(N,)`.
    """
    out = np.zeros(samples, np.float32)
    first = sound(clip)
    if clip.kind in CONTINUOUS or len(first) > 0.7 * samples:
        _fill(out, first, rng)
        return out
    gaps, p_next = _RECURRENCE.get(clip.kind, _RECURRENCE_OF_EFFECTS)
    at = int(rng.uniform(0, 0.6 if clip.kind == "effect" else 0.3) * samples)
    wave = first
    while at < samples:
        end = min(samples, at + len(wave))
        out[at:end] += wave[: end - at]
        if rng.random() > p_next:
            break
        at = end + int(rng.uniform(*gaps) * SAMPLE_RATE)
        same = clip.kind != "speech" and rng.random() < p_same_clip
        wave = first if same else sound(siblings[int(rng.integers(len(siblings)))])
    return out


def _fill(out: Samples, wave: Samples, rng: np.random.Generator) -> None:
    """Fill `out` from a random place of the wave; sometimes the sound begins or ends within it."""
    samples = len(out)
    if len(wave) < samples:
        if rng.random() < 0.6:
            wave = np.tile(wave, -(-samples // len(wave)))
        else:
            at = int(rng.integers(samples - len(wave) + 1))
            out[at : at + len(wave)] = wave
            return
    start = int(rng.integers(len(wave) - samples + 1))
    out[:] = wave[start : start + samples]
    draw = rng.random()
    fade = SAMPLE_RATE // 10
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    if draw < 0.2:
        at = int(rng.uniform(0.1, 0.6) * samples)
        out[:at] = 0
        out[at : at + fade] *= ramp
    elif draw < 0.4:
        at = int(rng.uniform(0.4, 0.9) * samples)
        out[at:] = 0
        out[at - fade : at] *= ramp[::-1]


def active_level_db(wave: Samples) -> float:
    """Like `bank.active_level_db`, from every fourth sample: exact enough for drawing a level."""
    frame = SAMPLE_RATE // 200
    thinned = wave[::4]
    power = np.square(thinned[: len(thinned) // frame * frame].reshape(-1, frame)).mean(axis=1)
    loudest = float(power.max(initial=0.0))
    if loudest <= 0:
        return 0.0
    return float(10 * np.log10(power[power >= loudest * 1e-3].mean()))


def slow_gain(samples: int, rng: np.random.Generator, most_db: float = 6.0) -> Samples:
    """A gain that changes slowly, as of a source that moves: `(N,)`, within `most_db` of 1.

    Straight lines in dB between three to five random points.
    """
    points = int(rng.integers(3, 6))
    decibels = rng.uniform(-most_db, most_db, points)
    at = np.linspace(0, samples - 1, points)
    # One value per millisecond is smooth enough to be repeated.
    step = SAMPLE_RATE // 1000
    curve = np.interp(np.arange(0, samples, step), at, decibels)
    gain: Samples = np.repeat(10 ** (curve / 20), step)[:samples].astype(np.float32)
    return gain
