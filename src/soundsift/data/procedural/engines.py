"""Combustion engines: cars, motorcycles, trucks, boats and garden tools."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soundsift.data.procedural.synthesis import (
    Samples,
    Wave,
    band_noise,
    comb,
    curve,
    cycles,
    drift,
    finish,
    highpass,
    log_uniform,
    lowpass,
    passing,
    resonances,
    room,
    sample_count,
    shaped_noise,
    unit,
)


@dataclass(frozen=True)
class _Engine:
    """An engine.

    Attributes:
        cylinders: number of cylinders.
        strokes: 4 (fires every second turn) or 2 (every turn).
        sharpness: of the pressure pulse of one firing, in 1 / its period.
        uneven: relative difference of the cylinders and of successive firings.
        pipe: length of the exhaust in metres.
        muffled: low-pass frequency of the exhaust in Hz.
        clatter: level of valves, injectors and chain beside the exhaust.
        roar: level of the noise of gas beside the pulses.
    """

    cylinders: int
    strokes: int
    sharpness: float
    uneven: float
    pipe: float
    muffled: float
    clatter: float
    roar: float


def firing_rate(rpm: float, cylinders: int, strokes: int) -> float:
    """Firings per second of an engine at a speed in turns per minute."""
    return rpm / 60 * cylinders * (0.5 if strokes == 4 else 1.0)


def _run(
    generator: np.random.Generator, engine: _Engine, rpm: Wave, load: Wave, sample_rate: int
) -> Wave:
    """Sound of an engine at a changing speed and load (0 to 1)."""
    samples = len(rpm)
    per_turn = firing_rate(60, engine.cylinders, engine.strokes)
    firing = cycles(rpm / 60 * per_turn, samples, sample_rate, generator.uniform(0, 1))
    index = firing.astype(np.int64)
    phase = firing - index
    fixed = 1 + engine.uneven * generator.standard_normal(engine.cylinders)
    chance = 1 + 0.15 * engine.uneven * generator.standard_normal(int(index[-1]) + 1)
    force = fixed[index % engine.cylinders] * chance[index] * (0.4 + 0.6 * load)
    pulse = force * (np.exp(-engine.sharpness * phase) - np.exp(-4 * engine.sharpness * phase))
    gas = shaped_noise(
        generator, samples, sample_rate, ((150, -6), (400, 0), (2000, -3), (6000, -20))
    )
    # Each firing steps at its end: without a low-pass filter it would alias.
    exhaust = lowpass(pulse, 6000, sample_rate)
    exhaust += engine.roar * 0.2 * gas * float(np.std(pulse)) * (0.3 + pulse / pulse.mean())
    exhaust = comb(exhaust - exhaust.mean(), 2 * engine.pipe / 343, -0.45, sample_rate)
    box = [
        (log_uniform(generator, 80, 2000), generator.uniform(60, 300), generator.uniform(0.3, 1))
        for _ in range(5)
    ]
    exhaust = 0.5 * exhaust + resonances(exhaust, box, sample_rate)
    exhaust = lowpass(exhaust, engine.muffled, sample_rate, 1)
    # Echoes of the ground and of the engine's own case fill the gaps between firings.
    exhaust = room(
        generator, exhaust, sample_rate, generator.uniform(0.08, 0.4), generator.uniform(0.3, 2)
    )
    metal = band_noise(generator, samples, sample_rate, 1200, 5000)
    ticking = metal * np.exp(-6 * ((firing * 2 + 0.3) % 1)) * (0.5 + 0.5 * chance[index])
    level = float(np.sqrt(np.mean(exhaust**2)))
    return exhaust + 0.3 * engine.clatter * level * unit(ticking)


def _revs(
    generator: np.random.Generator, samples: int, low: float, high: float
) -> tuple[Wave, Wave]:
    """Speed and load of someone who plays with the throttle: idle, rise, fall."""
    points: list[tuple[float, float]] = [(0.0, 0.0)]
    place = generator.uniform(0.05, 0.2)
    while place < 1:
        points += [
            (place, 0.0),
            (place + generator.uniform(0.05, 0.2), generator.uniform(0.4, 1.0)),
        ]
        place = points[-1][0] + generator.uniform(0.02, 0.15)
        points.append((place, points[-1][1]))
        place += generator.uniform(0.1, 0.3)
        points.append((place, 0.0))
        place += generator.uniform(0.02, 0.3)
    throttle = curve(samples, points)
    return low + (high - low) * throttle, np.clip(np.gradient(throttle) * samples / 4 + 0.3, 0, 1)


def _steady(
    generator: np.random.Generator, samples: int, rpm: float, sample_rate: int, wander: float
) -> Wave:
    return rpm * (1 + wander * drift(generator, samples, sample_rate, 1.5))


def _drive(
    generator: np.random.Generator, samples: int, low: float, high: float
) -> tuple[Wave, Wave]:
    """Speed and load while accelerating through the gears."""
    gears = int(generator.integers(1, 4))
    points: list[tuple[float, float]] = []
    loads: list[tuple[float, float]] = []
    for gear in range(gears):
        start, end = gear / gears, (gear + 1) / gears
        bottom = low if gear == 0 else low + 0.5 * (high - low)
        points += [
            (start + 0.02, bottom),
            (end - 0.03, low + (high - low) * generator.uniform(0.8, 1)),
        ]
        loads += [(start, 0.2), (start + 0.03, 1.0), (end - 0.04, 1.0), (end - 0.02, 0.1)]
    return curve(samples, points), curve(samples, loads)


def car_engine(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Petrol car: idling, revving or accelerating, three to eight cylinders."""
    samples = sample_count(seconds, sample_rate)
    engine = _Engine(
        cylinders=int(generator.choice([3, 4, 4, 4, 6, 8])),
        strokes=4,
        sharpness=generator.uniform(8, 30),
        uneven=generator.uniform(0.03, 0.2),
        pipe=generator.uniform(1.5, 4),
        muffled=log_uniform(generator, 250, 1500),
        clatter=generator.uniform(0.02, 0.25),
        roar=generator.uniform(0.2, 1.2),
    )
    low = generator.uniform(650, 1000)
    form = generator.choice(["idle", "rev", "drive"])
    if form == "idle":
        rpm, load = _steady(generator, samples, low, sample_rate, 0.015), np.full(samples, 0.3)
    elif form == "rev":
        rpm, load = _revs(generator, samples, low, generator.uniform(2500, 5500))
    else:
        rpm, load = _drive(
            generator, samples, generator.uniform(1200, 2000), generator.uniform(3500, 6500)
        )
    return finish(_run(generator, engine, rpm, load, sample_rate), sample_rate)


