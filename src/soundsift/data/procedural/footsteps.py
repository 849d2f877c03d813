"""Footsteps on several grounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from soundsift.data.procedural.events import modal, random_modes, scatter, times_by_density
from soundsift.data.procedural.synthesis import (
    Samples,
    Wave,
    decay,
    drift,
    finish,
    highpass,
    log_uniform,
    lowpass,
    resonance,
    room,
    sample_count,
    unit,
)

_Step = Callable[[np.random.Generator, int], Wave]


def step_times(generator: np.random.Generator, seconds: float) -> Wave:
    """Walking or running: 1.5 to 3 steps a second, the feet not quite alike."""
    period = float(generator.choice([generator.uniform(0.45, 0.68), generator.uniform(0.3, 0.42)]))
    times = np.arange(generator.uniform(0.02, 0.2), seconds, period)
    times = times + 0.02 * period * generator.standard_normal(len(times))
    times[1::2] += generator.uniform(-0.05, 0.05) * period
    return np.clip(times, 0, None)


def _walk(
    generator: np.random.Generator,
    seconds: float,
    sample_rate: int,
    step: _Step,
    rest: tuple[float, float],
) -> Samples:
    """Steps of one person; `rest` bounds the level of the room beside the steps."""
    samples = sample_count(seconds, sample_rate)
    times = step_times(generator, seconds)
    steps = [unit(step(generator, sample_rate)) for _ in range(min(8, len(times)))]
    gains = generator.uniform(0.6, 1, len(times))
    wave = scatter(samples, sample_rate, times, steps, gains)
    wave = room(generator, wave, sample_rate, generator.uniform(0.2, 1.0), generator.uniform(*rest))
    return finish(wave, sample_rate)


def _crunch(
    generator: np.random.Generator,
    sample_rate: int,
    length: float,
    density: float,
    low: float,
    high: float,
) -> Wave:
    """Loose ground that is pressed and pushed off: grains collide as often as force allows."""
    samples = sample_count(length, sample_rate)
    place = np.linspace(0, 1, samples)
    # Heel and toe: the force on the ground has two humps.
    toe = generator.uniform(0.5, 0.65)
    force = np.exp(-(((place - 0.18) / 0.12) ** 2)) + generator.uniform(0.5, 1) * np.exp(
        -(((place - toe) / 0.14) ** 2)
    )
    times = times_by_density(generator, density * force, sample_rate)
    grains = []
    for _ in range(24):
        size = sample_count(log_uniform(generator, 0.001, 0.008), sample_rate)
        grain = generator.standard_normal(size) * decay(size, sample_rate, size / sample_rate)
        hertz = log_uniform(generator, low, high)
        grains.append(unit(resonance(grain, hertz, hertz * 0.6, sample_rate)))
    gains = np.minimum(generator.pareto(1.8, len(times)) + 0.1, 8)
    choices = generator.integers(0, len(grains), len(times))
    wave = scatter(samples, sample_rate, times, grains, gains, choices)
    press = lowpass(generator.standard_normal(samples), high, sample_rate) * force
    return wave + 0.3 * float(np.sqrt(np.mean(wave**2))) * unit(
        highpass(press, low / 2, sample_rate)
    )


def _sole(
    generator: np.random.Generator,
    sample_rate: int,
    low: float,
    high: float,
    t60: float,
    hard: float,
) -> Wave:
    """A heel and then a toe on hard ground: each a click and the modes of the floor."""
    samples = sample_count(0.45, sample_rate)
    wave = np.zeros(samples)
    for start, gain in ((0.0, 1.0), (generator.uniform(0.05, 0.12), generator.uniform(0.2, 0.7))):
        modes = random_modes(generator, 12, low, high, t60, 0.4)
        size = sample_count(0.3, sample_rate)
        blow = unit(modal(*modes, size, sample_rate))
        tap = generator.standard_normal(size) * decay(size, sample_rate, 0.01)
        tap = lowpass(highpass(tap, 2 * high, sample_rate, 1), 5 * high, sample_rate, 1)
        blow += 0.3 * hard * unit(tap)
        thud = lowpass(generator.standard_normal(size), 180, sample_rate)
        blow += 0.6 * unit(thud * decay(size, sample_rate, 0.08))
        wave += scatter(samples, sample_rate, np.array([start]), [blow], gain)
    scuff = highpass(generator.standard_normal(samples), 1200, sample_rate, 1)
    scuff = lowpass(scuff, 3 * high, sample_rate)
    scuff *= np.exp(-(((np.linspace(0, 1, samples) - 0.3) / 0.15) ** 2))
    return wave + generator.uniform(0, 0.15) * unit(scuff)


def footsteps_on_wood(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Wooden floor: hollow modes of 80 to 900 Hz."""
    low, hard = log_uniform(generator, 70, 160), generator.uniform(0.1, 0.7)
    t60 = generator.uniform(0.06, 0.2)
    return _walk(
        generator,
        seconds,
        sample_rate,
        lambda g, r: _sole(g, r, low, low * 8, t60, hard),
        (0.1, 0.8),
    )


