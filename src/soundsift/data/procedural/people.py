"""Sounds that people make: talking crowds, applause, coughs, snores, cries, whistles."""

from __future__ import annotations

import numpy as np

from soundsift.data.procedural.events import random_times, regular_times, scatter
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
    resonance,
    resonances,
    room,
    sample_count,
    shaped_noise,
    swell,
    unit,
)
from soundsift.data.procedural.voice import VOWELS, articulate, formants, glottal_source


def _talker(generator: np.random.Generator, samples: int, sample_rate: int) -> Wave:
    """Someone who talks without words: syllables, phrases, and consonants of noise."""
    pitch = log_uniform(generator, 85, 240)
    hertz = pitch * np.exp(0.12 * drift(generator, samples, sample_rate, 1.5))
    source = glottal_source(generator, hertz, sample_rate, opened=generator.uniform(0.4, 0.6))
    rate = generator.uniform(3.5, 5.5)
    position = 2 + 1.5 * drift(generator, samples, sample_rate, rate / 1.5)
    shapes = [VOWELS[v][:3] for v in ("i", "e", "a", "o", "u")]
    scale = 1.0 + 0.18 * np.clip((pitch - 120) / 80, 0, 1)
    voiced = articulate(source, shapes, np.clip(position, 0, 4), sample_rate, scale)
    # Raised voices: each octave up is louder than in calm speech.
    voiced = highpass(voiced, generator.uniform(400, 900), sample_rate, 1)
    syllables = np.clip(0.4 + drift(generator, samples, sample_rate, rate), 0, None)
    phrases = np.clip(0.8 + 2 * drift(generator, samples, sample_rate, 0.4), 0, 1)
    hiss = band_noise(generator, samples, sample_rate, 2500, 7500)
    consonants = np.clip(drift(generator, samples, sample_rate, rate * 1.5) - 1, 0, None)
    talk: Wave = unit(voiced * syllables * phrases) + 0.15 * hiss * consonants * phrases
    return talk


def crowd_murmur(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Crowd: six to thirty talkers at different distances in a room."""
    samples = sample_count(seconds, sample_rate)
    talkers = [_talker(generator, samples, sample_rate) for _ in range(2)]
    wave = np.zeros(samples)
    for number in range(int(generator.integers(6, 24))):
        # Others are the same voices: shifted in time, and slower or faster with their pitch.
        speed = generator.uniform(0.82, 1.2)
        places = (np.arange(samples) * speed + generator.uniform(0, samples)) % samples
        voice = np.interp(places, np.arange(samples), talkers[number % len(talkers)])
        wave += log_uniform(generator, 0.15, 1) * voice
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.4, 1.6), generator.uniform(0.3, 2)
    )
    return finish(lowpass(wave, generator.uniform(3500, 9000), sample_rate, 1), sample_rate)


def _claps(generator: np.random.Generator, sample_rate: int, count: int) -> list[Wave]:
    """Claps of several people: flat hands ring at 1 to 3 kHz, cupped hands lower."""
    size = sample_count(0.03, sample_rate)
    claps = []
    for _ in range(count):
        noise = generator.standard_normal(size) * decay(
            size, sample_rate, generator.uniform(0.008, 0.02)
        )
        hertz = log_uniform(generator, 650, 2400)
        clap = resonance(noise, hertz, hertz * 0.5, sample_rate)
        claps.append(unit(clap + 0.1 * lowpass(noise, 5000, sample_rate)))
    return claps


def applause(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Applause: five to a hundred people, each at a rate of their own, with a beginning and end."""
    samples = sample_count(seconds, sample_rate)
    people = int(log_uniform(generator, 5, 100))
    claps = _claps(generator, sample_rate, 40)
    times, gains, choices = [], [], []
    for person in range(people):
        own = regular_times(generator, seconds, 1 / generator.uniform(2.8, 5.2), 0.06)
        own = own[own > abs(generator.normal(0, 0.12 * seconds))]
        times.append(own)
        gains.append(np.full(len(own), log_uniform(generator, 0.15, 1)))
        choices.append(np.full(len(own), person % 40))
    chosen = np.concatenate(choices).astype(np.int64)
    wave = scatter(
        samples, sample_rate, np.concatenate(times), claps, np.concatenate(gains), chosen
    )
    wave += scatter(samples, sample_rate, random_times(generator, seconds, 3), claps, 0.3)
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.3, 1.8), generator.uniform(0.2, 1.5)
    )
    fade = curve(
        samples, [(0, 1), (generator.uniform(0.5, 1), 1), (1.001, generator.uniform(0.1, 1))]
    )
    return finish(wave * fade, sample_rate)


