"""Frogs, and mammals by formant synthesis."""

from __future__ import annotations

import numpy as np

from soundsift.data.procedural.events import regular_times, scatter
from soundsift.data.procedural.synthesis import (
    Samples,
    Wave,
    curve,
    decay,
    drift,
    finish,
    highpass,
    log_uniform,
    resonances,
    room,
    sample_count,
    swell,
    unit,
)
from soundsift.data.procedural.voice import VOWELS, articulate, formants, glottal_source


def _frog(generator: np.random.Generator, seconds: float, sample_rate: int) -> Wave:
    """One frog: croaks made of 20 to 120 pulses a second that ring in its vocal sac."""
    samples = sample_count(seconds, sample_rate)
    hertz = log_uniform(generator, 500, 3200)
    size = sample_count(0.06, sample_rate)
    pulse = np.sin(2 * np.pi * hertz * np.arange(size) / sample_rate)
    pulse += 0.4 * np.sin(2 * np.pi * 2.1 * hertz * np.arange(size) / sample_rate)
    pulse *= decay(size, sample_rate, generator.uniform(0.02, 0.08))
    pulse = highpass(pulse, 0.6 * hertz, sample_rate, 4)
    rate = log_uniform(generator, 18, 120)
    count = max(3, int(generator.uniform(0.1, 0.6) * rate))
    within = np.arange(count) / rate
    loud = curve(count, [(0, 0.3), (0.4, 1), (1, 0.5)])
    starts = regular_times(generator, seconds, within[-1] + generator.uniform(0.15, 1.2), 0.08)
    times = (starts[:, None] + within).ravel()
    return scatter(samples, sample_rate, times, [pulse], np.tile(loud, len(starts)))


def frogs(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """One frog or a pond full of them."""
    wave = np.zeros(sample_count(seconds, sample_rate))
    for number in range(int(generator.choice([1, 2, 4, 9]))):
        level = 1.0 if number == 0 else log_uniform(generator, 0.1, 0.8)
        wave += level * unit(_frog(generator, seconds, sample_rate))
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.3, 1.2), generator.uniform(0, 0.5)
    )
    return finish(wave, sample_rate)


def _calls(
    generator: np.random.Generator,
    seconds: float,
    sample_rate: int,
    calls: list[Wave],
    gap: tuple[float, float],
) -> Samples:
    """Calls with pauses in between; the last one may be cut by the end."""
    samples = sample_count(seconds, sample_rate)
    times: list[float] = []
    at = generator.uniform(0, 0.15)
    while at < seconds - 0.1 or not times:
        times.append(at)
        at += len(calls[(len(times) - 1) % len(calls)]) / sample_rate + generator.uniform(*gap)
    wave = scatter(
        samples, sample_rate, np.array(times), calls, generator.uniform(0.6, 1, len(times))
    )
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.2, 1.2), generator.uniform(0.05, 0.6)
    )
    return finish(wave, sample_rate)


