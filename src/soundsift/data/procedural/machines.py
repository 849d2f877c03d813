"""Electric machines at home and at work, hum and noise."""

from __future__ import annotations

import numpy as np

from soundsift.data.procedural.events import click, random_times, regular_times, scatter
from soundsift.data.procedural.synthesis import (
    Samples,
    Wave,
    band_noise,
    curve,
    cycles,
    decay,
    drift,
    falling_gains,
    finish,
    harmonic_tone,
    highpass,
    log_uniform,
    lowpass,
    resonances,
    sample_count,
    shaped_noise,
    sine,
    swell,
    unit,
)


def _run_up(generator: np.random.Generator, samples: int, sample_rate: int, seconds: float) -> Wave:
    """Speed of a motor beside its full speed: on all along, or switched on and off."""
    if generator.random() < 0.5:
        return 1 + 0.004 * drift(generator, samples, sample_rate, 1)
    total = samples / sample_rate
    on, off = generator.uniform(0, 0.1) * total, generator.uniform(0.8, 0.95) * total
    time = np.arange(samples) / sample_rate
    rising = np.where(time > on, 1 - np.exp(-(time - on) / (seconds / 3)), 0)
    falling = np.where(time > off, np.exp(-(time - off) / (seconds / 2)), 1)
    speed: Wave = np.maximum(rising * falling, 0.02)
    return speed


def _motor(
    generator: np.random.Generator,
    samples: int,
    sample_rate: int,
    turns: float,
    speed: Wave,
    brushes: int,
) -> Wave:
    """Universal motor: lines at its turns and at its commutator bars, and brush noise."""
    wave = np.zeros(samples)
    gains = falling_gains(30, generator.uniform(0.6, 1.2)) * generator.uniform(0.2, 1.5, 30)
    wave += unit(harmonic_tone(turns * speed, gains, samples, sample_rate))
    whine = harmonic_tone(turns * brushes * speed, [1, 0.5, 0.25], samples, sample_rate)
    wave += generator.uniform(0.1, 0.8) * unit(whine)
    spark = highpass(generator.standard_normal(samples), 2500, sample_rate)
    gate = 0.5 + 0.5 * np.sin(2 * np.pi * cycles(turns * 2 * speed, samples, sample_rate))
    return (wave + generator.uniform(0.05, 0.3) * unit(spark * gate)) * speed**1.5