def footsteps_on_concrete(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Stone or concrete: short, hard clicks without a body."""
    low, hard = log_uniform(generator, 400, 1200), generator.uniform(0.6, 2)
    t60 = generator.uniform(0.01, 0.04)
    return _walk(
        generator,
        seconds,
        sample_rate,
        lambda g, r: _sole(g, r, low, low * 6, t60, hard),
        (0.1, 1.2),
    )


def footsteps_on_metal(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Metal stairs or grating: plates that ring for a good part of a second."""
    low, hard = log_uniform(generator, 120, 450), generator.uniform(0.1, 0.6)
    t60 = generator.uniform(0.25, 0.8)
    return _walk(
        generator,
        seconds,
        sample_rate,
        lambda g, r: _sole(g, r, low, low * 18, t60, hard),
        (0.1, 0.8),
    )


def footsteps_on_gravel(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Gravel: hundreds of stones that click between 1 and 7 kHz."""
    low, density = log_uniform(generator, 900, 1800), log_uniform(generator, 800, 3000)
    length = generator.uniform(0.22, 0.4)
    return _walk(
        generator,
        seconds,
        sample_rate,
        lambda g, r: _crunch(g, r, length, density, low, low * 5),
        (0.0, 0.15),
    )


def footsteps_in_snow(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Snow: a dense, soft crunch with a creak as crystals break and slide."""
    low, length = log_uniform(generator, 250, 700), generator.uniform(0.3, 0.5)
    creak = generator.uniform(0.0, 1.0)

    def step(source: np.random.Generator, rate: int) -> Wave:
        wave = unit(_crunch(source, rate, length, 5000, low, low * 5))
        pitch = 1 + 0.3 * drift(source, len(wave), rate, 8)
        slips = np.cumsum(source.uniform(60, 160) * pitch) / rate % 1
        squeak = resonance(np.exp(-8 * slips) * wave, low * 2.5, low, rate)
        thud = lowpass(source.standard_normal(len(wave)), 200, rate)
        thud *= decay(len(wave), rate, 0.25)
        return wave + creak * unit(squeak) + source.uniform(0.8, 2.5) * unit(thud)

    return _walk(generator, seconds, sample_rate, step, (0.0, 0.1))


def footsteps_in_leaves(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Dry leaves: bright crackling from 2 kHz up that lasts longer than the step."""
    low, density = log_uniform(generator, 1600, 3000), log_uniform(generator, 300, 1500)
    length = generator.uniform(0.35, 0.6)
    return _walk(
        generator,
        seconds,
        sample_rate,
        lambda g, r: _crunch(g, r, length, density, low, low * 4),
        (0.0, 0.1),
    )


def footsteps_on_grass(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Grass: a soft swish over a dull thud."""
    low, length = log_uniform(generator, 1000, 2800), generator.uniform(0.2, 0.4)

    def step(source: np.random.Generator, rate: int) -> Wave:
        swish = unit(_crunch(source, rate, length, 6000, low, low * 7))
        thud = lowpass(source.standard_normal(len(swish)), 130, rate)
        return swish + source.uniform(0.1, 0.7) * unit(thud * decay(len(swish), rate, 0.12))

    return _walk(generator, seconds, sample_rate, step, (0.0, 0.1))
