"""Keyboards, mice, typewriters and switches."""

from __future__ import annotations

import numpy as np

from soundsift.data.procedural.events import (
    click,
    modal,
    random_modes,
    random_times,
    regular_times,
    scatter,
    struck_body,
)
from soundsift.data.procedural.synthesis import (
    Samples,
    Wave,
    finish,
    log_uniform,
    lowpass,
    room,
    sample_count,
    unit,
)


def _stroke_times(generator: np.random.Generator, seconds: float, rate: float) -> Wave:
    """Keystrokes of a typist: bursts at about the given rate, with pauses between words."""
    gaps = generator.gamma(4, 1 / (4 * rate), int(seconds * rate * 2) + 4)
    pauses = generator.random(len(gaps)) < 0.12
    gaps[pauses] += generator.exponential(0.4, int(pauses.sum()))
    times = np.cumsum(gaps) - gaps[0] + generator.uniform(0, 0.1)
    kept: Wave = times[: max(1, int(np.sum(times < seconds)))]
    return kept


def _keystroke(
    generator: np.random.Generator, sample_rate: int, low: float, hard: float
) -> tuple[Wave, Wave]:
    """A key going down, which bottoms out on the case, and coming up, softer and higher."""
    size = sample_count(0.09, sample_rate)
    case = unit(modal(*random_modes(generator, 8, low, low * 12, 0.05, 0.4), size, sample_rate))
    tap = click(generator, sample_rate, 1500, 7000, 0.008)
    down = case.copy()
    down[: len(tap)] += hard * unit(tap)
    up = lowpass(unit(click(generator, sample_rate, 1800, 8000, 0.012)), 9000, sample_rate)
    return unit(down), up


def typing(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Computer keyboard: 4 to 11 strokes a second, down and up; the space bar is lower."""
    samples = sample_count(seconds, sample_rate)
    low, hard = log_uniform(generator, 250, 900), generator.uniform(0.5, 2.5)
    keys = [
        _keystroke(generator, sample_rate, low * generator.uniform(0.9, 1.15), hard)
        for _ in range(12)
    ]
    keys.append(_keystroke(generator, sample_rate, low * 0.55, hard * 0.7))
    times = _stroke_times(generator, seconds, generator.uniform(4, 11))
    choices = generator.integers(0, 12, len(times))
    choices[generator.random(len(times)) < 0.16] = 12
    gains = generator.uniform(0.5, 1, len(times))
    held = generator.uniform(0.05, 0.12, len(times))
    wave = scatter(samples, sample_rate, times, [k[0] for k in keys], gains, choices)
    soft = generator.uniform(0.1, 0.6)
    wave += soft * scatter(samples, sample_rate, times + held, [k[1] for k in keys], gains, choices)
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.15, 0.6), generator.uniform(0, 0.3)
    )
    return finish(wave, sample_rate)


def typewriter(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Typewriter: hard strokes of type on the platen, and at times the bell and the carriage."""
    samples = sample_count(seconds, sample_rate)
    size = sample_count(0.15, sample_rate)
    strokes = []
    for _ in range(8):
        modes = random_modes(generator, 12, 400, 7000, generator.uniform(0.04, 0.1), 0.3)
        stroke = unit(modal(*modes, size, sample_rate))
        hit = click(generator, sample_rate, 1000, 6000, 0.01)
        stroke[: len(hit)] += 1.2 * unit(hit)
        strokes.append(stroke)
    times = _stroke_times(generator, seconds, generator.uniform(3, 8))
    wave = scatter(samples, sample_rate, times, strokes, generator.uniform(0.5, 1, len(times)))
    if seconds > 2 and generator.random() < 0.5:
        at = generator.uniform(0.4, 0.8) * seconds
        bell = struck_body(
            generator,
            generator.uniform(1800, 3000),
            (1, 1.006, 2.7, 5.1),
            1.0,
            sample_count(1, sample_rate),
            sample_rate,
        )
        wave += scatter(samples, sample_rate, np.array([at]), [unit(bell)], 1.2)
        ratchet = at + 0.4 + np.arange(int(generator.integers(15, 40))) / generator.uniform(40, 80)
        wave += scatter(
            samples,
            sample_rate,
            ratchet,
            [unit(click(generator, sample_rate, 800, 5000, 0.015))],
            0.5,
        )
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.2, 0.6), generator.uniform(0, 0.3)
    )
    return finish(wave, sample_rate)


def mouse_clicks(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Computer mouse: down and up of a small switch 60 to 150 ms apart, single or double."""
    samples = sample_count(seconds, sample_rate)
    low = log_uniform(generator, 1000, 2500)
    down = unit(click(generator, sample_rate, low, low * 5, generator.uniform(0.004, 0.012)))
    up = unit(click(generator, sample_rate, low * 1.2, low * 5, generator.uniform(0.003, 0.008)))
    starts = random_times(generator, max(0.05, seconds - 0.4), generator.uniform(0.8, 2.5))
    double = starts[generator.random(len(starts)) < 0.35] + generator.uniform(0.15, 0.25)
    times = np.sort(np.concatenate([starts, double]))
    wave = scatter(samples, sample_rate, times, [down], generator.uniform(0.8, 1, len(times)))
    wave += 0.7 * scatter(samples, sample_rate, times + generator.uniform(0.06, 0.15), [up])
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.1, 0.4), generator.uniform(0, 0.2)
    )
    return finish(wave, sample_rate)


def switch_clicks(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Light switch or lever: a snap with a plate behind it, one or two a second."""
    samples = sample_count(seconds, sample_rate)
    low = log_uniform(generator, 400, 1500)
    snaps = []
    for _ in range(2):
        plate = random_modes(generator, 8, low, low * 8, generator.uniform(0.03, 0.08), 0.4)
        snap = unit(modal(*plate, sample_count(0.1, sample_rate), sample_rate))
        hit = click(generator, sample_rate, 1500, 8000, 0.008)
        snap[: len(hit)] += unit(hit)
        snaps.append(snap)
    times = regular_times(generator, seconds, generator.uniform(0.4, 1.2), 0.15)
    wave = scatter(samples, sample_rate, times, snaps, generator.uniform(0.7, 1, len(times)))
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.2, 0.7), generator.uniform(0.05, 0.5)
    )
    return finish(wave, sample_rate)


def stapler(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Stapler: a creaking spring, a hard double click through paper, and the release."""
    samples = sample_count(seconds, sample_rate)
    times = regular_times(generator, seconds, generator.uniform(0.6, 1.4), 0.1)
    press = unit(click(generator, sample_rate, 600, 4000, 0.03))
    punch = unit(click(generator, sample_rate, 300, 6000, 0.04))
    spring = unit(click(generator, sample_rate, 1500, 7000, 0.06))
    wave = 0.4 * scatter(samples, sample_rate, times, [press])
    wave += scatter(samples, sample_rate, times + generator.uniform(0.06, 0.14), [punch])
    wave += 0.5 * scatter(samples, sample_rate, times + generator.uniform(0.2, 0.35), [spring])
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.1, 0.5), generator.uniform(0, 0.3)
    )
    return finish(wave, sample_rate)
