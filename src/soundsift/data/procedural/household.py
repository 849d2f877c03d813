"""Glass, metal, paper and other objects at home."""

from __future__ import annotations

import numpy as np

from soundsift.data.procedural.events import (
    GLASS,
    click,
    modal,
    random_modes,
    random_times,
    regular_times,
    scatter,
    struck_body,
    times_by_density,
)
from soundsift.data.procedural.synthesis import (
    Samples,
    band_noise,
    curve,
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
    shaped_noise,
    swell,
    unit,
)


def glass_breaking(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Glass: a crack, a burst of shards that ring at 2 to 12 kHz, and some that fall later."""
    samples = sample_count(seconds, sample_rate)
    shards = []
    for _ in range(40):
        hertz = log_uniform(generator, 1500, 9000)
        t60 = log_uniform(generator, 0.03, 0.35)
        size = sample_count(t60 * 1.2, sample_rate)
        shards.append(
            struck_body(
                generator,
                hertz,
                GLASS,
                t60,
                size,
                sample_rate,
                hardness=12000,
                spread=0.1,
                damping=0.4,
            )
        )
    wave = np.zeros(samples)
    for start in np.arange(
        generator.uniform(0.02, 0.15), max(0.1, seconds - 0.5), generator.uniform(1.5, 3)
    ):
        size = max(1, samples - int(start * sample_rate))
        crack = unit(
            highpass(generator.standard_normal(size), 800, sample_rate)
            * decay(size, sample_rate, 0.12)
        )
        wave[samples - size :] += 8 * crack * generator.uniform(0.3, 1)
        density = (
            generator.uniform(200, 700) * decay(size, sample_rate, generator.uniform(0.6, 1.8))
            + 0.01
        )
        times = start + times_by_density(generator, density, sample_rate)
        gains = np.minimum(generator.pareto(1.5, len(times)) + 0.1, 6)
        choices = generator.integers(0, len(shards), len(times))
        wave += scatter(samples, sample_rate, times, shards, gains, choices)
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.2, 0.9), generator.uniform(0.02, 0.3)
    )
    return finish(wave, sample_rate)


def dishes(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Dishes: plates, cups and cutlery that knock together in a sink or drawer."""
    samples = sample_count(seconds, sample_rate)
    pieces = []
    for _ in range(10):
        metal = generator.random() < 0.35
        hertz = log_uniform(generator, 1800, 5000) if metal else log_uniform(generator, 500, 2200)
        t60 = generator.uniform(0.08, 0.5)
        size = sample_count(t60 * 1.3, sample_rate)
        ratios = (1, 2.76, 5.4, 8.9) if metal else (1, 1.7, 2.5, 3.4, 4.6, 6.1)
        piece = struck_body(
            generator, hertz, ratios, t60, size, sample_rate, hardness=7000, spread=0.06
        )
        tap = generator.standard_normal(size) * decay(size, sample_rate, 0.006)
        pieces.append(unit(piece) + 0.3 * unit(tap))
    bursts = np.exp(1.2 * drift(generator, samples, sample_rate, 1.5))
    times = times_by_density(generator, generator.uniform(2, 9) * bursts, sample_rate)
    times = times if len(times) else np.array([0.0])
    gains = np.minimum(generator.pareto(2, len(times)) + 0.2, 4)
    choices = generator.integers(0, len(pieces), len(times))
    wave = scatter(samples, sample_rate, times, pieces, gains, choices)
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.2, 0.7), generator.uniform(0.05, 0.5)
    )
    return finish(wave, sample_rate)


