"""Water: drips, streams, waves, bubbles, boiling, pouring, flushing."""

from __future__ import annotations

import numpy as np

from soundsift.data.procedural.events import (
    bubble,
    random_times,
    regular_times,
    scatter,
    times_by_density,
)
from soundsift.data.procedural.synthesis import (
    Samples,
    Wave,
    band_noise,
    curve,
    decay,
    drift,
    finish,
    harmonic_tone,
    highpass,
    log_uniform,
    lowpass,
    morph,
    resonance,
    resonances,
    room,
    sample_count,
    shaped_noise,
    unit,
)


def _bubbles(
    generator: np.random.Generator,
    samples: int,
    sample_rate: int,
    density: Wave | float,
    smallest: float,
    largest: float,
    rise: float | None = None,
) -> Wave:
    """A crowd of bubbles with radii between two bounds in metres; `density` per second."""
    radii = [log_uniform(generator, smallest, largest) for _ in range(64)]
    grains = [bubble(generator, radius, sample_rate, rise) for radius in radii]
    rates = np.broadcast_to(np.asarray(density, dtype=np.float64), (samples,))
    times = times_by_density(generator, rates, sample_rate)
    choices = generator.integers(0, 64, len(times))
    # Large bubbles are rarer but louder; depth spreads the levels.
    loud = (np.array(radii)[choices] / largest) ** 0.7 if len(times) else np.zeros(0)
    gains = loud * generator.exponential(1, len(times))
    return scatter(samples, sample_rate, times, grains, gains, choices)


