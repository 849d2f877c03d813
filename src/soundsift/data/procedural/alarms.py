"""Sirens and alarms."""

from __future__ import annotations

import numpy as np
from scipy.signal import sawtooth, square

from soundsift.data.procedural.events import regular_times, scatter, struck_body
from soundsift.data.procedural.synthesis import (
    Samples,
    Wave,
    comb,
    cycles,
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
)


def _horn(generator: np.random.Generator, wave: Wave, sample_rate: int) -> Wave:
    """Loudspeaker horn: nothing below some 400 Hz, a few resonances, and a street's echo."""
    peaks = [(log_uniform(generator, 600, 3500), generator.uniform(200, 800), 1.0) for _ in "abc"]
    horn = highpass(wave, generator.uniform(250, 500), sample_rate) * 0.6
    horn = horn + resonances(wave, peaks, sample_rate)
    return room(generator, horn, sample_rate, generator.uniform(0.3, 1.5), generator.uniform(0, 1))


def _triangle(cycle: Wave, rising: float) -> Wave:
    triangle: Wave = 0.5 + 0.5 * sawtooth(2 * np.pi * cycle, rising)
    return triangle


def police_siren(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Electronic vehicle siren: wail (slow sweep), yelp (fast sweep) or two alternating tones."""
    samples = sample_count(seconds, sample_rate)
    form = generator.choice(["wail", "yelp", "two-tone"])
    low = generator.uniform(420, 750)
    high = low * generator.uniform(1.7, 2.4)
    if form == "two-tone":
        rate, high = generator.uniform(0.4, 1.1), low * generator.choice([1.26, 1.335, 1.5])
        smooth = lowpass(
            square(2 * np.pi * rate * np.arange(samples) / sample_rate), 60, sample_rate
        )
        place = np.clip(0.5 + 0.5 * smooth, 0, 1)
    else:
        rate = generator.uniform(0.15, 0.5) if form == "wail" else generator.uniform(2.5, 5)
        start = generator.uniform(0, 1)
        place = _triangle(cycles(rate, samples, sample_rate, start), generator.uniform(0.35, 0.7))
    hertz = low * (high / low) ** place * generator.uniform(0.95, 1.05)
    gains = falling_gains(24, generator.uniform(0.8, 1.4))
    gains[1::2] *= generator.uniform(0.1, 1)
    wave = harmonic_tone(hertz, gains, samples, sample_rate)
    return finish(_horn(generator, wave, sample_rate), sample_rate)


def air_raid_siren(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Motor siren: a rotor chops air at a frequency that follows its speed up and down."""
    samples = sample_count(seconds, sample_rate)
    top, bottom = generator.uniform(400, 620), generator.uniform(120, 280)
    period = generator.uniform(5, 11)
    place = _triangle(
        cycles(1 / period, samples, sample_rate, generator.uniform(0, 1)),
        generator.uniform(0.4, 0.6),
    )
    # A motor with inertia approaches its speed exponentially.
    hertz = bottom + (top - bottom) * (1 - np.exp(-2.5 * place)) / (1 - np.exp(-2.5))
    gains = falling_gains(16, generator.uniform(0.9, 1.3))
    wave = harmonic_tone(hertz, gains, samples, sample_rate) * (hertz / top) ** 1.5
    if generator.random() < 0.6:  # a second row of ports, a minor third above
        wave += 0.8 * harmonic_tone(hertz * 1.2, gains, samples, sample_rate) * (hertz / top) ** 1.5
    far = room(generator, wave, sample_rate, generator.uniform(1, 3), generator.uniform(0.3, 2))
    return finish(lowpass(far, generator.uniform(2000, 7000), sample_rate, 1), sample_rate)


def smoke_alarm(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Smoke detector: a piezo at about 3 kHz, three beeps and a pause (ISO 8201), or steady."""
    samples = sample_count(seconds, sample_rate)
    time = np.arange(samples) / sample_rate + generator.uniform(0, 2)
    if generator.random() < 0.7:
        beat, pause = generator.uniform(0.3, 0.55), generator.uniform(1, 1.6)
        place = time % (6 * beat + pause - beat)
        gate = (place < 5 * beat) & (place % (2 * beat) < beat)
    else:
        beat = generator.uniform(0.08, 0.4)
        gate = time % (2 * beat) < beat
    envelope = lowpass(gate.astype(np.float64), 120, sample_rate)
    hertz = generator.uniform(2700, 3500)
    gains = [1.0, generator.uniform(0.02, 0.3), generator.uniform(0.05, 0.4)]
    wave = harmonic_tone(hertz, gains, samples, sample_rate) * envelope
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.2, 0.9), generator.uniform(0.1, 1)
    )
    return finish(wave, sample_rate)


def alarm_clock(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Electronic alarm clock: groups of two to five short beeps, each second or so."""
    samples = sample_count(seconds, sample_rate)
    time = np.arange(samples) / sample_rate
    beep, count = generator.uniform(0.045, 0.11), int(generator.integers(2, 6))
    period = 2 * beep * count + generator.uniform(0.2, 0.7)
    place = time % period
    gate = (place < 2 * beep * count) & (place % (2 * beep) < beep)
    envelope = lowpass(gate.astype(np.float64), 250, sample_rate)
    hertz = generator.uniform(1200, 4200)
    duty = generator.uniform(0.15, 0.5)
    numbers = np.arange(1, 12)
    gains = np.sin(np.pi * duty * numbers) / numbers  # a pulse wave
    wave = harmonic_tone(hertz, gains, samples, sample_rate) * envelope
    return finish(highpass(wave, generator.uniform(400, 1000), sample_rate), sample_rate)


def alarm_bell(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """School or fire bell: a motor hammer strikes a steel gong 12 to 25 times a second."""
    samples = sample_count(seconds, sample_rate)
    fundamental = log_uniform(generator, 500, 1500)
    ratios = (1, 1.58, 2.24, 2.9, 3.7, 4.6, 5.9, 7.3)
    size = sample_count(1.0, sample_rate)
    strokes = [
        struck_body(
            generator, fundamental, ratios, 0.9, size, sample_rate, hardness=7e3, spread=0.0
        )
        for _ in range(4)
    ]
    times = regular_times(generator, seconds, 1 / generator.uniform(12, 25), 0.03)
    gains = generator.uniform(0.6, 1, len(times))
    wave = scatter(samples, sample_rate, times, strokes, gains)
    return finish(
        room(generator, wave, sample_rate, generator.uniform(0.4, 1.5), generator.uniform(0.1, 1)),
        sample_rate,
    )


def car_alarm(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Car alarm: siren patterns, each for a second or two, one after the other."""
    samples = sample_count(seconds, sample_rate)
    hertz = np.empty(samples)
    at = 0
    while at < samples:
        size = min(samples - at, sample_count(generator.uniform(0.8, 2.0), sample_rate))
        rate = log_uniform(generator, 1.5, 14)
        rising = generator.choice([0.0, 0.5, 1.0])
        low, high = generator.uniform(600, 1100), generator.uniform(1500, 3000)
        place = _triangle(cycles(rate, size, sample_rate), rising)
        hertz[at : at + size] = low * (high / low) ** place
        at += size
    wave = harmonic_tone(hertz, falling_gains(12, 1.2), samples, sample_rate)
    return finish(_horn(generator, wave, sample_rate), sample_rate)


def buzzer(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Electromechanical buzzer: an armature that rattles at the mains' frequency or its double."""
    samples = sample_count(seconds, sample_rate)
    hertz = generator.choice([50, 60, 100, 120]) * generator.uniform(0.98, 1.02)
    wobble = 1 + 0.004 * sine(generator.uniform(3, 9), samples, sample_rate)
    wave = harmonic_tone(hertz * wobble, falling_gains(120, 0.4), samples, sample_rate)
    peaks = [(log_uniform(generator, 400, 5000), generator.uniform(80, 500), 1.0) for _ in range(5)]
    wave = 0.3 * wave + resonances(wave, peaks, sample_rate)
    length = generator.uniform(0.4, 1.2)
    period = length + generator.uniform(0.3, 1.2)
    gate = np.arange(samples) / sample_rate % period < length
    wave = comb(wave, 0.0007, 0.3, sample_rate)
    return finish(wave * lowpass(gate.astype(np.float64), 60, sample_rate), sample_rate)


def reversing_beeper(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Reversing truck: beeps of about 1.2 kHz, as long as the pauses, one each second."""
    samples = sample_count(seconds, sample_rate)
    period = generator.uniform(0.7, 1.2)
    gate = (np.arange(samples) / sample_rate + 0.1) % period < period / 2
    envelope = lowpass(gate.astype(np.float64), 80, sample_rate)
    hertz = generator.uniform(1000, 1450)
    gains = [1, generator.uniform(0, 0.2), generator.uniform(0.05, 0.5), 0.05, 0.1]
    wave = harmonic_tone(hertz, gains, samples, sample_rate) * envelope
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.3, 1.2), generator.uniform(0.1, 1)
    )
    return finish(wave, sample_rate)