def hand_claps(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """One person or a few who clap in time."""
    samples = sample_count(seconds, sample_rate)
    claps = _claps(generator, sample_rate, 6)
    wave = np.zeros(samples)
    period = generator.uniform(0.25, 0.8)
    beats = regular_times(generator, seconds, period)
    for person in range(int(generator.choice([1, 1, 2, 5]))):
        times = np.abs(beats + 0.012 * generator.standard_normal(len(beats)))
        wave += scatter(
            samples, sample_rate, times, claps[person:], generator.uniform(0.6, 1, len(times))
        )
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.2, 1), generator.uniform(0.1, 0.8)
    )
    return finish(wave, sample_rate)


def crowd_cheering(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Stadium or hall: hundreds of open vowels as one roar, single shouts, whistles, claps."""
    samples = sample_count(seconds, sample_rate)
    surge = np.exp(0.35 * drift(generator, samples, sample_rate, 0.6))
    roar = np.zeros(samples)
    for _ in range(5):
        pitch = log_uniform(generator, 180, 480)
        glide = np.exp(0.15 * drift(generator, samples, sample_rate, 0.8))
        source = glottal_source(generator, pitch * glide, sample_rate, rough=0.3, breath=0.15)
        shout = formants(
            source, VOWELS[str(generator.choice(["a", "e", "o"]))], sample_rate, scale=1.12
        )
        roar += unit(shout) * np.clip(0.5 + drift(generator, samples, sample_rate, 0.7), 0, None)
    mass = generator.standard_normal(samples)
    mass = unit(resonances(mass, [(650, 350, 1), (1150, 500, 0.8), (2600, 900, 0.35)], sample_rate))
    wave = unit(roar) * generator.uniform(0.3, 0.9) + mass
    for start in random_times(generator, seconds, 0.5):
        size = sample_count(generator.uniform(0.3, 0.9), sample_rate)
        rise = generator.uniform(1500, 2600) * curve(size, [(0, 0.8), (0.3, 1.25), (1, 0.9)])
        whistle = harmonic_tone(rise, [1, 0.1], size, sample_rate) * swell(
            size, sample_rate, 0.05, 0.1
        )
        wave += scatter(
            samples, sample_rate, np.array([start]), [whistle], generator.uniform(0, 0.8)
        )
    claps = _claps(generator, sample_rate, 20)
    times = random_times(generator, seconds, 60)
    wave += generator.uniform(0, 0.8) * unit(scatter(samples, sample_rate, times, claps))
    wave = room(
        generator,
        wave * surge,
        sample_rate,
        generator.uniform(0.8, 2.5),
        generator.uniform(0.3, 1.5),
    )
    return finish(wave, sample_rate)


def coughing(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Coughs: a burst as the glottis opens, a rush of air, and at times a voiced end."""
    samples = sample_count(seconds, sample_rate)
    scale = generator.uniform(0.95, 1.3)
    pitch = generator.uniform(100, 260)
    coughs = []
    for _ in range(4):
        size = sample_count(generator.uniform(0.25, 0.45), sample_rate)
        air = generator.standard_normal(size)
        burst = decay(size, sample_rate, 0.09)
        rush = curve(size, [(0, 0.2), (0.1, 0.6), (0.4, 0.35), (1, 0)])
        end = curve(size, [(0, 0), (0.4, 0.1), (0.55, generator.uniform(0, 1)), (0.9, 0)])
        hertz = pitch * curve(size, [(0, 1.3), (0.5, 1.1), (1, 0.7)])
        voice = glottal_source(generator, hertz, sample_rate, rough=0.5, breath=0.2)
        source = air * (burst + 0.5 * rush) + 0.8 * unit(voice) * end
        tract = formants(source, (600, 1250, 2500, 3600), sample_rate, scale=scale, width=2.5)
        coughs.append(unit(tract) + 0.12 * unit(highpass(source, 2000, sample_rate)))
    times: list[float] = []
    at = generator.uniform(0, 0.2)
    while at < seconds - 0.3 or not times:
        for _ in range(int(generator.integers(1, 5))):
            times.append(at)
            at += generator.uniform(0.3, 0.5)
        at += generator.uniform(0.5, 1.6)
    gains = generator.uniform(0.5, 1, len(times))
    wave = scatter(samples, sample_rate, np.minimum(times, 0.9 * seconds), coughs, gains)
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.2, 0.7), generator.uniform(0.05, 0.5)
    )
    return finish(wave, sample_rate)


