"""Birds by sweeps, pulses and rough voices."""

from __future__ import annotations

import numpy as np

from soundsift.data.procedural.events import (
    modal,
    random_modes,
    random_times,
    regular_times,
    scatter,
)
from soundsift.data.procedural.synthesis import (
    Samples,
    Wave,
    band_noise,
    curve,
    decay,
    drift,
    falling_gains,
    finish,
    harmonic_tone,
    log_uniform,
    lowpass,
    room,
    sample_count,
    shaped_noise,
    sine,
    swell,
    unit,
)
from soundsift.data.procedural.voice import formants, glottal_source


def _outdoors(generator: np.random.Generator, wave: Wave, sample_rate: int) -> Samples:
    """A little echo and, at times, a soft background."""
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.4, 1.8), generator.uniform(0, 0.4)
    )
    level = 10 ** (generator.uniform(-75, -40) / 20) * float(np.abs(wave).max())
    air = shaped_noise(generator, len(wave), sample_rate, ((100, 0), (2000, -12), (10000, -30)))
    return finish(wave + level * air, sample_rate)


def _syllable(generator: np.random.Generator, sample_rate: int, low: float, high: float) -> Wave:
    """One syllable of a songbird: a sweep of 20 to 300 ms, some of them modulated fast."""
    size = sample_count(log_uniform(generator, 0.02, 0.3), sample_rate)
    knots = np.exp(generator.uniform(np.log(low), np.log(high), 4))
    hertz = np.exp(curve(size, list(zip((0, 0.3, 0.7, 1), np.log(knots), strict=True))))
    if generator.random() < 0.3:
        rate = generator.uniform(25, 120)
        hertz = hertz * (1 + generator.uniform(0.02, 0.15) * sine(rate, size, sample_rate))
    gains = [1, generator.uniform(0, 0.15), generator.uniform(0, 0.05)]
    tone = harmonic_tone(hertz, gains, size, sample_rate)
    return tone * np.sin(np.pi * np.linspace(0, 1, size)) ** generator.uniform(0.5, 1.5)


def _song(generator: np.random.Generator, seconds: float, sample_rate: int) -> Wave:
    """One bird: strophes of repeated syllables out of a small repertoire."""
    samples = sample_count(seconds, sample_rate)
    low = log_uniform(generator, 1500, 3800)
    high = low * generator.uniform(1.4, 2.2)
    repertoire = [
        _syllable(generator, sample_rate, low, high) for _ in range(int(generator.integers(2, 7)))
    ]
    times, choices = [], []
    at = generator.uniform(0, 0.3)
    while at < seconds:
        for _ in range(int(generator.integers(1, 5))):
            which = int(generator.integers(0, len(repertoire)))
            gap = len(repertoire[which]) / sample_rate * generator.uniform(1.1, 2)
            for _ in range(int(generator.integers(1, 6))):
                times.append(at)
                choices.append(which)
                at += gap
        at += log_uniform(generator, 0.3, 2.0)
    gains = generator.uniform(0.6, 1, len(times))
    return scatter(samples, sample_rate, np.array(times), repertoire, gains, np.array(choices))


