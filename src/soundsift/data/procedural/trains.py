"""Trains, and the horns of vehicles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soundsift.data.procedural.events import modal, random_modes, scatter
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
    passing,
    resonances,
    room,
    sample_count,
    shaped_noise,
    swell,
    unit,
)


def _blasts(
    generator: np.random.Generator,
    seconds: float,
    sample_rate: int,
    length: tuple[float, float],
    gap: tuple[float, float],
    attack: float,
    release: float,
) -> Wave:
    """Envelope of a horn that is sounded a few times."""
    samples = sample_count(seconds, sample_rate)
    envelope = np.zeros(samples)
    at = sample_count(generator.uniform(0, 0.2), sample_rate)
    if at >= samples:
        at = 0
    while at < samples:
        size = min(samples - at, sample_count(generator.uniform(*length), sample_rate))
        envelope[at : at + size] = swell(
            size, sample_rate, min(attack, size / sample_rate / 3), release
        )
        at += size + sample_count(generator.uniform(*gap), sample_rate)
    return envelope


def _chord(
    hertz: Sequence[float], pressure: Wave, power: float, harmonics: int, sample_rate: int
) -> Wave:
    """Horns that start a little flat: the pitch rises by 2 % as the pressure builds up."""
    wave = np.zeros(len(pressure))
    for pitch in hertz:
        bend = pitch * (0.98 + 0.02 * pressure)
        wave += harmonic_tone(bend, falling_gains(harmonics, power), len(pressure), sample_rate)
    return wave


def car_horn(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Car: two discs of 350 to 550 Hz, a third apart, with strong harmonics of 1.5 to 4 kHz."""
    envelope = _blasts(generator, seconds, sample_rate, (0.12, 1.4), (0.08, 0.9), 0.015, 0.03)
    low = generator.uniform(340, 450)
    pitches = [low, low * generator.uniform(1.19, 1.28)] if generator.random() < 0.8 else [low]
    wave = _chord(pitches, envelope, generator.uniform(0.3, 0.8), 30, sample_rate)
    peaks = [(log_uniform(generator, 1500, 4000), 700.0, 1.0) for _ in range(3)]
    wave = (0.4 * wave + resonances(wave, peaks, sample_rate)) * envelope
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.3, 1.5), generator.uniform(0.05, 0.8)
    )
    return finish(highpass(wave, 200, sample_rate), sample_rate)


