"""Clips laid into long recordings: now and then, or without end.

Waves are `(samples,)` at 48 kHz.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Bank, Clip, Samples, active_level_db

_FADE = round(0.02 * SAMPLE_RATE)


def lay_recurring(
    out: Samples,
    bank: Bank,
    clips: Sequence[Clip],
    count: int,
    longest: float,
    rng: np.random.Generator,
) -> list[tuple[float, float]]:
    """Lay clips in, one at a random place of each of `count` equal parts.

    Args:
        out: they are added to it.
        bank: has the clips.
        clips: one of them is drawn for each part.
        count: of the parts.
        longest: clips are cut off there, in seconds.
        rng: draws clips and places.

    Returns:
        (start, end) in seconds of each.
    """
    slot = len(out) / count
    times = []
    for i in range(count):
        clip = clips[int(rng.integers(len(clips)))]
        wave = bank.audio(clip, 0, round(longest * SAMPLE_RATE))[: int(slot)].copy()
        fade = min(_FADE, len(wave))
        wave[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        at = int(i * slot + rng.uniform(0, slot - len(wave)))
        out[at : at + len(wave)] += wave[: len(out) - at]
        times.append((at / SAMPLE_RATE, (at + len(wave)) / SAMPLE_RATE))
    return times


def endless(bank: Bank, clip: Clip, samples: int, rng: np.random.Generator) -> Samples:
    """A clip over and over, faded into itself, from a random place on."""
    wave = bank.audio(clip)
    fade = min(SAMPLE_RATE // 2, len(wave) // 4)
    rise = np.sqrt(np.linspace(0, 1, fade, dtype=np.float32))
    wave[:fade] *= rise
    wave[-fade:] *= rise[::-1]
    out = np.zeros(samples, np.float32)
    at = -int(rng.uniform(0, len(wave) - fade))
    while at < samples:
        start, end = max(0, at), min(samples, at + len(wave))
        out[start:end] += wave[start - at : end - at]
        at += len(wave) - fade
    return out


def levelled(wave: Samples, level_db: float) -> Samples:
    """A sound at a level while it is heard, in dB below full scale."""
    scaled: Samples = wave * np.float32(10 ** ((level_db - active_level_db(wave)) / 20))
    return scaled