def motorcycle(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Motorcycle: one or two cylinders through a short pipe, revved, accelerating or passing."""
    samples = sample_count(seconds, sample_rate)
    engine = _Engine(
        cylinders=int(generator.choice([1, 2, 2, 4])),
        strokes=4,
        sharpness=generator.uniform(15, 50),
        uneven=generator.uniform(0.1, 0.35),
        pipe=generator.uniform(0.5, 1.3),
        muffled=log_uniform(generator, 700, 3500),
        clatter=generator.uniform(0.05, 0.3),
        roar=generator.uniform(0.5, 1.5),
    )
    low, high = generator.uniform(900, 1500), generator.uniform(4500, 9000)
    form = generator.choice(["rev", "drive", "pass"])
    rpm, load = (_revs if form == "rev" else _drive)(generator, samples, low, high)
    if form != "pass":
        return finish(_run(generator, engine, rpm, load, sample_rate), sample_rate)
    gain, doppler = passing(generator, samples, sample_rate, generator.uniform(12, 35))
    rpm = _steady(generator, samples, generator.uniform(3500, 7000), sample_rate, 0.01) * doppler
    return finish(_run(generator, engine, rpm, load, sample_rate) * gain, sample_rate)


def truck(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Diesel truck: slow, six cylinders, with the knock of its injectors."""
    samples = sample_count(seconds, sample_rate)
    engine = _Engine(
        cylinders=int(generator.choice([4, 6, 6])),
        strokes=4,
        sharpness=generator.uniform(8, 25),
        uneven=generator.uniform(0.1, 0.3),
        pipe=generator.uniform(2, 4),
        muffled=log_uniform(generator, 250, 900),
        clatter=generator.uniform(0.3, 0.9),
        roar=generator.uniform(0.6, 1.6),
    )
    low = generator.uniform(480, 750)
    if generator.random() < 0.5:
        rpm, load = _steady(generator, samples, low, sample_rate, 0.01), np.full(samples, 0.4)
    else:
        rpm, load = _drive(generator, samples, low, generator.uniform(1500, 2400))
    wave = unit(_run(generator, engine, rpm, load, sample_rate))
    tyres = shaped_noise(generator, samples, sample_rate, ((50, 0), (800, -2), (5000, -25)))
    return finish(wave + generator.uniform(0, 0.4) * tyres, sample_rate)


def lawn_mower(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Lawn mower: one cylinder at about 3000 turns per minute, and a blade that moves the air."""
    samples = sample_count(seconds, sample_rate)
    engine = _Engine(
        1,
        4,
        generator.uniform(15, 40),
        generator.uniform(0.1, 0.25),
        generator.uniform(0.15, 0.4),
        log_uniform(generator, 1200, 4000),
        generator.uniform(0.2, 0.6),
        generator.uniform(0.8, 2),
    )
    rpm = _steady(generator, samples, generator.uniform(2500, 3400), sample_rate, 0.01)
    if generator.random() < 0.4:  # thick grass slows it down
        rpm *= 1 - 0.12 * np.clip(drift(generator, samples, sample_rate, 0.5), 0, 1)
    wave = unit(_run(generator, engine, rpm, np.full(samples, 0.7), sample_rate))
    blade = 0.5 + 0.5 * np.sin(2 * np.pi * cycles(rpm / 60 * 2, samples, sample_rate))
    air = shaped_noise(
        generator, samples, sample_rate, ((100, -8), (500, 0), (2500, -6), (9000, -26))
    )
    wave += generator.uniform(0.15, 0.5) * unit(air * (0.4 + blade))
    return finish(wave, sample_rate)


def chainsaw(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Chainsaw: a two-stroke that idles, screams at full throttle, and bogs down in the wood."""
    samples = sample_count(seconds, sample_rate)
    engine = _Engine(
        1,
        2,
        generator.uniform(20, 60),
        generator.uniform(0.08, 0.2),
        generator.uniform(0.08, 0.2),
        log_uniform(generator, 2500, 8000),
        generator.uniform(0.2, 0.6),
        generator.uniform(0.8, 2),
    )
    low, high = generator.uniform(2200, 3200), generator.uniform(7500, 12500)
    rpm, load = _revs(generator, samples, low, high)
    if generator.random() < 0.6:
        rpm = np.full(samples, high) * (
            1 - generator.uniform(0, 0.1) * np.arange(samples) / samples
        )
        load = np.ones(samples)
    cutting = np.clip(drift(generator, samples, sample_rate, 0.6), 0, 1.5) * (rpm > 0.8 * high)
    rpm = rpm * (1 - 0.2 * cutting)
    wave = unit(_run(generator, engine, rpm, load, sample_rate))
    teeth = 0.5 + 0.5 * np.sin(2 * np.pi * cycles(rpm / 60 * 3.5, samples, sample_rate))
    chips = band_noise(generator, samples, sample_rate, 1500, 6000) * teeth
    wave = highpass(wave, 90, sample_rate) + (0.03 + 0.25 * cutting) * chips
    return finish(wave, sample_rate)


def boat(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Motor boat: a slow diesel or a two-stroke outboard, over lapping water."""
    samples = sample_count(seconds, sample_rate)
    outboard = generator.random() < 0.5
    engine = _Engine(
        cylinders=int(generator.choice([2, 3])) if outboard else int(generator.choice([1, 2])),
        strokes=2 if outboard else 4,
        sharpness=generator.uniform(8, 30),
        uneven=generator.uniform(0.1, 0.3),
        pipe=generator.uniform(0.5, 2),
        muffled=log_uniform(generator, 300, 1500),
        clatter=generator.uniform(0.05, 0.3),
        roar=generator.uniform(0.5, 1.5),
    )
    speed = generator.uniform(2500, 5000) if outboard else generator.uniform(350, 900)
    rpm = _steady(generator, samples, speed, sample_rate, 0.012)
    wave = unit(_run(generator, engine, rpm, np.full(samples, 0.6), sample_rate))
    water = shaped_noise(
        generator, samples, sample_rate, ((100, -10), (500, 0), (3000, -4), (10000, -20))
    )
    slaps = np.clip(0.5 + 0.5 * drift(generator, samples, sample_rate, 1.5), 0.05, None)
    return finish(wave + generator.uniform(0.15, 0.6) * water * slaps, sample_rate)
