"""Bells, bars and glasses by modal synthesis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soundsift.data.procedural.events import (
    CHURCH_BELL,
    FREE_BAR,
    GLASS,
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
    drift,
    finish,
    harmonic_tone,
    log_uniform,
    room,
    sample_count,
    swell,
)

#: A marimba bar is undercut so that its second mode is two octaves up.
_MARIMBA_BAR = (1.0, 4.0, 9.2, 16.0)
_MAJOR = (0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 17, 19)


def church_bell(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Church bell: hum, prime, minor third, fifth and octave; each mode is a beating pair."""
    samples = sample_count(seconds, sample_rate)
    count = int(generator.choice([1, 1, 2, 3]))
    prime = log_uniform(generator, 180, 600)
    wave = np.zeros(samples)
    steps = generator.choice([0, 2, 4, 5, 7, 9], count, replace=False)
    for number in range(count):
        hertz = prime * 2 ** (steps[number] / 12)
        ratios = np.array(CHURCH_BELL) * (1 + 0.006 * generator.standard_normal(len(CHURCH_BELL)))
        doublets = np.concatenate(
            [ratios, ratios * (1 + generator.uniform(2e-4, 3e-3, len(ratios)))]
        )
        bell = struck_body(
            generator,
            hertz,
            doublets,
            generator.uniform(5, 14),
            samples,
            sample_rate,
            hardness=generator.uniform(2000, 7000),
            damping=generator.uniform(0.4, 0.9),
            spread=0,
        )
        period = generator.uniform(1.2, 2.8)
        times = regular_times(generator, seconds, period, 0.02)
        wave += scatter(samples, sample_rate, times, [bell], generator.uniform(0.7, 1, len(times)))
    wave = room(generator, wave, sample_rate, generator.uniform(1, 3), generator.uniform(0, 0.8))
    return finish(wave, sample_rate)


def hand_bell(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Hand bell that is shaken: a clapper strikes both sides two to eight times a second."""
    samples = sample_count(seconds, sample_rate)
    hertz = log_uniform(generator, 700, 2800)
    size = sample_count(2, sample_rate)
    bells = [
        struck_body(
            generator,
            hertz,
            (1, 1.005, 2.4, 2.95, 4.2, 5.1, 6.5),
            1.6,
            size,
            sample_rate,
            hardness=6000,
            spread=0.0,
        )
        for _ in range(3)
    ]
    times = regular_times(generator, seconds, 1 / log_uniform(generator, 2, 8), 0.12)
    gains = generator.uniform(0.3, 1, len(times))
    return finish(scatter(samples, sample_rate, times, bells, gains), sample_rate)


def bicycle_bell(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Bicycle bell: discs rattle inside a small steel cup in bursts, or a hammer strikes once."""
    samples = sample_count(seconds, sample_rate)
    hertz = log_uniform(generator, 1600, 3200)
    size = sample_count(2, sample_rate)
    cup = [
        struck_body(
            generator,
            hertz,
            (1, 1.004, 1.9, 2.8, 3.9, 5.2),
            generator.uniform(1, 2),
            size,
            sample_rate,
            hardness=9000,
        )
        for _ in range(4)
    ]
    pushes = regular_times(generator, seconds, generator.uniform(0.4, 1.3), 0.1)
    if generator.random() < 0.3:
        return finish(scatter(samples, sample_rate, pushes, cup), sample_rate)
    strokes = int(generator.integers(5, 12))
    within = np.cumsum(generator.uniform(0.6, 1.4, strokes)) / generator.uniform(28, 55)
    times = (pushes[:, None] + within).ravel()
    gains = np.tile(np.linspace(1, 0.4, strokes), len(pushes)) * generator.uniform(
        0.5, 1, len(times)
    )
    return finish(scatter(samples, sample_rate, times, cup, gains), sample_rate)


def doorbell(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Two-tone door chime: a plunger strikes two free bars, a major third or so apart."""
    samples = sample_count(seconds, sample_rate)
    high = log_uniform(generator, 520, 1000)
    low = high * 2 ** (-generator.choice([3, 4, 4, 5, 7]) / 12)
    t60 = generator.uniform(1.2, 3)
    bars = [
        struck_body(
            generator, hertz, FREE_BAR, t60, samples, sample_rate, hardness=1800, damping=1.1
        )
        for hertz in (high, low)
    ]
    gap = generator.uniform(0.35, 0.8)
    starts = np.arange(generator.uniform(0.02, 0.1), seconds, generator.uniform(1.8, 3.5))
    wave = scatter(samples, sample_rate, starts, bars[:1])
    wave += scatter(samples, sample_rate, starts + gap, bars[1:])
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.2, 0.8), generator.uniform(0, 0.5)
    )
    return finish(wave, sample_rate)


def crossing_bell(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Level crossing: a gong struck one to four times a second, without end."""
    samples = sample_count(seconds, sample_rate)
    size = sample_count(2.5, sample_rate)
    gong = struck_body(
        generator,
        log_uniform(generator, 450, 1300),
        (1, 1.61, 2.35, 3.2, 4.4, 5.6),
        generator.uniform(0.8, 2),
        size,
        sample_rate,
        hardness=4500,
    )
    times = regular_times(generator, seconds, 1 / generator.uniform(1.2, 4.2), 0.01)
    wave = scatter(samples, sample_rate, times, [gong], generator.uniform(0.85, 1, len(times)))
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.5, 1.5), generator.uniform(0, 0.5)
    )
    return finish(wave, sample_rate)


