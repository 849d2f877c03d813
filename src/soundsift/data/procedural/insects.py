"""Insects: crickets, cicadas, bees, mosquitoes, flies."""

from __future__ import annotations

import numpy as np

from soundsift.data.procedural.events import regular_times, scatter
from soundsift.data.procedural.synthesis import (
    Samples,
    Wave,
    curve,
    cycles,
    drift,
    falling_gains,
    finish,
    harmonic_tone,
    log_uniform,
    lowpass,
    resonances,
    sample_count,
    shaped_noise,
    swell,
    unit,
)


def _cricket(generator: np.random.Generator, seconds: float, sample_rate: int) -> Wave:
    """One cricket: chirps of two to five pulses of a nearly pure tone, or an endless trill."""
    samples = sample_count(seconds, sample_rate)
    carrier = generator.uniform(2800, 5600)
    pulse_rate = generator.uniform(22, 65)
    size = sample_count(generator.uniform(0.5, 0.75) / pulse_rate, sample_rate)
    bend = carrier * (1 - 0.03 * np.linspace(0, 1, size))
    pulse = harmonic_tone(bend, [1, generator.uniform(0.01, 0.08)], size, sample_rate)
    pulse *= np.hanning(size)
    if generator.random() < 0.3:
        times = regular_times(generator, seconds, 1 / pulse_rate, 0.01)
    else:
        pulses = np.arange(int(generator.integers(2, 6))) / pulse_rate
        period = max(generator.uniform(0.28, 1.1), pulses[-1] * 1.5)
        times = (regular_times(generator, seconds, period, 0.02)[:, None] + pulses).ravel()
    return scatter(samples, sample_rate, times, [pulse], generator.uniform(0.8, 1, len(times)))


def crickets(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """One to eight crickets at different distances."""
    wave = np.zeros(sample_count(seconds, sample_rate))
    for number in range(int(generator.integers(1, 9))):
        level = 1.0 if number == 0 else log_uniform(generator, 0.03, 0.7)
        wave += level * _cricket(generator, seconds, sample_rate)
    wave += 10 ** (generator.uniform(-60, -40) / 20) * generator.standard_normal(len(wave))
    return finish(wave, sample_rate)


def cicadas(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Cicadas: clicks of the tymbal excite a resonance at 3 to 9 kHz, in a slow swell."""
    samples = sample_count(seconds, sample_rate)
    wave = np.zeros(samples)
    for number in range(int(generator.integers(1, 6))):
        centre = generator.uniform(3000, 8500)
        clicks = log_uniform(generator, 80, 450)
        rate = clicks * (1 + 0.02 * drift(generator, samples, sample_rate, 2))
        gate = np.exp(-generator.uniform(2, 6) * (cycles(rate, samples, sample_rate) % 1))
        noise = generator.standard_normal(samples) * gate
        peaks = [
            (centre, generator.uniform(300, 1500), 1.0),
            (centre * generator.uniform(1.2, 1.6), 1500.0, 0.4),
        ]
        song = unit(resonances(noise, peaks, sample_rate))
        if generator.random() < 0.5:  # phrases, four to twelve a second
            beat = generator.uniform(1.5, 12)
            song *= 0.25 + np.clip(np.sin(2 * np.pi * cycles(beat, samples, sample_rate)), 0, 1)
        song *= np.exp(0.4 * drift(generator, samples, sample_rate, 0.4))
        wave += song * (1 if number == 0 else generator.uniform(0.1, 0.8))
    return finish(wave, sample_rate)


def _wings(
    generator: np.random.Generator, samples: int, sample_rate: int, hertz: float, power: float
) -> tuple[Wave, Wave]:
    """Tone of beating wings, its pitch wandering, and its distance as a gain."""
    wander = 1 + 0.025 * drift(generator, samples, sample_rate, 2.5)
    wander += 0.006 * drift(generator, samples, sample_rate, 15)
    gains = falling_gains(40, power) * generator.uniform(0.3, 1.5, 40)
    tone = harmonic_tone(hertz * wander, gains, samples, sample_rate)
    distance = np.exp(generator.uniform(0.3, 1.2) * drift(generator, samples, sample_rate, 1.2))
    return unit(tone), distance


def bees(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Bees: wings at 170 to 270 beats a second, one close by, or a swarm."""
    samples = sample_count(seconds, sample_rate)
    wave = np.zeros(samples)
    for _ in range(int(generator.choice([1, 2, 5, 12]))):
        tone, gain = _wings(generator, samples, sample_rate, generator.uniform(170, 270), 1.0)
        wave += tone * gain
    air = shaped_noise(generator, samples, sample_rate, ((150, 0), (1500, -6), (8000, -25)))
    return finish(unit(wave) + 0.08 * air, sample_rate)


def mosquito(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Mosquito: a thin whine of 400 to 800 Hz that comes near and goes."""
    samples = sample_count(seconds, sample_rate)
    tone, gain = _wings(generator, samples, sample_rate, generator.uniform(400, 800), 1.3)
    visits = curve(samples, [(0, 0.1), (generator.uniform(0.2, 0.8), 1), (1, 0.1)])
    return finish(tone * gain * visits, sample_rate)


def fly(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """House fly or bumblebee: starts, bumps and lands abruptly, at 120 to 230 beats a second."""
    samples = sample_count(seconds, sample_rate)
    tone, gain = _wings(generator, samples, sample_rate, generator.uniform(120, 230), 0.8)
    envelope = np.zeros(samples)
    at = 0
    while at < samples:
        size = min(samples - at, sample_count(log_uniform(generator, 0.15, 2.0), sample_rate))
        envelope[at : at + size] = swell(size, sample_rate, 0.03, 0.02)
        at += size + sample_count(log_uniform(generator, 0.03, 0.6), sample_rate)
    buzz = 1 + 0.4 * lowpass(generator.standard_normal(samples), 60, sample_rate)
    return finish(tone * gain * envelope * buzz, sample_rate)