def dripping(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """A dripping tap or cave: an impact, then the bubble it entrains, whose pitch rises."""
    samples = sample_count(seconds, sample_rate)
    wave = np.zeros(samples)
    for _ in range(int(generator.choice([1, 1, 2, 3]))):
        period = log_uniform(generator, 0.25, 1.6)
        times = regular_times(generator, seconds, period, generator.uniform(0.01, 0.2))
        radius = log_uniform(generator, 0.0009, 0.0045)
        grains = []
        for _ in range(5):
            size = generator.uniform(0.9, 1.1) * radius
            plop = bubble(generator, size, sample_rate, generator.uniform(0.05, 0.35))
            late = sample_count(generator.uniform(0.004, 0.025), sample_rate)
            drop = np.concatenate([np.zeros(late), plop])
            tick = generator.standard_normal(late) * decay(late, sample_rate, 0.003)
            drop[:late] += generator.uniform(0.05, 0.5) * tick
            grains.append(drop)
        wave += scatter(samples, sample_rate, times, grains, generator.uniform(0.5, 1, len(times)))
    wave = room(
        generator, wave, sample_rate, log_uniform(generator, 0.3, 3), generator.uniform(0, 1)
    )
    return finish(wave, sample_rate)


def stream(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """A brook: hundreds of bubbles a second over the hiss of turbulence."""
    samples = sample_count(seconds, sample_rate)
    flow = np.exp(0.25 * drift(generator, samples, sample_rate, 3))
    density = log_uniform(generator, 300, 2500) * flow
    smallest = log_uniform(generator, 0.0005, 0.0012)
    wave = unit(_bubbles(generator, samples, sample_rate, density, smallest, smallest * 8))
    hiss = shaped_noise(
        generator, samples, sample_rate, ((150, -6), (700, 0), (4000, -6), (14000, -24))
    )
    return finish(wave + generator.uniform(0.15, 0.9) * hiss * flow, sample_rate)


def waterfall(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """A waterfall or rapids: steady broad noise; the larger, the lower it reaches."""
    samples = sample_count(seconds, sample_rate)
    low = log_uniform(generator, 60, 500)
    tilt = generator.uniform(2, 12)
    wave = shaped_noise(
        generator,
        samples,
        sample_rate,
        ((low / 4, -18), (low, 0), (2500, -tilt), (14000, -tilt - 18)),
    )
    wave *= 1 + 0.08 * drift(generator, samples, sample_rate, 4)
    splash = _bubbles(generator, samples, sample_rate, 400.0, 0.0006, 0.006)
    return finish(wave + generator.uniform(0, 0.35) * unit(splash), sample_rate)


def ocean_waves(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Surf: each wave gathers as a rumble, breaks into broad noise and runs out as hissing foam."""
    samples = sample_count(seconds, sample_rate)
    time = np.arange(samples) / sample_rate
    position = np.zeros(samples)
    level = np.full(samples, generator.uniform(0.04, 0.15))
    period = generator.uniform(3.5, 9)
    for peak in np.arange(generator.uniform(0.3, 0.7) * period - period, seconds + period, period):
        at = peak + generator.normal(0, 0.12 * period)
        size = generator.uniform(0.4, 1)
        rise, fall = generator.uniform(0.15, 0.3) * period, generator.uniform(0.2, 0.4) * period
        wave = np.where(
            time < at, np.exp(-(np.abs((time - at) / rise) ** 1.5)), np.exp(-(time - at) / fall)
        )
        level += size * wave
        position = np.maximum(position, size * wave * 2)
        foam = np.where(time > at, np.exp(-(time - at) / (2 * fall)), 0)
        position = np.maximum(position, 3 * foam * (1 - wave))
    top = log_uniform(generator, 250, 600)
    bands = [
        shaped_noise(
            generator,
            samples,
            sample_rate,
            ((40, 0), (top * 2.2**i, 0), (top * 2.2 ** (i + 3), -32)),
        )
        for i in range(3)
    ]
    bands.append(
        shaped_noise(
            generator, samples, sample_rate, ((300, -25), (2500, 0), (9000, -4), (16000, -14))
        )
    )
    return finish(morph(bands, np.clip(position, 0, 3)) * level, sample_rate)


def bubbles(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Bubbles blown into water: large, slow, each with a rising pitch."""
    samples = sample_count(seconds, sample_rate)
    rate = log_uniform(generator, 8, 60)
    gurgle = np.clip(1 + drift(generator, samples, sample_rate, 2), 0.05, None)
    wave = _bubbles(
        generator, samples, sample_rate, rate * gurgle, 0.002, 0.012, generator.uniform(0.05, 0.25)
    )
    # Under water the surface and the vessel take the highs and add a few resonances.
    peaks = [(log_uniform(generator, 200, 1500), 150.0, 1.0) for _ in range(3)]
    wave = wave + resonances(wave, peaks, sample_rate)
    return finish(lowpass(wave, log_uniform(generator, 1500, 8000), sample_rate, 1), sample_rate)


def boiling(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """A pot at the boil: a low rumble of collapsing steam and a dense crowd of bubbles."""
    samples = sample_count(seconds, sample_rate)
    surge = np.clip(1 + 0.6 * drift(generator, samples, sample_rate, 4), 0.1, None)
    wave = unit(
        _bubbles(
            generator,
            samples,
            sample_rate,
            log_uniform(generator, 80, 400) * surge,
            0.002,
            0.009,
            0.1,
        )
    )
    low = log_uniform(generator, 120, 400)
    rumble = shaped_noise(
        generator, samples, sample_rate, ((low / 3, -20), (low, 0), (low * 4, -14), (6000, -45))
    )
    hiss = band_noise(generator, samples, sample_rate, 3000, 9000)
    wave += generator.uniform(0.4, 1.5) * rumble * surge + generator.uniform(0.01, 0.1) * hiss
    return finish(wave, sample_rate)


def pouring(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Water poured into a vessel: the column of air above it shortens, so its resonance rises."""
    samples = sample_count(seconds, sample_rate)
    flow = np.exp(0.2 * drift(generator, samples, sample_rate, 5))
    smallest = log_uniform(generator, 0.0006, 0.0015)
    source = unit(
        _bubbles(
            generator,
            samples,
            sample_rate,
            log_uniform(generator, 200, 900) * flow,
            smallest,
            smallest * 6,
        )
    )
    source += generator.uniform(0.2, 0.8) * shaped_noise(
        generator, samples, sample_rate, ((200, 0), (3000, -6), (12000, -25))
    )
    depth = generator.uniform(0.08, 0.3)
    steps = 10
    full = generator.uniform(0.6, 0.9)
    tuned = []
    for step in range(steps):
        air = depth * (1 - full * step / (steps - 1)) + 0.01
        quarter = 343 / (4 * air)
        tuned.append(
            resonances(
                source,
                [(quarter, 90, 1), (3 * quarter, 200, 0.6), (5 * quarter, 350, 0.3)],
                sample_rate,
            )
        )
    ringing = morph(tuned, np.linspace(0, steps - 1, samples))
    wave = source * 0.5 + generator.uniform(1, 3) * unit(ringing)
    end = generator.uniform(0.85, 1.0)
    gate = curve(samples, [(0, 0), (0.04, 1), (end - 0.05, 1), (end, 0.0)])
    return finish(wave * gate, sample_rate)


def toilet_flush(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Toilet: the lever, the rush, the gurgle of the siphon, and the cistern that fills."""
    samples = sample_count(seconds, sample_rate)
    rush_level = curve(
        samples, [(0, 0), (0.04, 0.4), (0.12, 1), (0.4, 0.9), (0.6, 0.15), (1, 0.02)]
    )
    rush = shaped_noise(
        generator, samples, sample_rate, ((80, -10), (350, 0), (2500, -6), (10000, -24))
    )
    bowl = resonances(
        rush,
        [(log_uniform(generator, 200, 500), 80, 1), (log_uniform(generator, 500, 1200), 150, 1)],
        sample_rate,
    )
    wave = (rush + unit(bowl)) * rush_level * (1 + 0.15 * drift(generator, samples, sample_rate, 8))
    gurgle = curve(samples, [(0, 0), (0.4, 0), (0.52, 1), (0.65, 0.6), (0.75, 0)])
    wave += (
        1.2
        * unit(_bubbles(generator, samples, sample_rate, 60 * gurgle + 0.1, 0.003, 0.013, 0.15))
        * gurgle
    )
    fill = band_noise(generator, samples, sample_rate, 1500, 7000)
    whistle = harmonic_tone(log_uniform(generator, 600, 2500), [1, 0.3], samples, sample_rate)
    filling = curve(samples, [(0, 0), (0.3, 0), (0.55, 1), (1, 0.9)])
    wave += (generator.uniform(0.05, 0.25) * fill + generator.uniform(0, 0.05) * whistle) * filling
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.3, 0.9), generator.uniform(0.2, 1)
    )
    return finish(wave, sample_rate)


def running_tap(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """A tap or shower over a basin: noise of the jet, splashes, and the basin's resonances."""
    samples = sample_count(seconds, sample_rate)
    low = log_uniform(generator, 400, 2500)
    jet = shaped_noise(
        generator, samples, sample_rate, ((low / 4, -15), (low, 0), (8000, -3), (18000, -15))
    )
    jet *= 1 + 0.1 * drift(generator, samples, sample_rate, 10)
    splash = unit(
        _bubbles(generator, samples, sample_rate, log_uniform(generator, 200, 1000), 0.0005, 0.004)
    )
    wave = jet + generator.uniform(0.2, 1.2) * splash
    basin = [(log_uniform(generator, 250, 2500), generator.uniform(60, 250), 1.0) for _ in range(4)]
    wave += generator.uniform(0.3, 1) * unit(resonances(wave, basin, sample_rate))
    return finish(highpass(wave, 120, sample_rate), sample_rate)


def splash(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Something falls into water: a slap, a cavity that closes with a low bubble, and drops."""
    samples = sample_count(seconds, sample_rate)
    wave = np.zeros(samples)
    for start in random_times(generator, max(0.1, seconds - 1), 0.7):
        at = min(samples - 1, int(start * sample_rate))
        left = samples - at
        body = log_uniform(generator, 0.004, 0.016)
        slap = shaped_noise(
            generator, left, sample_rate, ((100, 0), (800, -2), (5000, -12), (14000, -30))
        )
        slap *= decay(left, sample_rate, generator.uniform(0.25, 0.9))
        wave[at:] += slap
        plunge = bubble(generator, body, sample_rate, 0.1)
        wave += scatter(
            samples, sample_rate, np.array([start + generator.uniform(0.05, 0.2)]), [plunge], 1.2
        )
        density = 500 * decay(left, sample_rate, generator.uniform(0.8, 1.8)) + 0.01
        wave[at:] += 0.6 * _bubbles(generator, left, sample_rate, density, 0.0008, 0.005)
        foam = resonance(generator.standard_normal(left), 4500, 5000, sample_rate)
        wave[at:] += 0.25 * unit(foam) * decay(left, sample_rate, generator.uniform(0.5, 1.2))
    return finish(wave, sample_rate)
