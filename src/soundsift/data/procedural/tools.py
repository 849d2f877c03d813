"""Hand tools and work: hammering, sawing, chopping, digging, sweeping."""

from __future__ import annotations

import numpy as np

from soundsift.data.procedural.events import (
    modal,
    random_modes,
    regular_times,
    scatter,
    times_by_density,
)
from soundsift.data.procedural.synthesis import (
    Samples,
    Wave,
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
    unit,
)


def _blow(
    generator: np.random.Generator,
    sample_rate: int,
    modes: tuple[Wave, Wave, Wave],
    noise: float,
    length: float,
) -> Wave:
    """One blow: the modes of what is hit, excited anew each time, and the noise of contact."""
    size = sample_count(length, sample_rate)
    hertz, t60, gains = modes
    ringing = modal(hertz, t60, gains * generator.uniform(0.5, 1.5, len(gains)), size, sample_rate)
    contact = generator.standard_normal(size) * decay(size, sample_rate, 0.015)
    return unit(ringing) + noise * unit(contact)


def hammering(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Hammer on nail and wood: a knock with a metallic ping that rises as the nail goes in."""
    samples = sample_count(seconds, sample_rate)
    wood = random_modes(generator, 10, log_uniform(generator, 120, 300), 2500, 0.12, 0.5)
    times = regular_times(generator, seconds, generator.uniform(0.28, 0.7), 0.06)
    ping = log_uniform(generator, 1800, 4000)
    blows = []
    for number in range(len(times)):
        blow = _blow(generator, sample_rate, wood, 0.8, 0.35)
        rise = ping * (1 + 0.4 * (number % 7) / 7)
        nail = modal(
            [rise, rise * 2.4, rise * 3.9],
            [0.12, 0.08, 0.05],
            [1, 0.6, 0.4],
            len(blow),
            sample_rate,
        )
        blows.append(blow + generator.uniform(0.2, 0.8) * unit(nail))
    wave = scatter(samples, sample_rate, times, blows, generator.uniform(0.6, 1, len(times)))
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.2, 1.2), generator.uniform(0.05, 0.8)
    )
    return finish(wave, sample_rate)


def blacksmith(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Hammer on an anvil: a clang that rings for a second, in a steady rhythm with bounces."""
    samples = sample_count(seconds, sample_rate)
    low = log_uniform(generator, 700, 1600)
    anvil = random_modes(generator, 12, low, low * 7, generator.uniform(0.5, 1.6), 0.5)
    blows = [_blow(generator, sample_rate, anvil, 0.6, 1.6) for _ in range(4)]
    times = regular_times(generator, seconds, generator.uniform(0.5, 1.1), 0.04)
    wave = scatter(samples, sample_rate, times, blows, generator.uniform(0.7, 1, len(times)))
    if generator.random() < 0.6:
        bounce = times + generator.uniform(0.15, 0.25)
        wave += scatter(samples, sample_rate, bounce, blows[1:], generator.uniform(0.15, 0.4))
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.3, 1.2), generator.uniform(0.05, 0.5)
    )
    return finish(wave, sample_rate)


def sawing(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Hand saw: strokes to and fro; teeth scrape at a rate that follows the speed of the arm."""
    samples = sample_count(seconds, sample_rate)
    rate = generator.uniform(0.9, 2.4)
    phase = cycles(
        rate * (1 + 0.05 * drift(generator, samples, sample_rate, 1)), samples, sample_rate
    )
    velocity = np.sin(2 * np.pi * phase)
    push = np.clip(velocity, 0, None) + generator.uniform(0.3, 0.9) * np.clip(-velocity, 0, None)
    teeth = cycles(generator.uniform(120, 350) * np.abs(velocity) + 1, samples, sample_rate) % 1
    low = log_uniform(generator, 500, 1300)
    scrape = band_noise(generator, samples, sample_rate, low, low * 6) * (0.4 + np.exp(-5 * teeth))
    board = resonances(
        scrape, [(log_uniform(generator, 200, 2500), 120, 1) for _ in range(5)], sample_rate
    )
    wave = (unit(scrape) + generator.uniform(0.4, 1.2) * unit(board)) * push**1.3
    return finish(wave, sample_rate)


def chopping_wood(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Axe in wood: a crack and a thud every second or two, and splinters that fall."""
    samples = sample_count(seconds, sample_rate)
    wood = random_modes(generator, 12, log_uniform(generator, 90, 220), 1800, 0.14, 0.5)
    blows = []
    for _ in range(3):
        blow = _blow(generator, sample_rate, wood, 1.0, 0.5)
        crack = highpass(generator.standard_normal(len(blow)), 1200, sample_rate)
        blow += generator.uniform(0.4, 1.2) * unit(crack * decay(len(blow), sample_rate, 0.05))
        blows.append(blow)
    times = regular_times(generator, seconds, generator.uniform(0.8, 2), 0.1)
    wave = scatter(samples, sample_rate, times, blows, generator.uniform(0.7, 1, len(times)))
    bits = [
        unit(modal(*random_modes(generator, 5, 500, 3000, 0.04, 0.3), 3000, sample_rate))
        for _ in range(6)
    ]
    for start in times[generator.random(len(times)) < 0.5]:
        falls = start + generator.uniform(0.25, 0.7, int(generator.integers(2, 6)))
        wave += scatter(samples, sample_rate, falls, bits, generator.uniform(0.05, 0.3))
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.4, 1.6), generator.uniform(0.05, 0.5)
    )
    return finish(wave, sample_rate)


