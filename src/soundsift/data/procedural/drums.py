"""Drums and cymbals."""

from __future__ import annotations

import numpy as np

from soundsift.data.procedural.events import MEMBRANE, modal, random_modes, scatter
from soundsift.data.procedural.synthesis import (
    Samples,
    Wave,
    band_noise,
    decay,
    finish,
    highpass,
    log_uniform,
    lowpass,
    room,
    sample_count,
    sine,
    unit,
)


def _kick(generator: np.random.Generator, sample_rate: int) -> Wave:
    size = sample_count(0.7, sample_rate)
    end = generator.uniform(40, 75)
    time = np.arange(size) / sample_rate
    # The tension of the head falls after the blow, and the pitch with it.
    hertz = end * (1 + generator.uniform(1, 4) * np.exp(-time / generator.uniform(0.01, 0.04)))
    body = sine(hertz, size, sample_rate) * decay(size, sample_rate, generator.uniform(0.2, 0.6))
    beater = lowpass(generator.standard_normal(size), generator.uniform(1500, 5000), sample_rate)
    return body + generator.uniform(0.1, 0.8) * beater * decay(size, sample_rate, 0.02)


def _membrane(generator: np.random.Generator, sample_rate: int, hertz: float, t60: float) -> Wave:
    size = sample_count(1.2 * t60 + 0.1, sample_rate)
    shape = np.array(MEMBRANE)
    gains = generator.uniform(0.2, 1, len(shape)) / shape
    wave = modal(hertz * shape, t60 / shape**0.8, gains, size, sample_rate)
    bend = 1 + 0.25 * np.exp(-np.arange(size) / sample_rate / 0.04)
    wave += sine(hertz * bend, size, sample_rate) * decay(size, sample_rate, t60)
    stick = highpass(generator.standard_normal(size), 800, sample_rate)
    return wave + generator.uniform(0.1, 0.6) * stick * decay(size, sample_rate, 0.015)


def _snare(generator: np.random.Generator, sample_rate: int) -> Wave:
    head = _membrane(
        generator, sample_rate, generator.uniform(150, 260), generator.uniform(0.12, 0.3)
    )
    size = max(len(head), sample_count(0.5, sample_rate))
    head = np.pad(head, (0, size - len(head)))
    wires = band_noise(generator, size, sample_rate, generator.uniform(1200, 3000), 10000)
    wires *= decay(size, sample_rate, generator.uniform(0.12, 0.4))
    return unit(head) + generator.uniform(0.6, 2) * unit(wires)


def _cymbal(generator: np.random.Generator, sample_rate: int, t60: float, low: float) -> Wave:
    """Hundreds of modes that overlap: noise with ragged lines, the highest fading first."""
    size = sample_count(t60, sample_rate)
    hertz, times, gains = random_modes(generator, 60, low, 15000, t60, 0.25)
    wave = unit(modal(hertz, times, gains, size, sample_rate))
    noise = band_noise(generator, size, sample_rate, low * 3, 14000)
    wave += generator.uniform(0.5, 1.5) * noise * decay(size, sample_rate, t60 * 0.8)
    return highpass(wave, low * 1.5, sample_rate)


def _strokes(
    generator: np.random.Generator, seconds: float, sample_rate: int, drums: list[Wave]
) -> Samples:
    """One pattern of strokes, repeated, some of them missing; or single blows far apart."""
    samples = sample_count(seconds, sample_rate)
    step = generator.uniform(0.1, 0.3)
    pattern = generator.random(int(generator.choice([4, 8, 16]))) < generator.uniform(0.25, 0.8)
    pattern[0] = True
    if generator.random() < 0.25:
        step, pattern = generator.uniform(0.5, 1.5), np.array([True])
    steps = np.arange(int(seconds / step) + 1)
    steps = steps[pattern[steps % len(pattern)]]
    times = np.abs(steps * step + 0.005 * generator.standard_normal(len(steps)))
    gains = generator.uniform(0.4, 1, len(times))
    gains[0] = 1
    wave = scatter(samples, sample_rate, times, [unit(d) for d in drums], gains)
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.15, 1.0), generator.uniform(0, 0.3)
    )
    return finish(wave, sample_rate)


def kick_drum(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Bass drum: a pitch that falls to 40 to 75 Hz, and the click of the beater."""
    return _strokes(generator, seconds, sample_rate, [_kick(generator, sample_rate)])


def snare_drum(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Snare drum: a membrane and the rattle of wires."""
    return _strokes(generator, seconds, sample_rate, [_snare(generator, sample_rate)])


def tom_drum(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Tom-toms: membranes of 70 to 220 Hz."""
    low, t60 = log_uniform(generator, 70, 150), generator.uniform(0.3, 1.0)
    toms = [
        _membrane(generator, sample_rate, low * ratio, t60 / ratio)
        for ratio in (1.0, generator.uniform(1.2, 1.5), generator.uniform(1.5, 2.0))
    ]
    return _strokes(generator, seconds, sample_rate, toms[: int(generator.integers(1, 4))])


def hi_hat(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Hi-hat: closed strokes of 50 ms or so, at times an open one."""
    low = log_uniform(generator, 1500, 4000)
    closed = [_cymbal(generator, sample_rate, generator.uniform(0.04, 0.12), low) for _ in range(3)]
    if generator.random() < 0.4:
        closed.append(_cymbal(generator, sample_rate, generator.uniform(0.3, 0.8), low))
    return _strokes(generator, seconds, sample_rate, closed)


def crash_cymbal(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Crash cymbal: a burst that rings for seconds."""
    samples = sample_count(seconds, sample_rate)
    crash = _cymbal(
        generator, sample_rate, generator.uniform(1.5, 4), log_uniform(generator, 250, 700)
    )
    times = np.arange(0.01, seconds, generator.uniform(1.5, 4))
    gains = generator.uniform(0.6, 1, len(times))
    return finish(scatter(samples, sample_rate, times, [crash], gains), sample_rate)


def drum_kit(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """A beat on a kit: bass drum and snare drum in turn, hi-hat throughout, fills on toms."""
    samples = sample_count(seconds, sample_rate)
    step = 60 / generator.uniform(75, 170) / 4
    steps = np.arange(int(seconds / step) + 1)
    place = steps % 16
    kicks = np.isin(place, [0, 8]) | (np.isin(place, generator.choice(16, 3)) & (place != 4))
    snares = np.isin(place, [4, 12]) | ((place == generator.integers(0, 16)) & (steps > 16))
    hats = place % int(generator.choice([1, 2, 2, 4])) == 0
    fills = (steps // 16 % 4 == 3) & (place >= 12)
    wave = np.zeros(samples)
    low = log_uniform(generator, 80, 140)
    parts = (
        (kicks, [_kick(generator, sample_rate)], 1.0),
        (snares & ~fills, [_snare(generator, sample_rate)], 0.9),
        (hats & ~fills, [_cymbal(generator, sample_rate, 0.08, 2500) for _ in range(3)], 0.35),
        (fills, [_membrane(generator, sample_rate, low * r, 0.5) for r in (1.8, 1.4, 1.0)], 0.9),
    )
    for chosen, drums, level in parts:
        times = steps[chosen] * step
        gains = level * generator.uniform(0.7, 1, len(times))
        wave += scatter(samples, sample_rate, times, [unit(d) for d in drums], gains)
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.2, 0.8), generator.uniform(0, 0.3)
    )
    return finish(wave, sample_rate)
