"""Doors: knocking, slamming, creaking."""

from __future__ import annotations

import numpy as np

from soundsift.data.procedural.events import (
    click,
    modal,
    random_modes,
    scatter,
)
from soundsift.data.procedural.synthesis import (
    Samples,
    Wave,
    cycles,
    decay,
    drift,
    finish,
    highpass,
    log_uniform,
    lowpass,
    resonances,
    room,
    sample_count,
    swell,
    unit,
)


def _wood(
    generator: np.random.Generator, sample_rate: int, low: float, t60: float, length: float
) -> Wave:
    size = sample_count(length, sample_rate)
    knock = unit(modal(*random_modes(generator, 10, low, low * 9, t60, 0.5), size, sample_rate))
    contact = generator.standard_normal(size) * decay(size, sample_rate, 0.01)
    return knock + 0.4 * unit(contact)


def door_knock(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Knuckles on a door: two to five knocks, three to seven a second, then a pause."""
    samples = sample_count(seconds, sample_rate)
    low, t60 = log_uniform(generator, 90, 260), generator.uniform(0.05, 0.16)
    knocks = [_wood(generator, sample_rate, low, t60, 0.3) for _ in range(4)]
    times: list[float] = []
    at = generator.uniform(0, 0.15)
    while at < seconds - 0.1 or not times:
        gap = 1 / generator.uniform(3, 7)
        for _ in range(int(generator.integers(2, 6))):
            times.append(at)
            at += gap * generator.uniform(0.9, 1.1)
        at += generator.uniform(0.5, 1.5)
    wave = scatter(
        samples, sample_rate, np.array(times), knocks, generator.uniform(0.7, 1, len(times))
    )
    wave = lowpass(wave, log_uniform(generator, 700, 7000), sample_rate, 1)
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.3, 1.0), generator.uniform(0.1, 1)
    )
    return finish(wave, sample_rate)


def door_slam(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Door that falls shut: the latch, a low thud of the leaf, the rattle of its frame."""
    samples = sample_count(seconds, sample_rate)
    wave = np.zeros(samples)
    low = log_uniform(generator, 45, 120)
    for start in np.arange(
        generator.uniform(0.02, 0.3), max(0.1, seconds - 0.4), generator.uniform(1.2, 2.5)
    ):
        leaf = _wood(generator, sample_rate, low, generator.uniform(0.15, 0.4), 0.8)
        thud = lowpass(generator.standard_normal(len(leaf)), low * 2.5, sample_rate)
        leaf += generator.uniform(0.5, 1.5) * unit(thud * decay(len(leaf), sample_rate, 0.25))
        burst = lowpass(
            generator.standard_normal(len(leaf)), generator.uniform(1500, 5000), sample_rate
        )
        leaf += generator.uniform(0.4, 1.2) * unit(burst * decay(len(leaf), sample_rate, 0.06))
        wave += scatter(samples, sample_rate, np.array([start]), [leaf])
        latch = click(generator, sample_rate, 900, 5000, 0.03)
        times = start + np.array(
            [-0.03, generator.uniform(0.03, 0.09), generator.uniform(0.1, 0.2)]
        )
        wave += generator.uniform(0.3, 1) * scatter(
            samples, sample_rate, np.abs(times), [unit(latch)], np.array([0.6, 1, 0.4])
        )
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.4, 1.4), generator.uniform(0.2, 1.2)
    )
    return finish(wave, sample_rate)


def door_creak(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Hinge: stick and slip 15 to 500 times a second, faster and slower, through the wood."""
    samples = sample_count(seconds, sample_rate)
    path = drift(generator, samples, sample_rate, generator.uniform(0.5, 1.5))
    rate = log_uniform(generator, 30, 180) * np.exp(0.9 * path)
    phase = cycles(
        rate * (1 + 0.06 * drift(generator, samples, sample_rate, 30)), samples, sample_rate
    )
    index = phase.astype(np.int64)
    force = generator.uniform(0.5, 1.3, int(index[-1]) + 1)[index]
    slip = force * np.exp(-generator.uniform(8, 20) * (phase - index))
    source = highpass(slip, 200, sample_rate) + 0.05 * generator.standard_normal(samples) * slip
    wood = [(log_uniform(generator, 500, 8000), generator.uniform(30, 250), 1.0) for _ in range(9)]
    wave = 0.2 * unit(source) + unit(resonances(source, wood, sample_rate))
    moving = np.clip(0.9 + 1.2 * drift(generator, samples, sample_rate, 0.8), 0, 1)
    wave = wave * moving * swell(samples, sample_rate, 0.05, 0.1)
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.3, 1.2), generator.uniform(0.05, 0.6)
    )
    return finish(wave, sample_rate)
