"""Building blocks of sounds that consist of events: when they happen, and how bodies ring."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from soundsift.data.procedural.synthesis import Wave, decay, sample_count

#: Frequency ratios of the modes of ideal bodies (Fletcher and Rossing, The Physics of Musical
#: Instruments, 2nd edition): a free bar, a clamped bar, a round membrane, a glass, a church bell.
FREE_BAR = (1.0, 2.756, 5.404, 8.933, 13.34, 18.64)
CLAMPED_BAR = (1.0, 6.267, 17.55, 34.39)
MEMBRANE = (1.0, 1.594, 2.136, 2.296, 2.653, 2.918, 3.156, 3.501, 3.6, 4.06)
GLASS = (1.0, 2.32, 4.25, 6.63, 9.38, 12.2)
CHURCH_BELL = (0.5, 1.0, 1.2, 1.5, 2.0, 2.5, 2.67, 3.01, 4.17, 5.43, 6.8)


def regular_times(
    generator: np.random.Generator, seconds: float, period: float, jitter: float = 0.0
) -> Wave:
    """Times of periodic events, at least one; jitter is a share of the period."""
    start = generator.uniform(0, min(period, seconds) * 0.3)
    times = np.arange(start, seconds, period)
    times = times + period * jitter * generator.standard_normal(len(times))
    return np.clip(times[: max(1, int(np.sum(times < seconds)))], 0, 0.999 * seconds)


def random_times(generator: np.random.Generator, seconds: float, rate: float) -> Wave:
    """Sorted times of independent events (a Poisson process), at least one; rate per second."""
    count = max(1, int(generator.poisson(rate * seconds)))
    return np.sort(generator.uniform(0, seconds, count))


def times_by_density(generator: np.random.Generator, density: Wave, sample_rate: int) -> Wave:
    """Sorted times of independent events whose rate per second follows `density`."""
    expected = np.cumsum(density) / sample_rate
    count = int(generator.poisson(expected[-1]))
    draws = np.sort(generator.uniform(0, expected[-1], count))
    return np.interp(draws, expected, np.arange(len(density)) / sample_rate)


def scatter(
    samples: int,
    sample_rate: int,
    times: Wave,
    grains: Sequence[Wave],
    gains: Wave | float = 1.0,
    choices: NDArray[np.int64] | None = None,
) -> Wave:
    """Sum of short sounds placed in time.

    Args:
        samples: length of the result.
        sample_rate: in Hz.
        times: start of each event in seconds.
        grains: the sounds.
        gains: one for each event, or one for all.
        choices: index into `grains` for each event; without, they take turns.
    """
    wave = np.zeros(samples)
    starts = np.round(np.asarray(times) * sample_rate).astype(np.int64)
    levels = np.broadcast_to(np.asarray(gains, dtype=np.float64), starts.shape)
    for event, (start, gain) in enumerate(zip(starts.tolist(), levels.tolist(), strict=True)):
        if not 0 <= start < samples:
            continue
        grain = grains[event % len(grains) if choices is None else int(choices[event])]
        wave[start : start + len(grain)] += gain * grain[: samples - start]
    return wave


def modal(
    hertz: Sequence[float] | Wave,
    t60: Sequence[float] | Wave,
    gains: Sequence[float] | Wave,
    samples: int,
    sample_rate: int,
) -> Wave:
    """Free vibration of a body after a blow: decaying sines; modes out of range are left out."""
    wave = np.zeros(samples)
    impulse = np.zeros(samples)
    impulse[0] = 1.0
    for frequency, time, gain in zip(hertz, t60, gains, strict=True):
        if not 15 <= frequency <= 0.45 * sample_rate:
            continue
        size = min(samples, sample_count(1.3 * time, sample_rate))
        angle = 2 * np.pi * frequency / sample_rate
        # Two poles answer an impulse with a decaying sine: far cheaper than sine and exponential.
        radius = 10 ** (-3 / (max(time, 1e-4) * sample_rate))
        poles = (1.0, -2 * radius * np.cos(angle), radius**2)
        wave[:size] += lfilter((0.0, gain * radius * np.sin(angle)), poles, impulse[:size])
    return wave


def struck_body(
    generator: np.random.Generator,
    fundamental: float,
    ratios: Sequence[float] | Wave,
    t60: float,
    samples: int,
    sample_rate: int,
    *,
    damping: float = 0.7,
    hardness: float = 4000.0,
    spread: float = 0.01,
) -> Wave:
    """A body struck at a random place.

    Args:
        generator: source of the place and the body's irregularity.
        fundamental: in Hz, of ratio 1.
        ratios: frequencies of its modes beside the fundamental.
        t60: decay time of the fundamental in seconds.
        samples: length.
        sample_rate: in Hz.
        damping: decay times fall with frequency to this power.
        hardness: of the blow: modes above this frequency in Hz are softer, by 12 dB per octave.
        spread: relative deviation of the modes from the ideal body.
    """
    shape = np.asarray(ratios, dtype=np.float64)
    hertz = fundamental * shape * (1 + spread * generator.standard_normal(len(shape)))
    times = t60 * np.maximum(shape, 0.3) ** -damping
    gains = np.abs(generator.normal(1, 0.35, len(shape))) / (1 + (hertz / hardness) ** 2)
    return modal(hertz, times, gains, samples, sample_rate)


def random_modes(
    generator: np.random.Generator, count: int, low: float, high: float, t60: float, power: float
) -> tuple[Wave, Wave, Wave]:
    """Modes of an irregular body: frequencies in Hz, decay times in seconds, and gains.

    Args:
        generator: source of the modes.
        count: how many.
        low: lowest frequency in Hz.
        high: highest frequency in Hz.
        t60: decay time at the lowest frequency.
        power: decay times fall with frequency to this power.
    """
    hertz = np.sort(np.exp(generator.uniform(np.log(low), np.log(high), count)))
    times = t60 * (hertz / low) ** -power * generator.uniform(0.6, 1.4, count)
    return hertz, times, np.abs(generator.standard_normal(count)) + 0.1


def click(
    generator: np.random.Generator, sample_rate: int, low: float, high: float, seconds: float
) -> Wave:
    """A short burst of noise with modes between two frequencies: switches, ticks, latches."""
    samples = sample_count(seconds * 1.3, sample_rate)
    hertz, times, gains = random_modes(generator, 8, low, high, seconds, 0.3)
    ringing = modal(hertz, times, gains, samples, sample_rate)
    noise = generator.standard_normal(samples) * decay(samples, sample_rate, seconds * 0.3)
    return ringing / 3 + 0.5 * noise


def bubble(
    generator: np.random.Generator, radius: float, sample_rate: int, rise: float | None = None
) -> Wave:
    """One bubble in water (van den Doel, Physically-based models for liquid sounds, 2005).

    Args:
        generator: source of its rise.
        radius: in metres, 0.0003 to 0.02; the pitch is 3 / radius Hz.
        sample_rate: in Hz.
        rise: slope of the pitch beside its damping; without, a random one, mostly 0.
    """
    hertz = 3.0 / radius
    damping = 0.13 / radius + 0.0072 * radius**-1.5
    slope = rise if rise is not None else max(0.0, float(generator.normal(0, 0.1)))
    size = sample_count(min(0.3, 7 / damping), sample_rate)
    time = np.arange(size) / sample_rate
    pitch = np.minimum(hertz * (1 + slope * damping * time), 0.45 * sample_rate)
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    onset = np.minimum(1, time / (0.5 / hertz))
    ringing: Wave = np.sin(phase) * np.exp(-damping * time) * onset
    return ringing