def dog_barking(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Dog: barks of 100 to 250 ms, a rough pitch that jumps up and falls, a mouth that opens.

    From terriers (a pitch of 700 Hz) to mastiffs (150 Hz); the tract scales with the dog.
    """
    small = generator.uniform(0, 1)
    pitch = 160 * 4**small * generator.uniform(0.85, 1.2)
    scale = 0.75 * 1.9**small
    rough = generator.uniform(0.3, 0.9)
    barks = []
    for _ in range(4):
        size = sample_count(generator.uniform(0.1, 0.24) * (1.2 - 0.4 * small), sample_rate)
        hertz = pitch * curve(size, [(0, 0.8), (0.2, 1.35), (0.5, 1.15), (1, 0.6)])
        source = glottal_source(generator, hertz, sample_rate, opened=0.4, rough=rough, breath=0.35)
        mouth = curve(size, [(0, 0), (0.3, 1), (1, 0.1)])
        voice = articulate(
            source, [(450, 900, 2300, 3300), (850, 1500, 2600, 3600)], mouth, sample_rate, scale
        )
        envelope = curve(size, [(0, 0), (0.07, 1), (0.35, 0.7), (1, 0)]) ** 1.2
        onset = generator.standard_normal(size) * decay(size, sample_rate, 0.03)
        onset = formants(onset, (900, 1700, 2800), sample_rate, scale=scale, width=3)
        barks.append(unit(voice * envelope) + 0.3 * unit(onset))
    gap = (0.08, 0.5) if generator.random() < 0.5 else (0.3, 1.2)
    return _calls(generator, seconds, sample_rate, barks, gap)


def sheep(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Sheep or lamb: a bleat of half a second to a second that trembles 7 to 12 times a second."""
    pitch = log_uniform(generator, 160, 420)
    scale = 0.9 + 0.4 * (pitch > 260)
    calls = []
    for _ in range(2):
        size = sample_count(generator.uniform(0.5, 1.1), sample_rate)
        tremble = np.sin(2 * np.pi * generator.uniform(7, 12) * np.arange(size) / sample_rate)
        hertz = (
            pitch * curve(size, [(0, 0.85), (0.15, 1.1), (0.7, 1), (1, 0.8)]) * (1 + 0.05 * tremble)
        )
        source = glottal_source(generator, hertz, sample_rate, opened=0.45, rough=0.12, breath=0.1)
        mouth = curve(size, [(0, 0), (0.12, 1), (0.9, 1.2), (1, 0.5)])
        voice = articulate(
            source,
            [(300, 900, 2300, 3300), (680, 1750, 2500, 3500), VOWELS["e"]],
            mouth,
            sample_rate,
            scale,
        )
        voice = highpass(voice, 600, sample_rate, 1)
        calls.append(unit(voice) * (1 + 0.45 * tremble) * swell(size, sample_rate, 0.05, 0.15))
    return _calls(generator, seconds, sample_rate, calls, (0.3, 1.5))


def cow(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Cow: a moo of one to two seconds; the closed mouth opens, and the pitch rises and falls."""
    pitch = generator.uniform(85, 180)
    calls = []
    for _ in range(2):
        size = sample_count(generator.uniform(1.0, 2.0), sample_rate)
        hertz = pitch * curve(
            size, [(0, 0.8), (0.3, 1), (0.65, generator.uniform(1.1, 1.7)), (1, 0.8)]
        )
        source = glottal_source(generator, hertz, sample_rate, opened=0.5, rough=0.15, breath=0.08)
        mouth = curve(size, [(0, 0), (0.3, 0.2), (0.6, 1), (0.9, 0.8), (1, 0)])
        voice = articulate(
            source, [(230, 700, 1800, 2600), (520, 950, 1900, 2700)], mouth, sample_rate, 0.85
        )
        calls.append(unit(voice) * swell(size, sample_rate, 0.2, 0.35))
    return _calls(generator, seconds, sample_rate, calls, (0.5, 1.5))


def cat(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Cat: a meow that opens from a nasal vowel to an open one and closes again."""
    pitch = log_uniform(generator, 420, 900)
    calls = []
    for _ in range(3):
        size = sample_count(generator.uniform(0.35, 1.0), sample_rate)
        peak = generator.uniform(1.1, 1.4)
        hertz = pitch * curve(size, [(0, 0.8), (0.25, peak), (0.6, 1.05), (1, 0.75)])
        source = glottal_source(
            generator, hertz, sample_rate, opened=0.5, rough=generator.uniform(0, 0.15), breath=0.06
        )
        shapes = [(450, 2000, 3000, 4200), (1000, 1900, 2900, 4200), (600, 1300, 2700, 4000)]
        mouth = curve(size, [(0, 0), (0.3, 0.8), (0.6, 1.1), (1, 2)])
        voice = articulate(source, shapes, mouth, sample_rate, generator.uniform(1.2, 1.7))
        voice = highpass(voice, 1200, sample_rate, 1)
        calls.append(unit(voice) * swell(size, sample_rate, 0.08, 0.15))
    return _calls(generator, seconds, sample_rate, calls, (0.2, 1.2))


def cat_purring(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Cat that purrs: soft pulses at 22 to 30 Hz, a little different in and out of breath."""
    samples = sample_count(seconds, sample_rate)
    rate = generator.uniform(21, 31)
    breath = np.sin(2 * np.pi * generator.uniform(0.35, 0.7) * np.arange(samples) / sample_rate)
    hertz = rate * (1 + 0.06 * breath + 0.02 * drift(generator, samples, sample_rate, 3))
    pulses = glottal_source(generator, hertz, sample_rate, opened=0.4, rough=0.25, breath=0.12)
    chest = [
        (log_uniform(generator, 60, 200), 60, 1),
        (log_uniform(generator, 200, 600), 150, 0.8),
        (1400, 900, 0.3),
    ]
    wave = unit(resonances(pulses, chest, sample_rate)) * (1 + 0.35 * breath)
    return finish(highpass(wave, 30, sample_rate), sample_rate)


def wolf(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Wolf: howls that rise, hold for seconds at 300 to 700 Hz, and sink."""
    samples = sample_count(seconds, sample_rate)
    wave = np.zeros(samples)
    for number in range(int(generator.choice([1, 1, 2, 3]))):
        pitch = generator.uniform(320, 650)
        length = min(seconds, generator.uniform(2, 4.5))
        size = sample_count(length, sample_rate)
        hertz = pitch * curve(size, [(0, 0.65), (0.12, 0.95), (0.25, 1), (0.7, 0.97), (1, 0.7)])
        hertz *= 1 + 0.008 * drift(generator, size, sample_rate, 3)
        source = glottal_source(generator, hertz, sample_rate, opened=0.7, rough=0.02, breath=0.03)
        howl = formants(
            source, (550, 1000, 2300, 3300), sample_rate, scale=generator.uniform(0.9, 1.1)
        )
        howl = unit(howl) * swell(size, sample_rate, 0.25, 0.7)
        start = 0.0 if number == 0 else generator.uniform(0, 0.6) * seconds
        wave += scatter(samples, sample_rate, np.array([start]), [howl], generator.uniform(0.5, 1))
    wave = room(generator, wave, sample_rate, generator.uniform(1, 3), generator.uniform(0.1, 0.8))
    return finish(wave, sample_rate)
