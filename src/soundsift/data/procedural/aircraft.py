"""Aircraft: propellers, helicopters and jets."""

from __future__ import annotations

import numpy as np

from soundsift.data.procedural.synthesis import (
    Samples,
    Wave,
    band_noise,
    cycles,
    drift,
    falling_gains,
    finish,
    harmonic_tone,
    log_uniform,
    lowpass,
    morph,
    passing,
    room,
    sample_count,
    shaped_noise,
    unit,
)


def _flight(generator: np.random.Generator, samples: int, sample_rate: int) -> tuple[Wave, Wave]:
    """Half of them pass overhead; the others stay at about the same distance."""
    if generator.random() < 0.5:
        gain, doppler = passing(generator, samples, sample_rate, generator.uniform(30, 80))
        return gain ** generator.uniform(0.3, 1), 1 + (doppler - 1) * generator.uniform(0.5, 1)
    return 1 + 0.15 * drift(generator, samples, sample_rate, 0.7), np.ones(samples)


def propeller_airplane(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Propeller aeroplane: harmonics of the rate at which blades pass, one or two engines."""
    samples = sample_count(seconds, sample_rate)
    gain, doppler = _flight(generator, samples, sample_rate)
    blades = int(generator.choice([2, 2, 3]))
    passes = generator.uniform(1700, 2700) / 60 * blades
    wave = np.zeros(samples)
    for _ in range(int(generator.choice([1, 1, 2]))):
        steady = 1 + 0.003 * drift(generator, samples, sample_rate, 1) + generator.normal(0, 0.006)
        hertz = passes * steady * doppler
        gains = falling_gains(60, generator.uniform(0.7, 1.2)) * generator.uniform(0.4, 1.4, 60)
        wave += harmonic_tone(hertz, gains, samples, sample_rate)
        # The engine fires at half the turns or more: weaker lines in between.
        half = harmonic_tone(hertz / blades / 2, falling_gains(80, 0.8), samples, sample_rate)
        wave += generator.uniform(0.1, 0.4) * half
    noise = shaped_noise(generator, samples, sample_rate, ((60, 0), (700, -3), (6000, -26)))
    wave = unit(wave) + generator.uniform(0.15, 0.6) * noise
    wave = lowpass(wave, log_uniform(generator, 700, 4000), sample_rate, 1)
    return finish(wave * gain, sample_rate)


def helicopter(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Helicopter: 9 to 28 blade slaps a second, a tail rotor, and the whine of the turbine."""
    samples = sample_count(seconds, sample_rate)
    gain, doppler = _flight(generator, samples, sample_rate)
    slaps = log_uniform(generator, 9, 28)
    cycle = cycles(slaps * doppler, samples, sample_rate)
    phase = cycle % 1
    blades = int(generator.choice([2, 3, 4]))
    uneven = (1 + 0.12 * generator.standard_normal(blades))[cycle.astype(np.int64) % blades]
    width = generator.uniform(0.04, 0.12)
    pulse = uneven * np.exp(-((phase - 0.5) ** 2) / (2 * width**2))
    # The slap is the slope of the pressure pulse; its noise follows the blade.
    thump = np.gradient(lowpass(pulse, generator.uniform(150, 500), sample_rate))
    rush = shaped_noise(
        generator, samples, sample_rate, ((40, -3), (300, 0), (1500, -8), (8000, -28))
    )
    wave = unit(thump) + generator.uniform(0.4, 1) * unit(rush * (0.25 + pulse))
    tail = harmonic_tone(
        slaps * generator.uniform(4.2, 5.8) * doppler, falling_gains(12, 1.2), samples, sample_rate
    )
    wave += generator.uniform(0.05, 0.3) * unit(tail)
    whine = harmonic_tone(
        log_uniform(generator, 1500, 7000) * doppler, [1, 0.3], samples, sample_rate
    )
    wave += generator.uniform(0, 0.06) * whine
    wave = room(generator, wave, sample_rate, generator.uniform(0.3, 1), generator.uniform(0.2, 1))
    wave = lowpass(wave, log_uniform(generator, 900, 8000), sample_rate, 1)
    return finish(wave * gain, sample_rate)


def jet_flyby(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Jet that passes: the fan's whine before, the roar of the exhaust behind it."""
    samples = sample_count(seconds, sample_rate)
    gain, doppler = passing(generator, samples, sample_rate, generator.uniform(60, 160))
    gain = gain ** generator.uniform(0.4, 0.9)
    closing = np.clip((doppler - doppler.min()) / max(1e-9, float(np.ptp(doppler))), 0, 1)
    bands = [
        shaped_noise(
            generator, samples, sample_rate, ((40, 0), (200, 2), (top, -4), (top * 6, -30))
        )
        for top in (500, 1200, 2500, 5000)
    ]
    roar = morph(bands, np.clip(2.6 * gain / gain.max() + 0.2 * closing, 0, 3))
    crackle = np.clip(drift(generator, samples, sample_rate, 30), -1, None)
    wave = roar * (1 + 0.25 * crackle) * gain
    fan = harmonic_tone(
        log_uniform(generator, 1200, 3500) * doppler, [1, 0.5, 0.3, 0.2], samples, sample_rate
    )
    whistle = unit(fan) * (0.6 + 0.4 * drift(generator, samples, sample_rate, 8))
    wave += generator.uniform(0.05, 0.35) * whistle * gain * closing
    return finish(wave, sample_rate)


def airliner_cabin(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Jet engines as heard nearby or inside: steady rush with a few tones of the fan."""
    samples = sample_count(seconds, sample_rate)
    slope = generator.uniform(0, 12)
    wave = shaped_noise(
        generator,
        samples,
        sample_rate,
        ((40, 0), (150, 2), (1000, -slope), (5000, -slope - 14), (12000, -50)),
    )
    spool = 1 + generator.uniform(0, 0.35) * np.linspace(0, 1, samples) * (generator.random() < 0.5)
    for _ in range(int(generator.integers(1, 4))):
        hertz = log_uniform(generator, 150, 4500)
        tone = harmonic_tone(hertz * spool, [1, 0.4, 0.2], samples, sample_rate)
        wave += (
            generator.uniform(0.03, 0.25)
            * tone
            * (1 + 0.2 * drift(generator, samples, sample_rate, 4))
        )
    wave += 0.2 * band_noise(generator, samples, sample_rate, 2000, 5000) * generator.uniform(0, 1)
    return finish(wave * spool**1.5, sample_rate)