def air_horn(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Air horn of a lorry or a stadium: a rich tone of 200 to 600 Hz with the hiss of air."""
    envelope = _blasts(generator, seconds, sample_rate, (0.3, 1.8), (0.2, 1.0), 0.05, 0.1)
    low = log_uniform(generator, 180, 600)
    pitches = [low * r for r in (1, 1.26, 1.5)[: int(generator.integers(1, 4))]]
    wave = unit(_chord(pitches, envelope, generator.uniform(0.4, 0.9), 40, sample_rate))
    air = band_noise(generator, len(wave), sample_rate, 1500, 8000)
    wave = (wave + generator.uniform(0.03, 0.2) * air) * envelope
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.5, 2.5), generator.uniform(0.1, 1)
    )
    return finish(wave, sample_rate)


def train_horn(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Diesel train: a chord of three to five horns between 250 and 600 Hz, at times passing."""
    samples = sample_count(seconds, sample_rate)
    envelope = _blasts(generator, seconds, sample_rate, (0.5, 2.2), (0.3, 1.0), 0.12, 0.25)
    root = generator.uniform(240, 330)
    steps = [(0, 4, 9), (0, 3, 6, 9), (0, 3, 7, 9, 12), (0, 5)][int(generator.integers(0, 4))]
    gain, doppler = np.ones(samples), np.ones(samples)
    if generator.random() < 0.4:
        gain, doppler = passing(generator, samples, sample_rate, generator.uniform(15, 40))
    wave = np.zeros(samples)
    gains = falling_gains(25, generator.uniform(0.6, 1.1))
    for step in steps:
        detuned = root * 2 ** (step / 12) * generator.uniform(0.99, 1.01)
        bend = detuned * (0.97 + 0.03 * envelope) * doppler
        wave += harmonic_tone(bend, gains * generator.uniform(0.5, 1.2, 25), samples, sample_rate)
    wave *= envelope * gain
    wave = room(generator, wave, sample_rate, generator.uniform(0.8, 3), generator.uniform(0.1, 1))
    return finish(lowpass(wave, log_uniform(generator, 2000, 9000), sample_rate, 1), sample_rate)


def ship_horn(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Ship or foghorn: a blast of seconds at 70 to 200 Hz with a long echo."""
    low = log_uniform(generator, 70, 200)
    pitches = [low] if generator.random() < 0.6 else [low, low * generator.uniform(1.18, 1.5)]
    envelope = _blasts(generator, seconds, sample_rate, (1.2, 4), (0.6, 2), 0.2, 0.4)
    wave = _chord(pitches, envelope, generator.uniform(0.7, 1.2), 40, sample_rate) * envelope
    wave = room(generator, wave, sample_rate, generator.uniform(2, 4), generator.uniform(0.2, 1.5))
    return finish(lowpass(wave, log_uniform(generator, 800, 4000), sample_rate, 1), sample_rate)


def steam_whistle(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Steam whistle: a chord of bell-shaped whistles, breathy, whose pitch sags at the end."""
    envelope = _blasts(generator, seconds, sample_rate, (0.4, 2.5), (0.2, 0.9), 0.12, 0.3)
    samples = len(envelope)
    root = generator.uniform(350, 750)
    wave = np.zeros(samples)
    for ratio in (1, 1.19, 1.5, 1.78)[: int(generator.integers(1, 5))]:
        bend = root * ratio * (0.9 + 0.1 * np.sqrt(envelope))
        wave += harmonic_tone(bend, [1, 0.2, 0.3, 0.08, 0.1], samples, sample_rate)
    steam = shaped_noise(
        generator, samples, sample_rate, ((300, -20), (1500, 0), (6000, -3), (15000, -20))
    )
    wave = (unit(wave) + generator.uniform(0.1, 0.5) * steam) * envelope
    wave = room(generator, wave, sample_rate, generator.uniform(1, 3), generator.uniform(0.1, 0.8))
    return finish(wave, sample_rate)


def bulb_horn(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Bicycle horn with a rubber bulb: a reed that honks, higher while the bulb is pressed."""
    samples = sample_count(seconds, sample_rate)
    pitch = generator.uniform(220, 420)
    wave = np.zeros(samples)
    at = generator.uniform(0, 0.1)
    while at < seconds - 0.05:
        size = sample_count(generator.uniform(0.15, 0.4), sample_rate)
        press = curve(size, [(0, 0), (0.15, 1), (0.7, 0.8), (1, 0)])
        honk = harmonic_tone(
            pitch * (0.93 + 0.09 * press), falling_gains(30, 0.5), size, sample_rate
        )
        honk = (
            resonances(honk, [(900, 200, 1), (1900, 400, 0.8), (3300, 600, 0.4)], sample_rate)
            * press
        )
        wave += scatter(samples, sample_rate, np.array([at]), [honk])
        at += size / sample_rate + generator.uniform(0.05, 0.7)
    return finish(room(generator, wave, sample_rate, 0.5, generator.uniform(0, 0.4)), sample_rate)


def train_passing(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Train that passes: rolling noise of many wheels, pairs of clacks at the joints, squeal."""
    samples = sample_count(seconds, sample_rate)
    speed = generator.uniform(12, 45)
    gain, doppler = passing(generator, samples, sample_rate, speed)
    # A train is long: its level stays up while its cars go by.
    level = np.clip(gain / gain.max() * generator.uniform(1, 2), 0, 1) ** 1.3
    rolling = shaped_noise(
        generator, samples, sample_rate, ((40, -2), (120, 0), (500, -4), (1500, -12), (5000, -30))
    )
    wave = rolling * (1 + 0.2 * drift(generator, samples, sample_rate, 6))
    size = sample_count(0.25, sample_rate)
    clacks = []
    for _ in range(6):
        modes = random_modes(generator, 10, 150, 3000, generator.uniform(0.05, 0.15), 0.4)
        blow = generator.standard_normal(size) * decay(size, sample_rate, 0.03)
        clacks.append(unit(modal(*modes, size, sample_rate)) + 0.3 * unit(blow))
    joint = generator.uniform(12, 25) / speed
    axle = 2.5 / speed
    starts = np.arange(generator.uniform(0, joint), seconds, joint)
    times = np.sort(np.concatenate([starts, starts + axle, starts + 0.7 * joint]))
    wave += generator.uniform(0.3, 1.3) * scatter(
        samples, sample_rate, times, clacks, generator.uniform(0.5, 1, len(times))
    )
    if generator.random() < 0.4:
        squeal = harmonic_tone(
            log_uniform(generator, 1800, 5000) * doppler, [1, 0.3], samples, sample_rate
        )
        wave += 0.3 * squeal * np.clip(drift(generator, samples, sample_rate, 1.5), 0, None)
    rumble = lowpass(generator.standard_normal(samples), 80, sample_rate)
    return finish((wave + generator.uniform(0.3, 1) * unit(rumble)) * level, sample_rate)


def steam_train(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Steam engine: four chuffs per turn of the wheels, speeding up, over rods and rolling."""
    samples = sample_count(seconds, sample_rate)
    start = log_uniform(generator, 1.5, 8)
    rate = start * np.linspace(1, generator.uniform(0.9, 2.0), samples)
    phase = cycles(rate, samples, sample_rate)
    index, place = phase.astype(np.int64), phase % 1
    accents = np.array([1, 0.75, 0.9, 0.7])[index % 4]
    chance = generator.uniform(0.8, 1.1, int(index[-1]) + 1)[index]
    chuff = (
        accents * chance * np.minimum(1, place / 0.06) * np.exp(-place * generator.uniform(3, 6))
    )
    steam = shaped_noise(
        generator, samples, sample_rate, ((80, -6), (400, 0), (2500, -6), (9000, -24))
    )
    wave = steam * (chuff + generator.uniform(0.03, 0.15))
    wave += 0.4 * unit(lowpass(chuff - chuff.mean(), 90, sample_rate)) * float(np.std(wave))
    size = sample_count(0.15, sample_rate)
    clank = unit(modal(*random_modes(generator, 9, 500, 5000, 0.12, 0.4), size, sample_rate))
    beats = np.flatnonzero(np.diff(index // 2) > 0) / sample_rate
    wave += generator.uniform(0.02, 0.15) * scatter(samples, sample_rate, beats, [clank])
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.4, 1.5), generator.uniform(0, 0.4)
    )
    return finish(wave, sample_rate)