def sneezing(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Sneezes: one or two gasps, then a voiced burst that ends in a jet of air."""
    samples = sample_count(seconds, sample_rate)
    scale, pitch = generator.uniform(1.0, 1.25), generator.uniform(150, 330)
    grains = []
    for _ in range(2):
        gasp = sample_count(generator.uniform(0.35, 0.7), sample_rate)
        inward = generator.standard_normal(gasp) * curve(
            gasp, [(0, 0), (0.7, 0.25), (0.9, 0.35), (1, 0)]
        )
        inward += (
            0.3
            * glottal_source(
                generator, pitch * curve(gasp, [(0, 1.1), (1, 1.5)]), sample_rate, breath=0.3
            )
            * curve(gasp, [(0, 0), (0.5, 0.6), (0.95, 0.8), (1, 0)])
        )
        first = formants(inward, VOWELS["a"], sample_rate, scale=scale, width=2)
        size = sample_count(generator.uniform(0.3, 0.5), sample_rate)
        hertz = pitch * curve(size, [(0, 1.8), (0.3, 1.5), (1, 0.8)])
        voice = unit(glottal_source(generator, hertz, sample_rate, rough=0.2, breath=0.2))
        voice *= curve(size, [(0, 0), (0.05, 1), (0.3, 0.5), (0.6, 0)])
        jet = generator.standard_normal(size) * curve(
            size, [(0, 0.3), (0.1, 1), (0.5, 0.5), (1, 0)]
        )
        mouth = formants(voice + 0.3 * jet, VOWELS["i"], sample_rate, scale=scale, width=2)
        sharp = resonance(jet, generator.uniform(3000, 5500), 3000, sample_rate)
        second = unit(mouth) + generator.uniform(0.4, 1) * unit(sharp) * curve(
            size, [(0, 0), (0.1, 1), (1, 0)]
        )
        pause = np.zeros(sample_count(generator.uniform(0.02, 0.12), sample_rate))
        grains.append(np.concatenate([0.25 * unit(first), pause, second]))
    times = np.arange(
        generator.uniform(0, 0.1), max(0.2, seconds - 0.8), generator.uniform(1.4, 2.4)
    )
    wave = scatter(samples, sample_rate, times, grains)
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.2, 0.7), generator.uniform(0.05, 0.5)
    )
    return finish(wave, sample_rate)


def snoring(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Snoring: the palate flutters 20 to 70 times a second while breathing in."""
    samples = sample_count(seconds, sample_rate)
    breath = generator.uniform(2.2, 4.2)
    time = (np.arange(samples) / sample_rate + generator.uniform(0, 0.3)) % breath / breath
    points = [(0, 0), (0.08, 0.4), (0.3, 1), (0.42, 0.5), (0.46, 0), (1, 0)]
    inward = np.interp(time, [p[0] for p in points], [p[1] for p in points])
    outward = np.interp(time, [0.5, 0.6, 0.8, 0.95], [0, 1, 0.6, 0])
    hertz = generator.uniform(22, 65) * (
        1 + 0.15 * inward + 0.05 * drift(generator, samples, sample_rate, 4)
    )
    flutter = glottal_source(generator, hertz, sample_rate, opened=0.35, rough=0.4, breath=0.1)
    air = shaped_noise(generator, samples, sample_rate, ((150, 0), (1500, -6), (6000, -22)))
    nose = (
        generator.uniform(200, 350),
        generator.uniform(700, 1100),
        generator.uniform(1600, 2300),
        3200,
    )
    wave = formants(unit(flutter) * inward + 0.3 * air * inward, nose, sample_rate, width=2.5)
    wave = unit(wave) + generator.uniform(0.1, 0.4) * air * outward
    return finish(lowpass(wave, generator.uniform(2500, 7000), sample_rate, 1), sample_rate)


def baby_crying(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Baby: cries of about a second at 350 to 600 Hz that rise and fall, with gasps between."""
    samples = sample_count(seconds, sample_rate)
    pitch = generator.uniform(350, 560)
    wave = np.zeros(samples)
    at = generator.uniform(0, 0.2)
    while at < seconds - 0.2:
        size = sample_count(generator.uniform(0.45, 1.4), sample_rate)
        bow = curve(
            size,
            [
                (0, 0.75),
                (0.2, 1.05),
                (generator.uniform(0.4, 0.7), generator.uniform(1, 1.25)),
                (1, 0.7),
            ],
        )
        hertz = pitch * bow * np.exp(0.015 * drift(generator, size, sample_rate, 9))
        rough = float(generator.choice([0.02, 0.05, 0.35]))
        cry = glottal_source(generator, hertz, sample_rate, opened=0.45, rough=rough, breath=0.08)
        shapes = [VOWELS["er"], VOWELS["a"], VOWELS["e"]]
        mouth = curve(size, [(0, 0), (0.25, 1), (0.7, generator.uniform(1, 2)), (1, 0.4)])
        cry = articulate(cry, shapes, mouth, sample_rate, generator.uniform(1.4, 1.6))
        cry = unit(cry) * swell(size, sample_rate, 0.08, 0.2)
        wave += scatter(samples, sample_rate, np.array([at]), [cry], generator.uniform(0.7, 1))
        at += size / sample_rate + generator.uniform(0.05, 0.15)
        gasp_size = sample_count(generator.uniform(0.15, 0.3), sample_rate)
        gasp = band_noise(generator, gasp_size, sample_rate, 1200, 4500) * np.hanning(gasp_size)
        wave += scatter(samples, sample_rate, np.array([at]), [gasp], generator.uniform(0.03, 0.2))
        at += gasp_size / sample_rate + generator.uniform(0.02, 0.2)
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.2, 0.8), generator.uniform(0.05, 0.6)
    )
    return finish(wave, sample_rate)


def laughing(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Laughter: four to six breathy vowels a second, falling in pitch and level, then a breath."""
    samples = sample_count(seconds, sample_rate)
    pitch = log_uniform(generator, 130, 380)
    scale = 1 + 0.2 * np.clip((pitch - 150) / 150, 0, 1)
    vowel = VOWELS[str(generator.choice(["a", "e", "er", "o"]))]
    rate = generator.uniform(4, 6)
    wave = np.zeros(samples)
    at = generator.uniform(0, 0.1)
    while at < seconds - 0.2:
        notes = int(generator.integers(4, 11))
        top = generator.uniform(1.1, 1.6)
        for note in range(notes):
            size = sample_count(generator.uniform(0.6, 0.8) / rate, sample_rate)
            fall = 1 - note / (notes + 2)
            hertz = (
                pitch
                * (0.8 + (top - 0.8) * fall)
                * curve(size, [(0, 0.95), (0.4, 1.08), (1, 0.85)])
            )
            voice = unit(glottal_source(generator, hertz, sample_rate, rough=0.1, breath=0.15))
            aspirated = generator.standard_normal(size) * curve(
                size, [(0, 0.3), (0.25, 0.1), (0.7, 0.05), (1, 0.25)]
            )
            open_folds = curve(size, [(0, 0), (0.25, 0.4), (0.45, 1), (0.7, 0.5), (0.85, 0)])
            tone = unit(
                formants(voice * open_folds + aspirated, vowel, sample_rate, scale=scale, width=1.3)
            )
            wave += scatter(
                samples,
                sample_rate,
                np.array([at]),
                [tone],
                (0.3 + 0.7 * fall) * generator.uniform(0.7, 1),
            )
            at += 1 / rate * generator.uniform(0.92, 1.08)
        size = sample_count(generator.uniform(0.2, 0.45), sample_rate)
        inhale = band_noise(generator, size, sample_rate, 900, 4000) * np.hanning(size)
        wave += scatter(samples, sample_rate, np.array([at]), [inhale], 0.12)
        at += size / sample_rate + generator.uniform(0.05, 0.5)
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.2, 0.8), generator.uniform(0.05, 0.5)
    )
    return finish(wave, sample_rate)