def vacuum_cleaner(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Vacuum cleaner: a motor at 250 to 600 turns a second, and air that rushes in the hose."""
    samples = sample_count(seconds, sample_rate)
    speed = _run_up(generator, samples, sample_rate, 0.8)
    load = 1 + 0.03 * np.clip(drift(generator, samples, sample_rate, 1.2), -1, 1)
    motor = _motor(generator, samples, sample_rate, generator.uniform(250, 600), speed * load, 11)
    low = log_uniform(generator, 150, 500)
    air = shaped_noise(
        generator, samples, sample_rate, ((low / 4, -18), (low, 0), (2500, -4), (9000, -20))
    )
    hose = resonances(
        air, [(log_uniform(generator, 200, 1500), 120, 1) for _ in range(4)], sample_rate
    )
    wave = unit(motor) * generator.uniform(0.2, 0.8) + (air + 0.7 * unit(hose)) * speed**2
    return finish(wave, sample_rate)


def hair_dryer(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Hair dryer: a small fan, brighter than a vacuum cleaner, moved around the head."""
    samples = sample_count(seconds, sample_rate)
    speed = _run_up(generator, samples, sample_rate, 0.5)
    motor = _motor(generator, samples, sample_rate, generator.uniform(180, 350), speed, 7)
    low = log_uniform(generator, 500, 1200)
    air = shaped_noise(
        generator, samples, sample_rate, ((low / 4, -14), (low, 0), (5000, -3), (12000, -18))
    )
    near = np.exp(0.25 * drift(generator, samples, sample_rate, 0.8))
    wave = (unit(motor) * generator.uniform(0.15, 0.6) + air * speed**2) * near
    return finish(wave, sample_rate)


def fan(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Table fan or ventilation: blades pass 15 to 120 times a second through slow air."""
    samples = sample_count(seconds, sample_rate)
    passes = log_uniform(generator, 15, 120)
    tilt = generator.uniform(8, 24)
    air = shaped_noise(
        generator, samples, sample_rate, ((30, -8), (120, 0), (800, -tilt / 2), (6000, -tilt - 14))
    )
    beat = 1 + generator.uniform(0.05, 0.5) * sine(passes, samples, sample_rate)
    wobble = 1 + generator.uniform(0, 0.15) * sine(passes / 3, samples, sample_rate)
    hum = harmonic_tone(
        float(generator.choice([100, 120])), falling_gains(8, 1.3), samples, sample_rate
    )
    tone = harmonic_tone(passes, falling_gains(6, 1), samples, sample_rate)
    wave = air * beat * wobble + generator.uniform(0, 0.15) * hum + generator.uniform(0, 0.3) * tone
    return finish(wave, sample_rate)


def drill(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Electric drill: a motor and gears in bursts; it bogs down in the wall, or hammers."""
    samples = sample_count(seconds, sample_rate)
    turns = generator.uniform(120, 320)
    speed = np.full(samples, 0.02)
    biting = np.zeros(samples)
    at = sample_count(generator.uniform(0, 0.15), sample_rate)
    while at < samples:
        size = min(samples - at, sample_count(generator.uniform(0.6, 2.5), sample_rate))
        place = np.arange(size) / sample_rate
        bite = np.clip((place - generator.uniform(0.15, 0.5)) / 0.15, 0, 1) * (
            generator.random() < 0.7
        )
        release = np.clip((size / sample_rate - place) / 0.2, 0, 1)
        speed[at : at + size] = (1 - np.exp(-place / 0.06)) * (1 - 0.18 * bite) * release + 0.01
        biting[at : at + size] = bite * release
        at += size + sample_count(generator.uniform(0.1, 0.8), sample_rate)
    motor = _motor(generator, samples, sample_rate, turns, speed, 13)
    gears = harmonic_tone(turns * 5.3 * speed, falling_gains(8, 0.7), samples, sample_rate) * speed
    wave = motor + generator.uniform(0.3, 1) * unit(gears)
    grind = band_noise(generator, samples, sample_rate, 400, 5000)
    if generator.random() < 0.35:
        blows = (
            cycles(generator.uniform(35, 60) * np.maximum(speed, 0.05), samples, sample_rate) % 1
        )
        grind *= 3 * np.exp(-8 * blows)
    return finish(wave + generator.uniform(0.3, 1.2) * grind * biting, sample_rate)


def circular_saw(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Circular saw: a ringing blade whose teeth meet the wood 1 to 3 thousand times a second."""
    samples = sample_count(seconds, sample_rate)
    turns = generator.uniform(50, 90)
    teeth = int(generator.integers(20, 48))
    on = curve(samples, [(0, 0.1), (0.08, 1), (0.9, 1), (1, generator.uniform(0.4, 1))])
    cut = np.clip(1.2 * drift(generator, samples, sample_rate, 0.5) + 0.3, 0, 1)
    speed = on * (1 - 0.12 * cut)
    motor = _motor(generator, samples, sample_rate, turns * 4, speed, 9)
    passage = harmonic_tone(turns * teeth * speed, [1, 0.6, 0.35, 0.2], samples, sample_rate)
    chips = band_noise(generator, samples, sample_rate, 1500, 8000)
    ring = resonances(
        chips, [(log_uniform(generator, 1500, 6000), 30, 1) for _ in range(6)], sample_rate
    )
    wave = motor + (0.3 + 1.5 * cut) * unit(passage) + 1.2 * cut * (chips + unit(ring))
    return finish(wave * on, sample_rate)


def electric_shaver(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Shaver or clippers: an armature that buzzes at 100 or 120 Hz, or a small motor."""
    samples = sample_count(seconds, sample_rate)
    hertz = float(generator.choice([100, 120, generator.uniform(90, 160)]))
    pressed = 1 + 0.03 * drift(generator, samples, sample_rate, 2)
    buzz = harmonic_tone(hertz * pressed, falling_gains(90, 0.45), samples, sample_rate)
    box = [(log_uniform(generator, 400, 6000), generator.uniform(100, 600), 1.0) for _ in range(6)]
    wave = 0.3 * unit(buzz) + unit(resonances(buzz, box, sample_rate))
    hiss = band_noise(generator, samples, sample_rate, 2500, 9000)
    wave = (wave + 0.1 * hiss) * np.exp(0.3 * drift(generator, samples, sample_rate, 1.5))
    return finish(wave, sample_rate)


def blender(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Blender: a screaming motor under load, with lumps that hit the jug."""
    samples = sample_count(seconds, sample_rate)
    speed = _run_up(generator, samples, sample_rate, 0.4)
    speed = speed * (1 - 0.08 * np.clip(drift(generator, samples, sample_rate, 6), 0, 2))
    motor = _motor(generator, samples, sample_rate, generator.uniform(180, 380), speed, 8)
    slurry = shaped_noise(
        generator, samples, sample_rate, ((150, -6), (600, 0), (4000, -6), (12000, -24))
    )
    lumps = np.clip(drift(generator, samples, sample_rate, 25), 0, None)
    wave = unit(motor) + generator.uniform(0.3, 1) * slurry * (0.5 + lumps) * speed
    return finish(wave, sample_rate)


def washing_machine(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Washing machine: the drum turns and water sloshes, or it spins with a rising whine."""
    samples = sample_count(seconds, sample_rate)
    hum = harmonic_tone(
        float(generator.choice([100, 120])), falling_gains(10, 1), samples, sample_rate
    )
    low = shaped_noise(
        generator, samples, sample_rate, ((30, 0), (150, 0), (800, -16), (4000, -40))
    )
    if generator.random() < 0.5:
        rate = generator.uniform(0.7, 1.3)
        slosh = band_noise(generator, samples, sample_rate, 250, 1800)
        turn = np.clip(sine(rate, samples, sample_rate), 0, 1) ** 2
        wave = low + 0.1 * hum + generator.uniform(0.4, 1.0) * slosh * turn
        thuds = regular_times(generator, seconds, 1 / rate, 0.05)
        size = sample_count(0.2, sample_rate)
        thud = unit(
            lowpass(generator.standard_normal(size), 150, sample_rate)
            * decay(size, sample_rate, 0.15)
        )
        return finish(wave + scatter(samples, sample_rate, thuds, [thud], 2), sample_rate)
    spin = generator.uniform(8, 16) * curve(samples, [(0, generator.uniform(0.4, 1)), (1, 1)])
    shake = 1 + 0.5 * np.sin(2 * np.pi * cycles(spin, samples, sample_rate))
    whine = harmonic_tone(spin * 28, falling_gains(10, 0.9), samples, sample_rate)
    return finish(low * shake + generator.uniform(0.2, 0.8) * unit(whine) + 0.1 * hum, sample_rate)


def sewing_machine(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Sewing machine: a motor and 6 to 16 stitches a second, each two clacks, in short seams."""
    samples = sample_count(seconds, sample_rate)
    rate = generator.uniform(6, 16)
    seam = np.clip(1 + 2.5 * drift(generator, samples, sample_rate, 0.5), 0.0, 1)
    phase = cycles(rate * seam, samples, sample_rate)
    beats = np.flatnonzero(np.diff(np.floor(phase * 2)) > 0) / sample_rate
    clacks = [
        click(generator, sample_rate, 500, 4000, generator.uniform(0.02, 0.05)) for _ in range(2)
    ]
    wave = scatter(samples, sample_rate, beats, clacks, generator.uniform(0.7, 1, len(beats)))
    motor = _motor(generator, samples, sample_rate, rate * 12, np.maximum(seam, 0.02), 6)
    return finish(unit(wave + 1e-9) + generator.uniform(0.1, 0.4) * unit(motor) * seam, sample_rate)


def electric_hum(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Mains hum of a transformer, amplifier or refrigerator: harmonics of 50 or 60 Hz."""
    samples = sample_count(seconds, sample_rate)
    mains = float(generator.choice([50, 60])) * generator.uniform(0.999, 1.001)
    gains = falling_gains(40, generator.uniform(0.5, 1.4)) * generator.uniform(0.05, 1.5, 40)
    gains[0::2] *= generator.uniform(0.05, 1)
    wave = harmonic_tone(mains, gains, samples, sample_rate)
    wave *= 1 + 0.05 * drift(generator, samples, sample_rate, 1.5)
    hiss = shaped_noise(generator, samples, sample_rate, ((50, 0), (2000, -10), (12000, -24)))
    return finish(unit(wave) + generator.uniform(0.01, 0.25) * hiss, sample_rate)


def radio_static(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Radio between stations: hiss, crackle, and a whistle that wanders."""
    samples = sample_count(seconds, sample_rate)
    top = log_uniform(generator, 1800, 9000)
    wave = highpass(
        lowpass(generator.standard_normal(samples), top, sample_rate, 4), 150, sample_rate
    )
    wave = unit(wave) * np.exp(0.3 * drift(generator, samples, sample_rate, 3))
    times = random_times(generator, seconds, log_uniform(generator, 2, 60))
    snaps = [click(generator, sample_rate, 500, 5000, 0.004) for _ in range(8)]
    wave += scatter(samples, sample_rate, times, snaps, 2 * generator.exponential(1, len(times)))
    if generator.random() < 0.5:
        hertz = 400 * np.exp(0.9 * drift(generator, samples, sample_rate, 0.8))
        wave += generator.uniform(0.05, 0.6) * sine(hertz, samples, sample_rate)
    return finish(wave, sample_rate)


def white_noise(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Steady noise: white, pink or brown, as of a noise generator or hissing electronics."""
    samples = sample_count(seconds, sample_rate)
    slope = float(generator.choice([0, 0, 3, 6, generator.uniform(-2, 6)]))
    points = ((20, 0), (20000, -slope * np.log2(1000)))
    return finish(shaped_noise(generator, samples, sample_rate, points), sample_rate)


def printer(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Ink-jet or dot-matrix printer: a carriage that sweeps to and fro, and paper that is fed."""
    samples = sample_count(seconds, sample_rate)
    time = np.arange(samples) / sample_rate
    sweep = generator.uniform(0.35, 1.2)
    place = time % sweep / sweep
    moving = np.clip(np.minimum(place, 0.85 - place) * 15, 0, 1)
    step = generator.uniform(250, 900) * (0.6 + 0.4 * moving)
    carriage = harmonic_tone(step, falling_gains(14, 0.9), samples, sample_rate) * moving
    slide = band_noise(generator, samples, sample_rate, 600, 4000) * moving
    wave = generator.uniform(0.3, 1) * unit(carriage) + 0.5 * slide
    if generator.random() < 0.5:  # pins on paper
        pins = cycles(generator.uniform(300, 900), samples, sample_rate) % 1
        pattern = np.clip(drift(generator, samples, sample_rate, 20), 0, None)
        strike = band_noise(generator, samples, sample_rate, 1500, 7000) * np.exp(-6 * pins)
        wave += 1.5 * strike * pattern * moving
    size = sample_count(0.12 * sweep, sample_rate)
    feed = harmonic_tone(generator.uniform(120, 400), falling_gains(20, 0.6), size, sample_rate)
    feed *= swell(size, sample_rate, 0.005, 0.01)
    wave += scatter(
        samples, sample_rate, np.arange(0.86 * sweep, seconds, sweep), [0.6 * unit(feed)]
    )
    knock = click(generator, sample_rate, 300, 2500, 0.04)
    wave += scatter(samples, sample_rate, np.arange(0, seconds, sweep), [knock], 0.6)
    return finish(wave, sample_rate)
