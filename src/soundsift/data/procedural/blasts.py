"""Fire, fireworks, shots and explosions."""

from __future__ import annotations

import numpy as np

from soundsift.data.procedural.events import random_times, regular_times, scatter, times_by_density
from soundsift.data.procedural.synthesis import (
    Samples,
    Wave,
    band_noise,
    decay,
    drift,
    finish,
    highpass,
    log_uniform,
    lowpass,
    resonance,
    room,
    sample_count,
    shaped_noise,
    sine,
    unit,
)


def fire(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Wood fire: crackles of a few milliseconds in clusters, hissing, and the flames' low roar."""
    samples = sample_count(seconds, sample_rate)
    snaps = []
    for _ in range(40):
        size = sample_count(log_uniform(generator, 0.001, 0.02), sample_rate)
        snap = generator.standard_normal(size) * decay(size, sample_rate, size / sample_rate)
        snaps.append(unit(resonance(snap, log_uniform(generator, 700, 9000), 2500, sample_rate)))
    bursts = np.exp(1.2 * drift(generator, samples, sample_rate, 4))
    times = times_by_density(generator, log_uniform(generator, 8, 80) * bursts, sample_rate)
    gains = np.minimum(generator.pareto(1.1, len(times)) + 0.05, 25)
    choices = generator.integers(0, len(snaps), len(times))
    wave = unit(scatter(samples, sample_rate, times, snaps, gains, choices) + 1e-9)
    flames = np.clip(1 + 0.5 * drift(generator, samples, sample_rate, 6), 0.1, None)
    roar = shaped_noise(
        generator, samples, sample_rate, ((30, 0), (150, 0), (900, -20), (6000, -40))
    )
    hiss = band_noise(generator, samples, sample_rate, 2500, 9000)
    wave += (
        generator.uniform(0.4, 2.5) * roar * flames + generator.uniform(0.01, 0.12) * hiss * flames
    )
    return finish(wave, sample_rate)


def _bang(
    generator: np.random.Generator, sample_rate: int, length: float, top: float, thump: float
) -> Wave:
    """A pressure wave: a sharp front, a body of noise that darkens, and a thump that falls."""
    size = sample_count(length, sample_rate)
    noise = generator.standard_normal(size)
    bright = lowpass(noise, top, sample_rate) * decay(size, sample_rate, length * 0.12)
    middle = unit(lowpass(noise, top / 4, sample_rate)) * decay(size, sample_rate, length * 0.4)
    dark = unit(lowpass(noise, top / 14, sample_rate)) * decay(size, sample_rate, length)
    fall = np.exp(-np.arange(size) / sample_rate / 0.08)
    boom = sine(thump * (1 + fall), size, sample_rate) * decay(size, sample_rate, length * 0.35)
    front = np.zeros(size)
    front[: max(2, sample_rate // 3000)] = 6.0
    return (
        unit(bright) * 1.5
        + 0.8 * middle
        + 0.5 * dark
        + 0.9 * boom
        + lowpass(front, top, sample_rate)
    )


def gunshot(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Single shots: a blast of milliseconds and the echo of the place."""
    samples = sample_count(seconds, sample_rate)
    shot = _bang(
        generator,
        sample_rate,
        log_uniform(generator, 0.15, 0.6),
        log_uniform(generator, 3000, 14000),
        generator.uniform(60, 160),
    )
    times = regular_times(generator, max(0.05, seconds - 0.3), generator.uniform(0.5, 2.0), 0.15)
    wave = scatter(samples, sample_rate, times, [shot], generator.uniform(0.8, 1, len(times)))
    wave = room(
        generator, wave, sample_rate, log_uniform(generator, 0.3, 3), generator.uniform(0.05, 0.6)
    )
    return finish(wave, sample_rate)


def machine_gun(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Bursts of 500 to 1000 shots per minute, with the clack of the bolt."""
    samples = sample_count(seconds, sample_rate)
    top, length = log_uniform(generator, 3000, 12000), generator.uniform(0.1, 0.3)
    shots = [_bang(generator, sample_rate, length, top, 110) for _ in range(3)]
    period = 60 / generator.uniform(500, 1000)
    times: list[float] = []
    at = generator.uniform(0, 0.2)
    while at < seconds - 0.2:
        count = int(generator.integers(3, 14))
        times += [at + period * i for i in range(count)]
        at = times[-1] + generator.uniform(0.3, 1.2)
    kept = np.array(times or [0.0])
    wave = scatter(samples, sample_rate, kept, shots, generator.uniform(0.85, 1, len(kept)))
    bolt = highpass(generator.standard_normal(sample_count(0.02, sample_rate)), 2000, sample_rate)
    bolt *= decay(len(bolt), sample_rate, 0.02)
    wave += 0.3 * scatter(samples, sample_rate, kept + period * 0.4, [bolt])
    wave = room(
        generator, wave, sample_rate, log_uniform(generator, 0.3, 2), generator.uniform(0.05, 0.5)
    )
    return finish(wave, sample_rate)


def explosion(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Explosion: a front, seconds of falling rumble, and debris that patters down."""
    samples = sample_count(seconds, sample_rate)
    length = min(seconds, generator.uniform(1.5, 4.5))
    bang = _bang(
        generator, sample_rate, length, log_uniform(generator, 500, 2500), generator.uniform(25, 60)
    )
    wave = scatter(samples, sample_rate, np.array([generator.uniform(0, 0.2)]), [bang])
    rumble = unit(
        lowpass(generator.standard_normal(samples), generator.uniform(70, 200), sample_rate)
    )
    wave += generator.uniform(0.5, 1.5) * rumble * decay(samples, sample_rate, length * 1.2)
    if generator.random() < 0.6:
        density = 150 * decay(samples, sample_rate, length * 1.5) + 0.01
        times = times_by_density(generator, density, sample_rate) + 0.3
        bits = [
            unit(
                resonance(
                    generator.standard_normal(n) * decay(n, sample_rate, n / sample_rate),
                    log_uniform(generator, 400, 4000),
                    800,
                    sample_rate,
                )
            )
            for n in generator.integers(sample_rate // 200, sample_rate // 25, 16)
        ]
        gains = 0.03 * generator.exponential(1, len(times))
        wave += scatter(samples, sample_rate, times, bits, gains)
    wave = np.tanh(wave / (generator.uniform(0.5, 1.2) * np.abs(wave).max()))
    wave = lowpass(wave, log_uniform(generator, 250, 1200), sample_rate, 1)
    return finish(
        wave * np.clip((seconds - np.arange(samples) / sample_rate) / 0.5, 0, 1), sample_rate
    )


def fireworks(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Rockets: a whistle that rises at times, a far bang with its echo, and crackling stars."""
    samples = sample_count(seconds, sample_rate)
    wave = np.zeros(samples)
    for start in random_times(generator, max(0.2, seconds - 0.8), generator.uniform(0.5, 2)):
        level = log_uniform(generator, 0.25, 1)
        bang = _bang(
            generator,
            sample_rate,
            generator.uniform(0.5, 1.6),
            log_uniform(generator, 1000, 6000),
            generator.uniform(40, 90),
        )
        wave += scatter(samples, sample_rate, np.array([start]), [bang], level)
        if generator.random() < 0.4:
            size = sample_count(generator.uniform(0.4, 1.2), sample_rate)
            low = generator.uniform(900, 2200)
            tone = sine(
                np.linspace(low, low * generator.uniform(1.3, 2.2), size), size, sample_rate
            )
            tone *= np.linspace(0.05, 0.3, size) * level
            at = np.array([start - size / sample_rate])
            wave += scatter(samples, sample_rate, np.maximum(at, 0), [tone])
        if generator.random() < 0.6:
            count = int(generator.integers(20, 120))
            times = start + generator.uniform(0.2, 0.5) + generator.gamma(2, 0.3, count)
            size = sample_count(0.012, sample_rate)
            star = highpass(generator.standard_normal(size), 2000, sample_rate)
            star *= decay(size, sample_rate, 0.012)
            wave += scatter(
                samples, sample_rate, times, [star], level * generator.exponential(0.3, count)
            )
    wave = room(generator, wave, sample_rate, generator.uniform(1, 3), generator.uniform(0.1, 0.6))
    return finish(wave, sample_rate)
