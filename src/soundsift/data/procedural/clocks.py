"""Clocks: ticking, striking, cuckoo."""

from __future__ import annotations

import numpy as np

from soundsift.data.procedural.events import (
    CLAMPED_BAR,
    click,
    modal,
    random_modes,
    regular_times,
    scatter,
    struck_body,
)
from soundsift.data.procedural.synthesis import (
    Samples,
    falling_gains,
    finish,
    harmonic_tone,
    highpass,
    log_uniform,
    lowpass,
    room,
    sample_count,
    swell,
)

#: The four phrases of the Westminster quarters, as semitones from the keynote.
_WESTMINSTER = ((4, 2, 0, -5), (0, 4, 2, -5), (0, 2, 4, 0), (4, 0, 2, -5), (-5, 2, 4, 0))


def clock_ticking(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Mechanical clock: tick and tock of two pallets, from a wristwatch to a pendulum clock."""
    samples = sample_count(seconds, sample_rate)
    # Ticks per second: a pendulum of a second, a small pendulum, an alarm clock, a watch.
    rate = float(generator.choice([1.0, 2.0, generator.uniform(1.5, 3.5), 4.0, 5.0]))
    size = generator.uniform(0, 1)  # of the case: the larger, the lower
    low = 2500 * (0.1**size)
    ticks = []
    for _ in range(2):
        tick = click(generator, sample_rate, low, low * 4 + 3000, generator.uniform(0.008, 0.03))
        ticks.append(np.pad(tick, (0, sample_count(0.08, sample_rate))))
        # The escape wheel locks a few milliseconds after the impulse.
        late = sample_count(generator.uniform(0.004, 0.02), sample_rate)
        ticks[-1][late : late + len(tick)] += generator.uniform(0.3, 1) * tick
        case = random_modes(generator, 6, low / 3, low * 2, generator.uniform(0.03, 0.12), 0.5)
        ticks[-1] += 0.4 * modal(*case, len(ticks[-1]), sample_rate)
    times = regular_times(generator, seconds, 1 / rate)
    if len(times) > 1:  # a clock that stands unevenly limps
        times[1::2] += generator.uniform(-0.05, 0.05) / rate
    gains = generator.uniform(0.85, 1, len(times))
    wave = scatter(samples, sample_rate, times, ticks, gains)
    wave = highpass(wave, log_uniform(generator, 150, 1500), sample_rate, 1)
    wave += 10 ** (generator.uniform(-70, -50) / 20) * generator.standard_normal(samples)
    return finish(wave, sample_rate)


def clock_chime(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Grandfather clock: Westminster quarters or the hour, on rods clamped at one end."""
    samples = sample_count(seconds, sample_rate)
    keynote = log_uniform(generator, 280, 620)
    size = sample_count(4, sample_rate)
    t60 = generator.uniform(2, 4.5)
    steps = (-17, -12, -5, 0, 2, 4)
    # The pitch that is heard is the rod's second mode.
    rods = [
        struck_body(
            generator,
            keynote * 2 ** (s / 12) / CLAMPED_BAR[1],
            CLAMPED_BAR,
            t60 * 6,
            size,
            sample_rate,
            hardness=2500,
            damping=0.75,
        )
        for s in steps
    ]
    pause = generator.uniform(0.55, 0.95)
    if generator.random() < 0.6:
        order = generator.permutation(len(_WESTMINSTER))
        notes = [n for i in order for n in _WESTMINSTER[i]]
        times = [pause * (i + i // 4) for i in range(len(notes))]
        choices = [steps.index(n) for n in notes]
    else:
        strikes = int(generator.integers(2, 13))
        times = [pause * 2.2 * i for i in range(strikes)]
        choices = [int(generator.integers(0, 2))] * strikes
    gains = generator.uniform(0.8, 1, len(times))
    wave = scatter(samples, sample_rate, np.array(times), rods, gains, np.array(choices))
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.4, 1.2), generator.uniform(0, 0.5)
    )
    return finish(wave, sample_rate)


def cuckoo_clock(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Cuckoo clock: two bellows pipes a third apart, with a gong after each call, and ticking."""
    samples = sample_count(seconds, sample_rate)
    low = generator.uniform(420, 640)
    high = low * 2 ** (generator.uniform(3, 4.2) / 12)
    size = sample_count(generator.uniform(0.28, 0.45), sample_rate)
    pipes = []
    for hertz in (high, low):
        bend = 1 - 0.03 * np.exp(-np.arange(size) / sample_rate / 0.03)
        pipe = harmonic_tone(hertz * bend, falling_gains(7, 2), size, sample_rate)
        breath = lowpass(generator.standard_normal(size), 3000, sample_rate, 1)
        pipe = (pipe + generator.uniform(0.02, 0.15) * breath) * swell(size, sample_rate, 0.03, 0.1)
        pipes.append(pipe)
    gong_size = sample_count(2, sample_rate)
    gong = struck_body(
        generator,
        log_uniform(generator, 350, 800),
        (1, 1.7, 2.6, 3.9, 5.3),
        1.8,
        gong_size,
        sample_rate,
        hardness=3000,
    )
    call = generator.uniform(1.4, 2.2)
    starts = generator.uniform(0, 0.4) + np.arange(0, seconds, call)
    second = generator.uniform(0.42, 0.6)
    wave = scatter(samples, sample_rate, starts, pipes[:1])
    wave += scatter(samples, sample_rate, starts + second, pipes[1:])
    if generator.random() < 0.7:
        strike = 0.5 * gong / np.abs(gong).max()
        wave += scatter(samples, sample_rate, starts + generator.uniform(-0.05, 1.0), [strike])
    tick = click(generator, sample_rate, 1200, 6000, 0.015)
    ticks = regular_times(generator, seconds, generator.uniform(0.35, 0.6))
    wave += 0.06 * scatter(samples, sample_rate, ticks, [tick])
    return finish(wave, sample_rate)