def wind_chimes(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Wind chimes: metal tubes that a gust makes strike in clusters."""
    samples = sample_count(seconds, sample_rate)
    root = log_uniform(generator, 500, 1600)
    scale = generator.choice([0, 2, 4, 7, 9, 12, 14, 16], 6, replace=False)
    size = sample_count(4, sample_rate)
    t60 = generator.uniform(2, 5)
    tubes = [
        struck_body(
            generator,
            root * 2 ** (s / 12),
            FREE_BAR[:4],
            t60,
            size,
            sample_rate,
            hardness=5000,
            damping=0.9,
        )
        for s in scale
    ]
    gusts = np.append(random_times(generator, seconds, 0.8), 0.02)
    times = np.concatenate(
        [g + generator.exponential(0.25, int(generator.integers(1, 9))) for g in gusts]
    )
    gains = generator.uniform(0.1, 1, len(times)) ** 1.5
    choices = generator.integers(0, len(tubes), len(times))
    return finish(scatter(samples, sample_rate, times, tubes, gains, choices), sample_rate)


def gong(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Large gong: dozens of modes; the high ones swell after the blow, as energy moves up."""
    samples = sample_count(seconds, sample_rate)
    low = log_uniform(generator, 60, 140)
    hertz, t60, gains = random_modes(generator, 70, low, 4500, generator.uniform(6, 14), 0.55)
    hertz[0], gains[0] = low, 3.0
    gains = gains * (low / hertz) ** generator.uniform(0.2, 0.6)
    split = generator.uniform(500, 900)
    early = hertz < split
    wave = modal(hertz[early], t60[early], gains[early], samples, sample_rate)
    late = modal(hertz[~early], t60[~early], gains[~early], samples, sample_rate)
    rise = generator.uniform(0.08, 0.7)
    wave += late * (1 - np.exp(-np.arange(samples) / sample_rate / rise))
    return finish(wave, sample_rate)


def singing_bowl(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Bowl that is struck softly or rubbed: few pure modes that beat slowly."""
    samples = sample_count(seconds, sample_rate)
    hertz = log_uniform(generator, 150, 700)
    ratios = np.array([1, 2.71, 5.1, 8.1, 11.4])
    pairs = np.concatenate([ratios, ratios * (1 + generator.uniform(5e-4, 4e-3, len(ratios)))])
    if generator.random() < 0.5:
        wave = struck_body(
            generator,
            hertz,
            pairs,
            generator.uniform(10, 30),
            samples,
            sample_rate,
            hardness=900,
            damping=0.9,
            spread=0,
        )
        return finish(wave, sample_rate)
    wave = np.zeros(samples)
    for number, ratio in enumerate(pairs):
        if hertz * ratio < 0.4 * sample_rate:
            tone = harmonic_tone(hertz * ratio, [1.0], samples, sample_rate)
            wave += tone * 0.35 ** (number % len(ratios))
    wave *= swell(samples, sample_rate, min(seconds / 2, 1.5), 0.5)
    wave *= 1 + 0.2 * drift(generator, samples, sample_rate, 1.0)
    return finish(wave, sample_rate)


def _melody(
    generator: np.random.Generator,
    seconds: float,
    bars: Sequence[Wave],
    sample_rate: int,
) -> Wave:
    """Steps and small leaps over the bars, in an even beat with rests and a few double notes."""
    samples = sample_count(seconds, sample_rate)
    beat = generator.uniform(0.12, 0.4)
    steps = int(seconds / beat) + 1
    walk = np.cumsum(generator.choice([-2, -1, -1, 0, 1, 1, 2, 3], steps)) + len(bars) // 2
    notes = np.abs((walk + len(bars) * 100) % (2 * len(bars) - 2) - (len(bars) - 1))
    times = np.arange(steps) * beat + 0.01 * generator.standard_normal(steps)
    kept = generator.random(steps) > 0.25
    kept[0] = True
    gains = generator.uniform(0.4, 1, steps)
    return scatter(samples, sample_rate, np.abs(times[kept]), bars, gains[kept], notes[kept])


def _scale_of_bars(
    generator: np.random.Generator,
    root: float,
    ratios: Sequence[float],
    t60: float,
    hardness: float,
    sample_rate: int,
) -> list[Wave]:
    size = sample_count(t60 * 1.3, sample_rate)
    return [
        struck_body(
            generator,
            root * 2 ** (s / 12),
            ratios,
            t60 * 2 ** (-s / 24),
            size,
            sample_rate,
            hardness=hardness,
            damping=1.0,
            spread=0.004,
        )
        for s in _MAJOR
    ]


def glockenspiel(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Steel bars struck with hard mallets."""
    root, t60 = log_uniform(generator, 780, 1600), generator.uniform(1.2, 3)
    bars = _scale_of_bars(generator, root, FREE_BAR, t60, 9000, sample_rate)
    return finish(_melody(generator, seconds, bars, sample_rate), sample_rate)


def marimba(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Tuned rosewood bars struck with soft mallets."""
    root, t60 = log_uniform(generator, 130, 400), generator.uniform(0.4, 1.0)
    bars = _scale_of_bars(generator, root, _MARIMBA_BAR, t60, 1500, sample_rate)
    return finish(_melody(generator, seconds, bars, sample_rate), sample_rate)


def xylophone(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Wooden bars, tuned to a twelfth, struck with hard mallets: short and bright."""
    root, t60 = log_uniform(generator, 500, 1050), generator.uniform(0.15, 0.4)
    bars = _scale_of_bars(generator, root, (1, 3.0, 6.2, 10.2, 15.0), t60, 6000, sample_rate)
    return finish(_melody(generator, seconds, bars, sample_rate), sample_rate)


def glass_clinking(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Glasses that touch: two bodies ring at once; some toasts, some clatter."""
    samples = sample_count(seconds, sample_rate)
    size = sample_count(1.5, sample_rate)
    glasses = [
        struck_body(
            generator,
            log_uniform(generator, 900, 3200),
            GLASS,
            log_uniform(generator, 0.25, 1.5),
            size,
            sample_rate,
            hardness=8000,
            damping=0.6,
            spread=0.05,
        )
        for _ in range(int(generator.integers(2, 6)))
    ]
    clinks = [glasses[i] + glasses[i - 1] for i in range(len(glasses))]
    times = random_times(generator, seconds, log_uniform(generator, 0.8, 4))
    gains = generator.uniform(0.2, 1, len(times))
    choices = generator.integers(0, len(clinks), len(times))
    wave = scatter(samples, sample_rate, times, clinks, gains, choices)
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.2, 0.6), generator.uniform(0, 0.3)
    )
    return finish(wave, sample_rate)


def wine_glass(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Wet finger on the rim of a glass: a nearly pure tone, swelling once each turn."""
    samples = sample_count(seconds, sample_rate)
    hertz = log_uniform(generator, 350, 1100)
    bend = 1 + 0.0015 * drift(generator, samples, sample_rate, 2)
    gains = [1, generator.uniform(0.02, 0.15), generator.uniform(0.01, 0.08)]
    wave = harmonic_tone(hertz * bend, gains, samples, sample_rate)
    turn = harmonic_tone(generator.uniform(1.0, 3.0), [1.0], samples, sample_rate)
    wave *= (1 + generator.uniform(0.1, 0.6) * turn) * swell(samples, sample_rate, 0.6, 0.5)
    rub = generator.standard_normal(samples) * generator.uniform(0.001, 0.012) * (1 + 0.5 * turn)
    return finish(wave + rub, sample_rate)
