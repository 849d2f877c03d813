"""Wind, rain and thunder."""

from __future__ import annotations

import numpy as np

from soundsift.data.procedural.events import (
    bubble,
    modal,
    random_modes,
    random_times,
    scatter,
    times_by_density,
)
from soundsift.data.procedural.synthesis import (
    Samples,
    Wave,
    band_noise,
    decay,
    drift,
    finish,
    log_uniform,
    lowpass,
    morph,
    resonance,
    sample_count,
    shaped_noise,
    unit,
)


def _gusts(generator: np.random.Generator, samples: int, sample_rate: int) -> Wave:
    """Speed of the wind beside its mean: slow swells with faster turbulence."""
    slow = drift(generator, samples, sample_rate, generator.uniform(0.1, 0.5))
    fast = drift(generator, samples, sample_rate, generator.uniform(1, 3))
    speed: Wave = np.exp(generator.uniform(0.2, 0.6) * slow + 0.15 * fast)
    speed /= speed.mean()
    return speed


def wind(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Wind outdoors: turbulence whose level and bandwidth follow the gusts, and edges that whistle.

    Vortices leave an edge at a frequency that is proportional to the speed of the wind.
    """
    samples = sample_count(seconds, sample_rate)
    speed = _gusts(generator, samples, sample_rate)
    top = log_uniform(generator, 90, 350)
    tilt = generator.uniform(24, 45)
    bands = [
        shaped_noise(
            generator,
            samples,
            sample_rate,
            ((30, 0), (top * 2**i, -3), (top * 2 ** (i + 3), -tilt)),
        )
        for i in range(4)
    ]
    wave = morph(bands, np.clip(1.2 + 1.5 * np.log2(speed), 0, 3)) * speed**2
    for _ in range(int(generator.integers(0, 4))):
        pitch = log_uniform(generator, 250, 1400)
        # Narrow noise, moved in pitch: the product of a slow noise and an oscillator.
        slow = lowpass(generator.standard_normal(samples), pitch * 0.02, sample_rate)
        angle = 2 * np.pi * np.cumsum(pitch * np.sqrt(speed)) / sample_rate
        quadrature = lowpass(generator.standard_normal(samples), pitch * 0.02, sample_rate)
        tone = unit(slow * np.sin(angle) + quadrature * np.cos(angle))
        wave += generator.uniform(0.05, 0.5) * tone * np.clip(speed - 0.6, 0, None) ** 2
    return finish(wave, sample_rate)


def leaves_rustling(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Wind in leaves: a crowd of tiny collisions between 2 and 12 kHz that follows the gusts."""
    samples = sample_count(seconds, sample_rate)
    speed = _gusts(generator, samples, sample_rate)
    low = log_uniform(generator, 900, 3000)
    hiss = shaped_noise(
        generator, samples, sample_rate, ((low / 4, -30), (low, 0), (low * 4, -2), (18000, -18))
    )
    grains = [
        generator.standard_normal(size) * decay(size, sample_rate, size / sample_rate)
        for size in generator.integers(sample_rate // 1500, sample_rate // 150, 24)
    ]
    density = generator.uniform(50, 500) * speed**3
    times = times_by_density(generator, density, sample_rate)
    gains = generator.exponential(1, len(times))
    ticks = scatter(samples, sample_rate, times, grains, gains)
    ticks = resonance(ticks, low * 2, low * 2, sample_rate)
    return finish(unit(hiss * speed**2) + generator.uniform(0.2, 0.8) * unit(ticks), sample_rate)


def _drops(
    generator: np.random.Generator,
    samples: int,
    sample_rate: int,
    rate: float,
    grains: list[Wave],
) -> Wave:
    """So many drops a second; most fall far away, a few close by."""
    times = random_times(generator, samples / sample_rate, rate)
    gains = generator.pareto(1.6, len(times)) + 0.1
    choices = generator.integers(0, len(grains), len(times))
    return scatter(samples, sample_rate, times, grains, np.minimum(gains, 12), choices)


def _splashes(generator: np.random.Generator, sample_rate: int, hard: bool) -> list[Wave]:
    """Drops on the ground: a click of a millisecond or two, and on puddles a bubble as well."""
    grains = []
    for _ in range(40):
        size = sample_count(log_uniform(generator, 0.002, 0.012), sample_rate)
        noise = generator.standard_normal(size) * decay(size, sample_rate, size / sample_rate)
        grain = unit(resonance(noise, log_uniform(generator, 1500, 9000), 3000, sample_rate))
        if not hard and generator.random() < 0.5:
            plop = bubble(generator, log_uniform(generator, 0.0006, 0.0025), sample_rate)
            grain = np.pad(grain, (0, max(0, len(plop) - len(grain))))
            grain[: len(plop)] += plop
        grains.append(grain)
    return grains


def light_rain(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Light rain: drops that can be told apart over a soft hiss."""
    samples = sample_count(seconds, sample_rate)
    grains = _splashes(generator, sample_rate, hard=generator.random() < 0.4)
    wave = unit(_drops(generator, samples, sample_rate, log_uniform(generator, 60, 500), grains))
    low = log_uniform(generator, 800, 3000)
    hiss = shaped_noise(
        generator, samples, sample_rate, ((low / 6, -20), (low, 0), (7000, 0), (18000, -12))
    )
    return finish(wave + generator.uniform(0.2, 1.0) * hiss, sample_rate)


def heavy_rain(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Heavy rain: thousands of drops a second merge into a broad, even noise."""
    samples = sample_count(seconds, sample_rate)
    grains = _splashes(generator, sample_rate, hard=False)
    wave = unit(_drops(generator, samples, sample_rate, log_uniform(generator, 1000, 5000), grains))
    low = log_uniform(generator, 200, 1200)
    tilt = generator.uniform(-14, 0)
    roar = shaped_noise(
        generator,
        samples,
        sample_rate,
        ((low / 4, -15), (low, 0), (6000, tilt), (18000, tilt - 15)),
    )
    swell = 1 + 0.12 * drift(generator, samples, sample_rate, 0.6)
    return finish((wave + generator.uniform(0.8, 2) * roar) * swell, sample_rate)


def rain_on_roof(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Rain on a roof, tent or window: each drop makes a panel ring shortly."""
    samples = sample_count(seconds, sample_rate)
    low = log_uniform(generator, 150, 900)
    t60 = log_uniform(generator, 0.02, 0.12)
    grains = []
    for _ in range(32):
        modes = random_modes(generator, 7, low, low * 10, t60 * generator.uniform(0.6, 1.4), 0.4)
        size = sample_count(t60 * 1.5, sample_rate)
        tap = modal(*modes, size, sample_rate)
        tap += 0.4 * generator.standard_normal(size) * decay(size, sample_rate, 0.004)
        grains.append(tap)
    wave = unit(_drops(generator, samples, sample_rate, log_uniform(generator, 60, 900), grains))
    outside = shaped_noise(
        generator, samples, sample_rate, ((100, -6), (600, 0), (3000, -8), (12000, -30))
    )
    return finish(wave + generator.uniform(0.1, 0.7) * outside, sample_rate)


def thunder(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Thunder: claps from parts of a bent channel arrive one after another; far ones only rumble.

    Air takes the high frequencies: the further the lightning, the lower and longer its thunder.
    """
    samples = sample_count(seconds, sample_rate)
    far = generator.uniform(0, 1)
    span = max(0.5, seconds * (0.25 + 0.35 * far))
    start = generator.uniform(0, 0.15)
    count = int(generator.integers(8, 30))
    times = start + np.sort(generator.beta(1, 1.6 + far, count)) * span
    times[0] = start
    gains = generator.pareto(1.5, count) + 0.3
    wave = np.zeros(samples)
    for group, pieces in enumerate(np.array_split(np.arange(count), 4)):
        # Later parts are further away: darker.
        top = 5000 * 0.15**far * 0.65**group
        claps = []
        for _ in pieces:
            size = sample_count(generator.uniform(0.5, 2.2), sample_rate)
            noise = lowpass(generator.standard_normal(size), top, sample_rate, 1)
            noise = unit(noise) + generator.uniform(0.2, 1) * unit(lowpass(noise, 140, sample_rate))
            rise = 1 - np.exp(-np.arange(size) / sample_rate / (0.002 + 0.06 * far))
            claps.append(noise * rise * decay(size, sample_rate, size / sample_rate * 1.1))
        wave += scatter(samples, sample_rate, times[pieces], claps, gains[pieces] * 0.75**group)
    if far < 0.4:  # the sharp tear before a near clap
        tear = band_noise(generator, samples, sample_rate, 800, 6000)
        flashes = np.clip(drift(generator, samples, sample_rate, 40), 0, None) ** 2
        place = np.arange(samples) / sample_rate - start
        wave += (1 - far) * tear * flashes * np.where(place > 0, np.exp(-place / 0.25), 0)
    tail = np.clip((seconds - np.arange(samples) / sample_rate) / (0.4 * seconds), 0, 1)
    return finish(wave * tail, sample_rate)
