"""Building blocks of voices: a glottal source and the formants of a vocal tract."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soundsift.data.procedural.synthesis import (
    Wave,
    cycles,
    drift,
    lowpass,
    morph,
    resonances,
)

#: Formants in Hz of vowels spoken by men (the first three: Peterson and Barney, 1952).
VOWELS: dict[str, tuple[float, ...]] = {
    "a": (730, 1090, 2440, 3400),
    "e": (530, 1840, 2480, 3400),
    "i": (270, 2290, 3010, 3500),
    "o": (570, 840, 2410, 3400),
    "u": (300, 870, 2240, 3400),
    "er": (490, 1350, 1690, 3300),
}
_FORMANT_GAINS = (0.8, 1.0, 0.8, 0.55, 0.4)


def glottal_source(
    generator: np.random.Generator,
    hertz: Wave,
    sample_rate: int,
    *,
    opened: float = 0.6,
    rough: float = 0.0,
    breath: float = 0.03,
) -> Wave:
    """Slope of the flow through vibrating vocal folds (Rosenberg's pulse).

    Args:
        generator: source of jitter and breath.
        hertz: pitch over time.
        sample_rate: in Hz.
        opened: share of each cycle in which the folds are open; small is pressed, large is soft.
        rough: strength of the difference between cycles, 0 to 1.
        breath: level of noise.
    """
    samples = len(hertz)
    jitter = 1 + (0.004 + 0.05 * rough) * drift(generator, samples, sample_rate, 60)
    phase = cycles(hertz * jitter, samples, sample_rate, generator.uniform(0, 1))
    index = phase.astype(np.int64)
    place = phase - index
    rising = 0.67 * opened
    flow = np.where(
        place < rising,
        0.5 - 0.5 * np.cos(np.pi * place / rising),
        np.where(place < opened, np.cos(0.5 * np.pi * (place - rising) / (opened - rising)), 0),
    )
    force = 1 + (0.03 + 0.7 * rough) * generator.standard_normal(int(index[-1]) + 1)
    pulse = np.gradient(flow * force[index]) * sample_rate / np.maximum(hertz, 20)
    noise = lowpass(generator.standard_normal(samples), 6000, sample_rate, 1)
    return 0.3 * pulse + breath * noise * (0.5 + flow)


def formants(
    wave: Wave, hertz: Sequence[float], sample_rate: int, *, scale: float = 1.0, width: float = 1.0
) -> Wave:
    """Vocal tract with the given formants; `scale` above 1 is a shorter tract."""
    peaks = [
        (f * scale, width * (60 + 0.04 * f) * scale, gain)
        for f, gain in zip(hertz, _FORMANT_GAINS, strict=False)
    ]
    return resonances(wave, peaks, sample_rate)


def articulate(
    source: Wave, shapes: Sequence[Sequence[float]], position: Wave, sample_rate: int, scale: float
) -> Wave:
    """Vocal tract that moves between shapes: `position` is 0 for the first, 1 for the second ..."""
    return morph([formants(source, s, sample_rate, scale=scale) for s in shapes], position)