def jackhammer(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Pneumatic drill: 15 to 30 blows a second on concrete, air that escapes, a compressor."""
    samples = sample_count(seconds, sample_rate)
    rate = generator.uniform(15, 30)
    steel = random_modes(generator, 12, 300, 5000, generator.uniform(0.05, 0.12), 0.4)
    blows = [_blow(generator, sample_rate, steel, 1.2, 0.2) for _ in range(6)]
    times = regular_times(generator, seconds, 1 / rate, 0.03)
    bursts = np.clip(1.5 + 2 * drift(generator, samples, sample_rate, 0.4), 0, 1)
    on = bursts[np.minimum((times * sample_rate).astype(np.int64), samples - 1)] > 0.3
    on[0] = True
    wave = scatter(samples, sample_rate, times[on], blows, generator.uniform(0.7, 1, int(on.sum())))
    air = cycles(rate, samples, sample_rate) % 1
    puff = shaped_noise(
        generator, samples, sample_rate, ((100, -6), (600, 0), (4000, -4), (12000, -20))
    )
    wave = unit(wave) + generator.uniform(0.2, 0.7) * puff * np.exp(-3 * air) * (bursts > 0.3)
    wave += generator.uniform(0, 0.2) * unit(
        lowpass(generator.standard_normal(samples), 200, sample_rate)
    )
    wave = lowpass(wave, log_uniform(generator, 3000, 9000), sample_rate)
    return finish(
        room(generator, wave, sample_rate, 0.6, generator.uniform(0.05, 0.5)), sample_rate
    )


def _grains(
    generator: np.random.Generator, sample_rate: int, low: float, high: float
) -> list[Wave]:
    grains = []
    for _ in range(24):
        size = sample_count(log_uniform(generator, 0.002, 0.012), sample_rate)
        noise = generator.standard_normal(size) * decay(size, sample_rate, size / sample_rate)
        hertz = log_uniform(generator, low, high)
        grains.append(unit(resonances(noise, [(hertz, hertz * 0.5, 1)], sample_rate)))
    return grains


def digging(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Shovel: a blade thrust into gravel or earth, then what is thrown off."""
    samples = sample_count(seconds, sample_rate)
    low = log_uniform(generator, 500, 1800)
    grains = _grains(generator, sample_rate, low, low * 5)
    blade = random_modes(generator, 8, 700, 4500, generator.uniform(0.06, 0.25), 0.3)
    wave = np.zeros(samples)
    for start in regular_times(generator, seconds, generator.uniform(1.3, 2.4), 0.08):
        thrust = sample_count(generator.uniform(0.25, 0.5), sample_rate)
        density = log_uniform(generator, 600, 3000) * curve(thrust, [(0, 0.2), (0.3, 1), (1, 0.1)])
        times = start + times_by_density(generator, density, sample_rate)
        wave += scatter(samples, sample_rate, times, grains, generator.exponential(1, len(times)))
        ring = _blow(generator, sample_rate, blade, 0.5, 0.4)
        wave += scatter(samples, sample_rate, np.array([start]), [ring], generator.uniform(0.5, 2))
        thrown = (
            start
            + generator.uniform(0.6, 0.9)
            + generator.gamma(2, 0.08, int(generator.integers(40, 300)))
        )
        wave += scatter(
            samples, sample_rate, thrown, grains, 0.5 * generator.exponential(1, len(thrown))
        )
    return finish(wave, sample_rate)


def sweeping(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Broom: soft strokes of bristles, brightest above 0.4 to 1.5 kHz, about one a second."""
    samples = sample_count(seconds, sample_rate)
    low = log_uniform(generator, 350, 1500)
    rate = generator.uniform(0.8, 1.8)
    phase = (
        cycles(rate * (1 + 0.06 * drift(generator, samples, sample_rate, 1)), samples, sample_rate)
        % 1
    )
    shape = [(0, 0), (0.1, 0.5), (0.3, 1), (0.5, 0.3), (0.6, 0), (1, 0)]
    stroke = np.interp(phase, [p[0] for p in shape], [p[1] for p in shape])
    bristles = shaped_noise(
        generator, samples, sample_rate, ((low / 4, -24), (low, 0), (low * 4, -3), (16000, -18))
    )
    grit = scatter(
        samples,
        sample_rate,
        times_by_density(generator, 300 * stroke + 0.1, sample_rate),
        _grains(generator, sample_rate, low, low * 4),
    )
    wave = bristles * stroke + generator.uniform(0.1, 0.5) * unit(grit)
    return finish(wave, sample_rate)


def scissors(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Scissors: blades that slide with a rising hiss and meet with a click."""
    samples = sample_count(seconds, sample_rate)
    steel = random_modes(generator, 8, 2500, 9000, generator.uniform(0.02, 0.08), 0.3)
    snips = []
    for _ in range(4):
        slide_size = sample_count(generator.uniform(0.08, 0.25), sample_rate)
        slide = band_noise(generator, slide_size, sample_rate, 3000, 10000)
        slide *= curve(slide_size, [(0, 0), (0.3, 0.4), (0.9, 1), (1, 0.2)])
        snips.append(
            np.concatenate([0.6 * slide, 1.2 * _blow(generator, sample_rate, steel, 0.8, 0.12)])
        )
    times = regular_times(generator, seconds, generator.uniform(0.35, 0.9), 0.1)
    return finish(
        scatter(samples, sample_rate, times, snips, generator.uniform(0.6, 1, len(times))),
        sample_rate,
    )