def coins(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Coins: dropped ones bounce faster and faster and roll out; a handful jingles."""
    samples = sample_count(seconds, sample_rate)
    disc = (1, 1.73, 2.33, 3.91, 4.11, 6.3)
    size = sample_count(0.6, sample_rate)
    discs = [
        struck_body(
            generator,
            log_uniform(generator, 3500, 8000),
            disc,
            generator.uniform(0.15, 0.5),
            size,
            sample_rate,
            hardness=14000,
            spread=0.03,
            damping=0.5,
        )
        for _ in range(8)
    ]
    if generator.random() < 0.5:
        times = times_by_density(
            generator, 18 * np.exp(drift(generator, samples, sample_rate, 2)), sample_rate
        )
        times = times if len(times) else np.array([0.0])
        choices = generator.integers(0, len(discs), len(times))
        gains = generator.exponential(1, len(times))
        return finish(scatter(samples, sample_rate, times, discs, gains, choices), sample_rate)
    wave = np.zeros(samples)
    for start in random_times(generator, max(0.1, seconds - 1), 1.0):
        bounces = start + np.cumsum(generator.uniform(0.1, 0.25) * 0.72 ** np.arange(14))
        which = int(generator.integers(0, len(discs)))
        wave += scatter(
            samples,
            sample_rate,
            np.concatenate([[start], bounces]),
            discs[which:],
            0.75 ** np.arange(15),
        )
    return finish(wave, sample_rate)


def keys(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Keys on a ring: small pieces of metal that collide in shakes, 2 to 12 kHz."""
    samples = sample_count(seconds, sample_rate)
    size = sample_count(0.25, sample_rate)
    pieces = []
    for _ in range(16):
        modes = random_modes(
            generator,
            7,
            log_uniform(generator, 1800, 3500),
            13000,
            generator.uniform(0.05, 0.2),
            0.4,
        )
        pieces.append(unit(modal(*modes, size, sample_rate)))
    shakes = (
        np.clip(np.sin(2 * np.pi * cycles(generator.uniform(1.5, 5), samples, sample_rate)), 0, 1)
        ** 2
    )
    density = (
        generator.uniform(30, 120)
        * (0.15 + shakes)
        * np.exp(0.6 * drift(generator, samples, sample_rate, 1))
    )
    times = times_by_density(generator, density, sample_rate)
    times = times if len(times) else np.array([0.0])
    gains = np.minimum(generator.pareto(2, len(times)) + 0.1, 4)
    choices = generator.integers(0, len(pieces), len(times))
    return finish(scatter(samples, sample_rate, times, pieces, gains, choices), sample_rate)


def crumpling_paper(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Paper or foil that is crumpled: folds snap at random, over a rustle; loud ones are rare."""
    samples = sample_count(seconds, sample_rate)
    low = log_uniform(generator, 900, 2500)
    snaps = []
    for _ in range(30):
        size = sample_count(log_uniform(generator, 0.001, 0.01), sample_rate)
        noise = generator.standard_normal(size) * decay(size, sample_rate, size / sample_rate)
        hertz = log_uniform(generator, low, low * 5)
        snaps.append(unit(resonances(noise, [(hertz, hertz, 1)], sample_rate)))
    squeeze = np.clip(0.5 + drift(generator, samples, sample_rate, 2), 0.02, None) ** 1.5
    times = times_by_density(generator, log_uniform(generator, 80, 500) * squeeze, sample_rate)
    gains = np.minimum(generator.pareto(1.3, len(times)) + 0.05, 12)
    choices = generator.integers(0, len(snaps), len(times))
    wave = unit(scatter(samples, sample_rate, times, snaps, gains, choices) + 1e-9)
    rustle = shaped_noise(
        generator, samples, sample_rate, ((low / 4, -24), (low, 0), (9000, -3), (18000, -15))
    )
    return finish(wave + generator.uniform(0.05, 0.35) * rustle * squeeze, sample_rate)


def page_turning(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Pages: a slide that gets louder, a flap of air, and the sheet that settles."""
    samples = sample_count(seconds, sample_rate)
    wave = np.zeros(samples)
    for start in np.arange(
        generator.uniform(0, 0.2), max(0.1, seconds - 0.4), generator.uniform(0.7, 1.8)
    ):
        size = sample_count(generator.uniform(0.35, 0.8), sample_rate)
        low = log_uniform(generator, 900, 2000)
        sheet = shaped_noise(
            generator, size, sample_rate, ((low / 4, -22), (low, 0), (7000, -5), (16000, -20))
        )
        bow = generator.uniform(0.45, 0.7)
        sheet *= curve(size, [(0, 0), (0.2, 0.3), (bow, 1), (bow + 0.08, 0.35), (0.9, 0.1), (1, 0)])
        sheet *= 0.7 + 0.5 * np.clip(drift(generator, size, sample_rate, 25), -1, 2)
        flap = lowpass(generator.standard_normal(size), 500, sample_rate)
        flap *= np.exp(-(((np.linspace(0, 1, size) - bow) / 0.05) ** 2))
        wave += scatter(
            samples,
            sample_rate,
            np.array([start]),
            [sheet + 0.5 * unit(flap)],
            generator.uniform(0.6, 1),
        )
    return finish(wave, sample_rate)


def ripping_paper(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Paper or cloth torn: fibres break thousands of times a second, rising with speed."""
    samples = sample_count(seconds, sample_rate)
    wave = np.zeros(samples)
    at = generator.uniform(0, 0.1)
    while at < seconds - 0.05:
        size = sample_count(generator.uniform(0.2, 0.9), sample_rate)
        speed = curve(size, [(0, 0.2), (generator.uniform(0.3, 0.8), 1), (1, 0.5)])
        fibres = cycles(log_uniform(generator, 150, 700) * speed, size, sample_rate)
        jitter = fibres + 0.4 * drift(generator, size, sample_rate, 300)
        noise = band_noise(generator, size, sample_rate, log_uniform(generator, 700, 2000), 9000)
        tear = (
            noise * (0.2 + np.exp(-5 * (jitter % 1))) * speed * swell(size, sample_rate, 0.01, 0.03)
        )
        wave += scatter(samples, sample_rate, np.array([at]), [tear], generator.uniform(0.6, 1))
        at += size / sample_rate + generator.uniform(0.1, 0.8)
    return finish(wave, sample_rate)


def zipper(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Zip: teeth pass 80 to 500 times a second, rising and falling with the hand."""
    samples = sample_count(seconds, sample_rate)
    wave = np.zeros(samples)
    at = generator.uniform(0, 0.1)
    pitch = log_uniform(generator, 120, 420)
    metal = [
        (log_uniform(generator, 1500, 8000), generator.uniform(200, 900), 1.0) for _ in range(5)
    ]
    while at < seconds - 0.05:
        size = sample_count(generator.uniform(0.25, 0.9), sample_rate)
        speed = curve(size, [(0, 0.3), (generator.uniform(0.3, 0.8), 1.2), (1, 0.6)])
        phase = cycles(pitch * speed, size, sample_rate)
        index = phase.astype(np.int64)
        force = generator.uniform(0.6, 1.2, int(index[-1]) + 1)[index]
        teeth = generator.standard_normal(size) * force * np.exp(-9 * (phase - index))
        run = resonances(teeth, metal, sample_rate) * speed * swell(size, sample_rate, 0.02, 0.02)
        wave += scatter(
            samples, sample_rate, np.array([at]), [unit(run)], generator.uniform(0.7, 1)
        )
        at += size / sample_rate + generator.uniform(0.1, 0.8)
    return finish(wave, sample_rate)


def camera_shutter(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Camera: mirror up, curtain, mirror down within 50 to 300 ms, at times a motor that winds."""
    samples = sample_count(seconds, sample_rate)
    clicks = [
        click(generator, sample_rate, low, low * 6, generator.uniform(0.01, 0.04))
        for low in (500, 1500, 700)
    ]
    gap = generator.uniform(0.03, 0.15)
    shots = regular_times(generator, seconds, log_uniform(generator, 0.2, 1.2), 0.05)
    wave = np.zeros(samples)
    for number, (part, level) in enumerate(zip(clicks, (1, 0.6, 0.9), strict=True)):
        wave += scatter(samples, sample_rate, shots + gap * number, [unit(part)], level)
    if generator.random() < 0.4:
        size = sample_count(0.15, sample_rate)
        wind = resonances(
            generator.standard_normal(size), [(900, 200, 1), (2200, 300, 1)], sample_rate
        )
        whirr = 1 + np.sin(2 * np.pi * generator.uniform(120, 260) * np.arange(size) / sample_rate)
        wave += scatter(samples, sample_rate, shots + 3 * gap, [0.3 * unit(wind * whirr)])
    return finish(wave, sample_rate)


def pops(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Balloon or cork: a step in pressure and the short resonance of a neck or a room."""
    samples = sample_count(seconds, sample_rate)
    size = sample_count(0.2, sample_rate)
    cork = generator.random() < 0.5
    burst = generator.standard_normal(size) * decay(size, sample_rate, 0.012 if cork else 0.03)
    burst = lowpass(burst, log_uniform(generator, 1500, 9000), sample_rate)
    if cork:
        neck = log_uniform(generator, 350, 1200)
        bend = 1 + 0.5 * np.arange(size) / size
        tone = np.sin(2 * np.pi * np.cumsum(neck * bend) / sample_rate) * decay(
            size, sample_rate, 0.05
        )
        pop = tone + 0.4 * burst
    else:
        front = np.zeros(size)
        front[: max(2, int(0.0007 * sample_rate))] = 3
        pop = front + burst
    times = regular_times(generator, max(0.1, seconds - 0.2), generator.uniform(0.4, 1.5), 0.15)
    wave = scatter(samples, sample_rate, times, [pop], generator.uniform(0.6, 1, len(times)))
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.3, 1.0), generator.uniform(0.05, 0.5)
    )
    return finish(wave, sample_rate)