def bird_chirping(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """One songbird or sparrow."""
    return _outdoors(generator, _song(generator, seconds, sample_rate), sample_rate)


def bird_trill(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Trills: one short syllable repeated 8 to 30 times a second, canary- or wren-like."""
    samples = sample_count(seconds, sample_rate)
    wave = np.zeros(samples)
    at = generator.uniform(0, 0.3)
    low = log_uniform(generator, 2000, 4200)
    while at < seconds - 0.1:
        rate = log_uniform(generator, 8, 30)
        syllable = _syllable(generator, sample_rate, low, low * 1.6)[
            : sample_count(0.9 / rate, sample_rate)
        ]
        syllable = syllable * np.hanning(len(syllable))
        count = int(generator.uniform(0.4, 1.6) * rate)
        times = at + np.arange(count) / rate
        wave += scatter(
            samples, sample_rate, times, [syllable], curve(count, [(0, 0.4), (0.4, 1), (1, 0.7)])
        )
        at = times[-1] + log_uniform(generator, 0.2, 1.5)
    return _outdoors(generator, wave, sample_rate)


def birds_singing(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """A chorus of three to eight birds."""
    wave = np.zeros(sample_count(seconds, sample_rate))
    for _ in range(int(generator.integers(3, 9))):
        wave += log_uniform(generator, 0.1, 1) * _song(generator, seconds, sample_rate)
    return _outdoors(generator, wave, sample_rate)


def owl(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Owl: hoots of 250 to 500 Hz in a fixed rhythm, nearly pure, the last one quavering."""
    samples = sample_count(seconds, sample_rate)
    pitch = generator.uniform(250, 480)
    lengths = generator.uniform(0.12, 0.5, int(generator.integers(1, 5)))
    lengths[-1] = generator.uniform(0.4, 0.9)
    gaps = generator.uniform(0.08, 0.5, len(lengths))
    quaver = generator.random() < 0.5
    hoots = []
    for number, length in enumerate(lengths):
        size = sample_count(length, sample_rate)
        hertz = pitch * curve(size, [(0, 0.93), (0.25, 1.02), (1, 0.95)])
        tone = harmonic_tone(
            hertz, [1, generator.uniform(0.05, 0.25), 0.06, 0.02], size, sample_rate
        )
        tone *= swell(size, sample_rate, 0.05, 0.1)
        if quaver and number == len(lengths) - 1:
            tone *= 1 + 0.6 * sine(generator.uniform(11, 16), size, sample_rate)
        hoots.append(tone)
    wave = np.zeros(samples)
    at = generator.uniform(0, 0.3)
    while at < seconds:
        for hoot, gap in zip(hoots, gaps, strict=True):
            wave += scatter(samples, sample_rate, np.array([at]), [hoot])
            at += len(hoot) / sample_rate + gap
        at += generator.uniform(0.8, 3)
    return _outdoors(generator, wave, sample_rate)


def cuckoo(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Cuckoo: two notes, a third down, of about 650 and 530 Hz, every 1.2 s or so."""
    samples = sample_count(seconds, sample_rate)
    high = generator.uniform(580, 720)
    low = high * 2 ** (-generator.uniform(2.7, 4.2) / 12)
    notes = []
    for hertz, length in (
        (high, generator.uniform(0.12, 0.2)),
        (low, generator.uniform(0.2, 0.32)),
    ):
        size = sample_count(length, sample_rate)
        bend = curve(size, [(0, 0.96), (0.3, 1.0), (1, 0.97)])
        tone = harmonic_tone(
            hertz * bend, [1, generator.uniform(0.02, 0.12), 0.02], size, sample_rate
        )
        notes.append(tone * swell(size, sample_rate, 0.03, 0.06))
    times = regular_times(generator, seconds, generator.uniform(1.0, 1.6), 0.02)
    wave = scatter(samples, sample_rate, times, notes[:1])
    wave += scatter(samples, sample_rate, times + generator.uniform(0.28, 0.4), notes[1:])
    return _outdoors(generator, wave, sample_rate)


def pigeon(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Pigeon or dove: coos of 300 to 600 Hz; feral pigeons roll theirs 15 to 30 times a second."""
    samples = sample_count(seconds, sample_rate)
    pitch = generator.uniform(300, 560)
    rolled = generator.random() < 0.6
    pattern = generator.uniform(0.18, 0.75, int(generator.integers(2, 6)))
    wave = np.zeros(samples)
    at = generator.uniform(0, 0.2)
    roll = generator.uniform(15, 30)
    while at < seconds:
        for length in pattern:
            size = sample_count(length, sample_rate)
            bend = curve(size, [(0, 0.85), (0.3, 1.08), (0.6, 1), (1, 0.8)])
            coo = harmonic_tone(pitch * bend, [1, 0.12, 0.05], size, sample_rate)
            coo += 0.04 * lowpass(generator.standard_normal(size), 1200, sample_rate)
            coo *= np.hanning(size) ** 0.6
            if rolled:
                coo *= 0.55 + 0.45 * sine(roll, size, sample_rate)
            wave += scatter(samples, sample_rate, np.array([at]), [coo], generator.uniform(0.6, 1))
            at += length + generator.uniform(0.03, 0.12)
        at += generator.uniform(0.3, 1.5)
    return _outdoors(generator, wave, sample_rate)


def _call(
    generator: np.random.Generator,
    sample_rate: int,
    length: float,
    hertz: list[tuple[float, float]],
    tract: tuple[float, ...],
    rough: float,
    opened: float = 0.4,
) -> Wave:
    size = sample_count(length, sample_rate)
    pitch = curve(size, hertz)
    source = glottal_source(generator, pitch, sample_rate, opened=opened, rough=rough, breath=0.1)
    voice = formants(source, tract, sample_rate, width=3)
    return unit(voice) * swell(size, sample_rate, 0.03, 0.06)


def crow(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Crow: two to five caws of 300 ms, rough, with a formant at about 1.2 kHz."""
    samples = sample_count(seconds, sample_rate)
    pitch = generator.uniform(280, 520)
    tract = (generator.uniform(1400, 1900), generator.uniform(2200, 3000), 3900.0, 5600.0)
    length = generator.uniform(0.22, 0.5)
    rough = generator.uniform(0.3, 0.8)
    caws = [
        _call(
            generator,
            sample_rate,
            length,
            [(0, pitch * 0.9), (0.3, pitch * 1.1), (1, pitch * 0.8)],
            tract,
            rough,
        )
        for _ in range(3)
    ]
    times: list[float] = []
    at = generator.uniform(0, 0.2)
    while at < seconds - 0.1 or not times:
        for _ in range(int(generator.integers(1, 5))):
            times.append(at)
            at += length + generator.uniform(0.12, 0.4)
        at += generator.uniform(0.4, 1.8)
    wave = scatter(
        samples, sample_rate, np.array(times), caws, generator.uniform(0.7, 1, len(times))
    )
    return _outdoors(generator, wave, sample_rate)


def seagull(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Gull: long mews that break downwards, and series of short cries, with rich harmonics."""
    samples = sample_count(seconds, sample_rate)
    wave = np.zeros(samples)
    tract = (1500.0, 2700.0, 4200.0, 6500.0)
    for number in range(int(generator.integers(1, 4))):
        pitch = generator.uniform(620, 1150)
        level = 1.0 if number == 0 else log_uniform(generator, 0.1, 0.6)
        at = generator.uniform(0, 0.4)
        while at < seconds:
            long = generator.random() < 0.4
            length = generator.uniform(0.5, 0.9) if long else generator.uniform(0.15, 0.3)
            for _ in range(1 if long else int(generator.integers(3, 8))):
                bow = [(0, pitch * 0.8), (0.2, pitch * 1.2), (0.6, pitch * 1.05), (1, pitch * 0.7)]
                cry = _call(
                    generator, sample_rate, length, bow, tract, generator.uniform(0.02, 0.25)
                )
                wave += scatter(
                    samples, sample_rate, np.array([at]), [cry], level * generator.uniform(0.6, 1)
                )
                at += length + generator.uniform(0.05, 0.2)
            at += generator.uniform(0.2, 1.5)
    return _outdoors(generator, wave, sample_rate)


def duck(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Duck: quacks of 150 ms in a falling series, a pressed voice with formants at 1 to 3 kHz."""
    samples = sample_count(seconds, sample_rate)
    pitch = generator.uniform(170, 300)
    tract = (
        generator.uniform(900, 1300),
        generator.uniform(1700, 2300),
        generator.uniform(2600, 3300),
        4500.0,
    )
    quacks = [
        _call(
            generator,
            sample_rate,
            generator.uniform(0.12, 0.25),
            [(0, pitch), (0.2, pitch * 1.15), (1, pitch * 0.8)],
            tract,
            0.15,
            opened=0.3,
        )
        for _ in range(3)
    ]
    times: list[float] = []
    gains: list[float] = []
    at = generator.uniform(0, 0.2)
    while at < seconds - 0.1 or not times:
        count = int(generator.integers(2, 8))
        for number in range(count):
            times.append(at)
            gains.append(1 - 0.6 * number / count)
            at += generator.uniform(0.2, 0.35)
        at += generator.uniform(0.4, 1.5)
    return _outdoors(
        generator,
        scatter(samples, sample_rate, np.array(times), quacks, np.array(gains)),
        sample_rate,
    )


def rooster(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Rooster: short, short, long and higher, then a long fall: two seconds in all."""
    samples = sample_count(seconds, sample_rate)
    pitch = generator.uniform(420, 640)
    tract = (generator.uniform(1000, 1400), 2100.0, 3300.0, 4800.0)
    parts = []
    for length, points in (
        (0.18, [(0.0, 0.8), (0.5, 1.1), (1.0, 0.95)]),
        (0.16, [(0.0, 0.9), (0.5, 1.15), (1.0, 1.0)]),
        (0.35, [(0.0, 1.0), (0.4, 1.5), (1.0, 1.45)]),
        (generator.uniform(0.7, 1.2), [(0.0, 1.35), (0.15, 1.5), (0.5, 1.35), (1.0, 0.75)]),
    ):
        scaled = [(place, pitch * ratio) for place, ratio in points]
        part = _call(generator, sample_rate, length, scaled, tract, 0.08)
        parts += [part, np.zeros(sample_count(generator.uniform(0.02, 0.08), sample_rate))]
    crow_call = np.concatenate(parts)
    times = np.arange(generator.uniform(0, 0.2), max(0.3, seconds - 1), generator.uniform(2.5, 4))
    return _outdoors(generator, scatter(samples, sample_rate, times, [crow_call]), sample_rate)


def woodpecker(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Woodpecker: rolls of 10 to 25 blows a second on hollow wood, slowing or fading at the end."""
    samples = sample_count(seconds, sample_rate)
    size = sample_count(0.12, sample_rate)
    low = log_uniform(generator, 500, 1200)
    modes = random_modes(generator, 7, low, low * 4, generator.uniform(0.03, 0.1), 0.6)
    blow = modal(*modes, size, sample_rate)
    blow += 0.4 * generator.standard_normal(size) * decay(size, sample_rate, 0.006)
    times, gains = [], []
    for start in random_times(generator, max(0.1, seconds - 1), 0.5):
        count = int(generator.integers(8, 24))
        steps = 1 / generator.uniform(11, 24) * np.linspace(1, generator.uniform(0.8, 1.2), count)
        times.append(start + np.cumsum(steps))
        gains.append(curve(count, [(0, 0.6), (0.3, 1), (1, generator.uniform(0.3, 0.9))]))
    wave = scatter(samples, sample_rate, np.concatenate(times), [blow], np.concatenate(gains))
    return _outdoors(generator, wave, sample_rate)


def wings(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Wings that flap: rushes of air 4 to 14 times a second, with the snap of feathers."""
    samples = sample_count(seconds, sample_rate)
    rate = log_uniform(generator, 4, 14)
    size = sample_count(0.8 / rate, sample_rate)
    beats = []
    for _ in range(4):
        air = shaped_noise(
            generator, size, sample_rate, ((60, 0), (400, 0), (3000, -10), (12000, -28))
        )
        snap = band_noise(generator, size, sample_rate, 1500, 7000) * curve(
            size, [(0, 0), (0.35, 0.2), (0.45, 1), (0.6, 0)]
        )
        beats.append(air * np.hanning(size) ** 1.5 + generator.uniform(0.2, 0.7) * snap)
    times = regular_times(generator, seconds, 1 / rate, 0.05)
    bouts = np.clip(1.2 + 1.5 * drift(generator, len(times) + 1, int(rate) + 1, 0.5), 0.05, 1)[
        : len(times)
    ]
    gains = bouts * generator.uniform(0.7, 1, len(times))
    return finish(scatter(samples, sample_rate, times, beats, gains), sample_rate)


def falling_song(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Finch or warbler: a strophe that speeds up and falls, repeated after a pause."""
    samples = sample_count(seconds, sample_rate)
    top = generator.uniform(4500, 7000)
    wave = np.zeros(samples)
    strophe = int(generator.integers(8, 18))
    at = generator.uniform(0, 0.2)
    while at < seconds - 0.1:
        gap = generator.uniform(0.15, 0.25)
        for step in range(strophe):
            hertz = top * 0.55 ** (step / strophe)
            size = sample_count(0.7 * gap, sample_rate)
            sweep = hertz * curve(size, [(0, 1.15), (0.5, 1), (1, 0.8)])
            note = harmonic_tone(sweep, falling_gains(2, 3), size, sample_rate) * np.hanning(size)
            wave += scatter(samples, sample_rate, np.array([at]), [note])
            at += gap
            gap *= generator.uniform(0.88, 0.98)
        at += generator.uniform(0.5, 2)
    return _outdoors(generator, wave, sample_rate)