def heartbeat(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Heart through a stethoscope: two thumps of 30 to 120 Hz per beat, the second shorter."""
    samples = sample_count(seconds, sample_rate)
    period = 60 / generator.uniform(55, 130)
    times = regular_times(generator, seconds, period, 0.02)
    thumps = []
    for hertz, length in ((generator.uniform(35, 60), 0.14), (generator.uniform(50, 85), 0.1)):
        size = sample_count(length, sample_rate)
        noise = lowpass(generator.standard_normal(size), hertz * 3, sample_rate)
        tone = np.sin(2 * np.pi * hertz * np.arange(size) / sample_rate)
        thumps.append(
            (tone + 0.3 * unit(noise)) * np.hanning(size) ** 0.7 * decay(size, sample_rate, length)
        )
    gap = 0.32 * np.sqrt(period)
    wave = scatter(samples, sample_rate, times, thumps[:1])
    wave += generator.uniform(0.4, 0.9) * scatter(samples, sample_rate, times + gap, thumps[1:])
    rumble = lowpass(generator.standard_normal(samples), 150, sample_rate)
    return finish(
        lowpass(wave + 0.01 * unit(rumble), generator.uniform(200, 600), sample_rate), sample_rate
    )


def whistling(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Someone whistles a tune: nearly a pure tone of 700 to 2500 Hz, gliding, with some breath."""
    samples = sample_count(seconds, sample_rate)
    root = generator.uniform(800, 1400)
    knots, levels = [], []
    at, degree = 0.0, 4
    scale = (0, 2, 4, 5, 7, 9, 11, 12)
    while at < seconds:
        degree = int(np.clip(degree + generator.integers(-2, 3), 0, 7))
        length = generator.uniform(0.15, 0.6)
        pitch = root * 2 ** (scale[degree] / 12)
        knots += [(at / seconds, pitch), ((at + 0.85 * length) / seconds, pitch)]
        levels += [
            (at / seconds, 0.3),
            ((at + 0.2 * length) / seconds, 1),
            ((at + 0.9 * length) / seconds, 0.6),
        ]
        at += length
        if generator.random() < 0.15:
            levels += [((at + 0.02) / seconds, 0), ((at + 0.3) / seconds, 0)]
            at += 0.3
    vibrato = 1 + 0.008 * np.sin(
        2 * np.pi * generator.uniform(4.5, 6.5) * np.arange(samples) / sample_rate
    )
    hertz = lowpass(curve(samples, knots) - root, 25, sample_rate) + root
    tone = harmonic_tone(
        hertz * vibrato, [1, generator.uniform(0.01, 0.08), 0.01], samples, sample_rate
    )
    air = band_noise(generator, samples, sample_rate, 1500, 6000)
    wave = (tone + generator.uniform(0.01, 0.05) * air) * curve(samples, levels)
    return finish(room(generator, wave, sample_rate, 0.5, generator.uniform(0, 0.5)), sample_rate)
