"""Telephones and beeps of appliances."""

from __future__ import annotations

import numpy as np

from soundsift.data.procedural.events import regular_times, scatter, struck_body
from soundsift.data.procedural.synthesis import (
    Samples,
    Wave,
    decay,
    falling_gains,
    finish,
    harmonic_tone,
    highpass,
    log_uniform,
    lowpass,
    resonances,
    room,
    sample_count,
    sine,
    swell,
)

_TOUCH_ROWS = (697.0, 770.0, 852.0, 941.0)
_TOUCH_COLUMNS = (1209.0, 1336.0, 1477.0, 1633.0)
_MAJOR_PENTATONIC = (0, 2, 4, 7, 9, 12, 14, 16, 19)


def _gate(samples: int, sample_rate: int, on: float, off: float, start: float = 0.0) -> Wave:
    opened = (np.arange(samples) / sample_rate + start) % (on + off) < on
    return np.clip(lowpass(opened.astype(np.float64), 150, sample_rate), 0, None)


def old_telephone(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Telephone with a bell: a clapper between two gongs, driven at 20 to 25 Hz, with pauses."""
    samples = sample_count(seconds, sample_rate)
    rate = generator.uniform(17, 25) * 2
    times = regular_times(generator, seconds, 1 / rate, 0.02)
    on, off = generator.uniform(0.8, 2.0), generator.uniform(0.6, 2.5)
    if generator.random() < 0.4:  # as in Britain: two short rings, then a pause
        place = times % (1.0 + off)
        kept = (place < 0.4) | ((place > 0.6) & (place < 1.0))
    else:
        kept = times % (on + off) < on
    times = times[kept]
    size = sample_count(1.2, sample_rate)
    first = log_uniform(generator, 600, 2000)
    strokes = [
        struck_body(
            generator,
            first * ratio,
            (1, 1.52, 2.12, 2.66, 3.45, 4.3, 5.2),
            generator.uniform(0.5, 1.2),
            size,
            sample_rate,
            hardness=6000,
        )
        for ratio in (1.0, generator.uniform(1.08, 1.3))
    ]
    gains = generator.uniform(0.7, 1, len(times))
    wave = scatter(samples, sample_rate, times, strokes, gains)
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.2, 0.7), generator.uniform(0, 0.6)
    )
    return finish(wave, sample_rate)


def electronic_phone(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Office telephone: two pitches that alternate 10 to 25 times a second, with pauses."""
    samples = sample_count(seconds, sample_rate)
    low = generator.uniform(500, 1900)
    ratio, rate = generator.uniform(1.12, 1.4), generator.uniform(8, 25)
    high = np.arange(samples) / sample_rate * rate % 1 < 0.5
    hertz = low * np.where(high, ratio, 1.0)
    wave = harmonic_tone(hertz, falling_gains(12, generator.uniform(0.9, 2)), samples, sample_rate)
    wave *= _gate(samples, sample_rate, generator.uniform(0.5, 2), generator.uniform(0.4, 2))
    peaks = [(log_uniform(generator, 800, 4000), 400.0, 1.0) for _ in range(3)]
    wave = 0.4 * wave + resonances(wave, peaks, sample_rate)
    return finish(highpass(wave, 300, sample_rate), sample_rate)


def mobile_ringtone(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Mobile phone: a short melody of bell-like or pulse tones, repeated."""
    samples = sample_count(seconds, sample_rate)
    beat = generator.uniform(0.09, 0.22)
    length = int(generator.integers(6, 14))
    root = log_uniform(generator, 400, 1100)
    notes = root * 2 ** (generator.choice(_MAJOR_PENTATONIC, length) / 12)
    rests = generator.random(length) < 0.2
    pulse = generator.random() < 0.5
    ring = generator.uniform(0.15, 0.9)
    size = sample_count(ring, sample_rate)
    grains = []
    for hertz in notes:
        if pulse:
            tone = harmonic_tone(float(hertz), falling_gains(14, 1.1), size, sample_rate)
            tone *= swell(size, sample_rate, 0.004, 0.03)
            tone[sample_count(beat * 0.9, sample_rate) :] *= 0
        else:
            gains = [1, generator.uniform(0, 0.6), 0.2, generator.uniform(0, 0.4)]
            tone = harmonic_tone(float(hertz), gains, size, sample_rate)
            tone *= decay(size, sample_rate, ring * 0.9)
        grains.append(tone)
    pause = int(generator.integers(1, 8))
    steps = np.arange(int(seconds / beat) + 1)
    place = steps % (length + pause)
    sounding = (place < length) & ~rests[np.minimum(place, length - 1)]
    times, choices = steps[sounding] * beat, place[sounding]
    wave = scatter(samples, sample_rate, times, grains, 1.0, choices)
    return finish(highpass(wave, generator.uniform(150, 500), sample_rate), sample_rate)


def touch_tones(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Dialling: each digit is the sum of two of eight frequencies (ITU-T Q.23)."""
    samples = sample_count(seconds, sample_rate)
    on = generator.uniform(0.07, 0.25)
    size = sample_count(on, sample_rate)
    envelope = swell(size, sample_rate, 0.003, 0.003)
    keys = [
        (sine(row, size, sample_rate) + sine(column, size, sample_rate)) * envelope
        for row in _TOUCH_ROWS
        for column in _TOUCH_COLUMNS[:3]
    ]
    gaps = generator.uniform(on + 0.05, on + generator.uniform(0.1, 0.5), int(seconds / on) + 2)
    times = np.cumsum(gaps) - gaps[0]
    choices = generator.integers(0, len(keys), len(times))
    return finish(scatter(samples, sample_rate, times, keys, 1.0, choices), sample_rate)


def busy_tone(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Telephone line engaged: 400 to 620 Hz, on and off in equal halves (ITU-T E.180)."""
    samples = sample_count(seconds, sample_rate)
    low = generator.choice([400, 425, 440, 480])
    wave = sine(float(low), samples, sample_rate)
    if generator.random() < 0.5:
        wave = wave + sine(generator.choice([450.0, 620.0]), samples, sample_rate)
    half = generator.choice([0.25, 0.375, 0.5])
    wave = wave * _gate(samples, sample_rate, half, half, generator.uniform(0, 0.3))
    hiss = 0.003 * generator.standard_normal(samples)
    return finish(lowpass(highpass(wave + hiss, 300, sample_rate), 3400, sample_rate), sample_rate)


def microwave_oven(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Microwave oven: mains hum and fan, then three to five long beeps and, at times, the door."""
    samples = sample_count(seconds, sample_rate)
    mains = generator.choice([50.0, 60.0])
    hum = harmonic_tone(
        2 * mains, falling_gains(20, generator.uniform(0.8, 1.3)), samples, sample_rate
    )
    fan = lowpass(generator.standard_normal(samples), generator.uniform(400, 1200), sample_rate)
    done = generator.uniform(0.35, 0.6) * seconds
    running = np.clip((done - np.arange(samples) / sample_rate) / 0.15, 0, 1)
    wave = (0.12 * hum + 0.5 * fan) * running
    size = sample_count(generator.uniform(0.25, 0.9), sample_rate)
    gains = [1, generator.uniform(0, 0.1), generator.uniform(0.05, 0.4)]
    beep = harmonic_tone(generator.uniform(1800, 2600), gains, size, sample_rate)
    beep *= swell(size, sample_rate, 0.004, 0.004)
    gap = size / sample_rate * generator.uniform(1.5, 2.2)
    times = done + 0.1 + gap * np.arange(int(generator.integers(3, 6)))
    wave = wave + scatter(samples, sample_rate, times, [beep])
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.2, 0.6), generator.uniform(0, 0.4)
    )
    return finish(wave, sample_rate)


def beep(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Beeps of an appliance or computer: one pitch, regular."""
    samples = sample_count(seconds, sample_rate)
    on = log_uniform(generator, 0.05, 0.5)
    off = on * log_uniform(generator, 0.6, 6)
    hertz = log_uniform(generator, 500, 4000)
    power = generator.uniform(0.8, 4)
    wave = harmonic_tone(hertz, falling_gains(10, power), samples, sample_rate)
    wave *= _gate(samples, sample_rate, on, off)
    return finish(wave, sample_rate)
