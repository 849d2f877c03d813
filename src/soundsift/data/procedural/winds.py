"""Wind instruments, organs, reeds and whistles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soundsift.data.procedural.synthesis import (
    Samples,
    Wave,
    band_noise,
    curve,
    drift,
    falling_gains,
    finish,
    harmonic_tone,
    log_uniform,
    lowpass,
    morph,
    resonances,
    room,
    sample_count,
    sine,
    swell,
    unit,
)

_SCALES = ((0, 2, 4, 5, 7, 9, 11, 12), (0, 2, 3, 5, 7, 8, 10, 12), (0, 2, 4, 7, 9, 12, 14, 16))
_CHORDS = ((0, 4, 7), (0, 3, 7), (0, 5, 9), (-1, 2, 7), (0, 4, 9), (-3, 0, 4))


def _melody(
    generator: np.random.Generator,
    seconds: float,
    sample_rate: int,
    lowest: float,
    length: tuple[float, float],
    gap: float,
) -> tuple[Wave, Wave]:
    """Pitch in Hz and loudness of one voice; `gap` seconds of silence before most notes."""
    samples = sample_count(seconds, sample_rate)
    scale = _SCALES[int(generator.integers(0, len(_SCALES)))]
    beat = log_uniform(generator, *length)
    hertz, level = np.empty(samples), np.zeros(samples)
    degree, at = int(generator.integers(2, 6)), 0
    while at < samples:
        size = min(
            samples - at, sample_count(beat * float(generator.choice([0.5, 1, 1, 2])), sample_rate)
        )
        degree = int(np.clip(degree + generator.integers(-2, 3), 0, 7))
        hertz[at : at + size] = lowest * 2 ** (scale[degree] / 12)
        rest = at > 0 and generator.random() < 0.1
        if not rest:
            note = generator.uniform(0.7, 1) * swell(size, sample_rate, 0.05, 0.06)
            silent = min(size // 3, sample_count(gap, sample_rate))
            note[size - silent :] = 0
            level[at : at + size] = np.maximum(note, 0.0)
        at += size
    return np.exp(lowpass(np.log(hertz) - np.log(lowest), 30, sample_rate)) * lowest, level


def _vibrato(generator: np.random.Generator, samples: int, sample_rate: int, depth: float) -> Wave:
    return 1 + depth * generator.uniform(0, 1) * sine(
        generator.uniform(4.5, 6.5), samples, sample_rate
    )


def church_organ(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Pipe organ: chords on several ranks (8', 4', 2 2/3', 2'), each with its own harmonics."""
    samples = sample_count(seconds, sample_rate)
    root = log_uniform(generator, 130, 500)
    ranks = [(1.0, 1.0), (2.0, 0.7), (3.0, 0.3), (4.0, 0.5), (0.5, 0.8)]
    ranks = [ranks[0]] + [r for r in ranks[1:] if generator.random() < 0.55]
    powers = [generator.uniform(1.3, 3.0) for _ in ranks]
    wave = np.zeros(samples)
    at = 0
    held = generator.uniform(0.5, 2.5)
    while at < samples:
        size = min(
            samples - at, sample_count(held * float(generator.choice([1, 1, 2])), sample_rate)
        )
        chord = _CHORDS[int(generator.integers(0, len(_CHORDS)))]
        for step in [*chord, chord[0] + 12][: int(generator.integers(1, 5))]:
            for (ratio, level), power in zip(ranks, powers, strict=True):
                pitch = root * 2 ** (step / 12) * ratio * generator.uniform(0.999, 1.001)
                pipe = harmonic_tone(pitch, falling_gains(12, power), size, sample_rate)
                wave[at : at + size] += level * pipe * swell(size, sample_rate, 0.05, 0.05)
        at += size
    wave = unit(wave) + generator.uniform(0.005, 0.03) * band_noise(
        generator, samples, sample_rate, 800, 5000
    )
    wave = room(
        generator, wave, sample_rate, generator.uniform(1.5, 4), generator.uniform(0.3, 1.5)
    )
    return finish(wave, sample_rate)


def flute(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Flute, recorder or ocarina: soft harmonics and turbulent breath tuned to the pipe."""
    samples = sample_count(seconds, sample_rate)
    hertz, level = _melody(
        generator, seconds, sample_rate, generator.uniform(262, 700), (0.15, 0.9), 0.02
    )
    hertz = hertz * _vibrato(generator, samples, sample_rate, 0.012)
    gains = [1, generator.uniform(0.1, 0.7), generator.uniform(0.05, 0.3), 0.08, 0.04, 0.02]
    tone = harmonic_tone(hertz, gains, samples, sample_rate)
    air = lowpass(generator.standard_normal(samples), 5000, sample_rate, 1)
    # Breath moved to the pitch: noise times the tone puts narrow bands around its harmonics.
    breath = 0.6 * unit(lowpass(air, 120, sample_rate)) * tone + 0.5 * unit(air)
    wave = (tone + generator.uniform(0.03, 0.25) * breath) * level
    tremor = 1 + generator.uniform(0, 0.2) * sine(generator.uniform(4.5, 6), samples, sample_rate)
    wave = room(
        generator,
        wave * tremor,
        sample_rate,
        generator.uniform(0.4, 2),
        generator.uniform(0.05, 0.7),
    )
    return finish(wave, sample_rate)


def brass(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Trumpet-like brass: the louder it is blown, the stronger its high harmonics."""
    samples = sample_count(seconds, sample_rate)
    hertz, level = _melody(
        generator, seconds, sample_rate, generator.uniform(165, 350), (0.12, 0.8), 0.04
    )
    hertz = hertz * _vibrato(generator, samples, sample_rate, 0.008)
    steady = lowpass(level, 20, sample_rate)
    voices = [
        harmonic_tone(hertz, falling_gains(30, power), samples, sample_rate)
        for power in (2.5, 1.3, 0.6)
    ]
    blown = np.clip(2.2 * steady * (0.8 + 0.3 * drift(generator, samples, sample_rate, 0.7)), 0, 2)
    wave = morph([unit(v) for v in voices], blown) * level
    bell = resonances(
        wave, [(generator.uniform(900, 1500), 500, 1), (2500, 1200, 0.6)], sample_rate
    )
    wave = unit(wave) + 0.8 * unit(bell)
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.4, 1.8), generator.uniform(0.05, 0.6)
    )
    return finish(wave, sample_rate)


def clarinet(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Clarinet: a closed pipe, so that even harmonics are weak low down."""
    samples = sample_count(seconds, sample_rate)
    hertz, level = _melody(
        generator, seconds, sample_rate, generator.uniform(147, 350), (0.15, 0.9), 0.02
    )
    gains = falling_gains(24, generator.uniform(0.8, 1.3))
    gains[1::2] *= np.minimum(1, 0.06 * np.arange(1, 13))
    tone = harmonic_tone(
        hertz * _vibrato(generator, samples, sample_rate, 0.003), gains, samples, sample_rate
    )
    air = band_noise(generator, samples, sample_rate, 1000, 5000)
    wave = (unit(tone) + 0.02 * air) * level
    wave = lowpass(wave, generator.uniform(2500, 5500), sample_rate)
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.4, 1.5), generator.uniform(0.05, 0.6)
    )
    return finish(wave, sample_rate)


def _reeds(hertz: Wave | float, samples: int, sample_rate: int, beats: Sequence[float]) -> Wave:
    """Free reeds tuned a few cents apart: strong harmonics that beat."""
    wave = np.zeros(samples)
    gains = falling_gains(30, 0.75)
    for offset in beats:
        wave += harmonic_tone(np.asarray(hertz) + offset, gains, samples, sample_rate)
    return wave


def accordion(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Accordion: two or three reeds per note that beat, chords on the left, bellows that swell."""
    samples = sample_count(seconds, sample_rate)
    lowest = generator.uniform(262, 440)
    hertz, level = _melody(generator, seconds, sample_rate, lowest, (0.15, 0.7), 0.02)
    beat = generator.uniform(1, 5)
    wave = (
        _reeds(hertz, samples, sample_rate, (0, beat, -beat)[: int(generator.integers(2, 4))])
        * level
    )
    pulse = generator.uniform(0.25, 0.5)
    gate = (np.arange(samples) / sample_rate / pulse % 1 < 0.6).astype(np.float64)
    chord = _CHORDS[int(generator.integers(0, 3))]
    for step in chord:
        part = _reeds(lowest / 2 * 2 ** (step / 12), samples, sample_rate, (0, 1.3))
        wave += generator.uniform(0.1, 0.35) * part * lowpass(gate, 25, sample_rate)
    bellows = 1 + 0.25 * drift(generator, samples, sample_rate, 0.8)
    box = [(log_uniform(generator, 400, 3000), 400, 1.0) for _ in range(4)]
    wave = unit(wave) + 0.7 * unit(resonances(wave, box, sample_rate))
    return finish(
        room(generator, wave * bellows, sample_rate, 0.6, generator.uniform(0, 0.4)), sample_rate
    )


def harmonica(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Harmonica: one to three reeds, bent in pitch, with a tremolo of the hands."""
    samples = sample_count(seconds, sample_rate)
    hertz, level = _melody(
        generator, seconds, sample_rate, generator.uniform(262, 520), (0.2, 0.9), 0.02
    )
    hertz = hertz * (1 + 0.006 * drift(generator, samples, sample_rate, 2))
    wave = _reeds(hertz, samples, sample_rate, (0.0,))
    if generator.random() < 0.6:
        wave += 0.7 * _reeds(hertz * 2 ** (4 / 12), samples, sample_rate, (0.7,))
    hands = 1 + generator.uniform(0, 0.5) * sine(generator.uniform(4, 7), samples, sample_rate)
    air = band_noise(generator, samples, sample_rate, 1500, 7000)
    wave = (unit(wave) + 0.05 * air) * level * hands
    wave = 0.5 * wave + resonances(wave, [(1200, 600, 1), (2600, 900, 0.8)], sample_rate)
    return finish(room(generator, wave, sample_rate, 0.6, generator.uniform(0, 0.4)), sample_rate)


def referee_whistle(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Whistle with a pea: 2 to 4 kHz, interrupted 25 to 60 times a second, with hiss."""
    samples = sample_count(seconds, sample_rate)
    pitch = generator.uniform(2000, 4000)
    level = np.zeros(samples)
    at = 0
    while at < samples:
        size = min(samples - at, sample_count(log_uniform(generator, 0.1, 1.2), sample_rate))
        level[at : at + size] = swell(size, sample_rate, 0.02, 0.03)
        at += size + sample_count(log_uniform(generator, 0.08, 0.8), sample_rate)
    trill = sine(
        generator.uniform(25, 60) * (1 + 0.1 * drift(generator, samples, sample_rate, 5)),
        samples,
        sample_rate,
    )
    bend = 1 - 0.04 * (1 - lowpass(level, 12, sample_rate))
    hertz = pitch * bend * (1 + 0.02 * trill)
    tone = harmonic_tone(hertz, [1, 0.15, 0.1], samples, sample_rate)
    if generator.random() < 0.5:  # two chambers
        tone += 0.7 * harmonic_tone(
            hertz * generator.uniform(1.03, 1.12), [1, 0.15], samples, sample_rate
        )
    depth = generator.uniform(0, 0.8)
    air = band_noise(generator, samples, sample_rate, pitch * 0.7, pitch * 2.5)
    wave = (tone * (1 - depth * (0.5 + 0.5 * trill)) + generator.uniform(0.03, 0.2) * air) * level
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.4, 1.8), generator.uniform(0.1, 0.8)
    )
    return finish(wave, sample_rate)


def slide_whistle(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Slide whistle: long glides up and down between 400 and 2500 Hz."""
    samples = sample_count(seconds, sample_rate)
    knots: list[tuple[float, float]] = []
    levels: list[tuple[float, float]] = []
    at = 0.0
    while at < seconds:
        size = generator.uniform(0.4, 1.2)
        ends = np.log(generator.uniform(400, 2500, 2))
        knots += [(at / seconds, ends[0]), ((at + size) / seconds, ends[1])]
        levels += [
            (at / seconds, 0),
            ((at + 0.04) / seconds, 1),
            ((at + size - 0.05) / seconds, 1),
            ((at + size) / seconds, 0),
        ]
        at += size + generator.uniform(0.02, 0.4)
    hertz = np.exp(curve(samples, knots)) * _vibrato(generator, samples, sample_rate, 0.015)
    tone = harmonic_tone(hertz, [1, 0.08, 0.12], samples, sample_rate)
    air = band_noise(generator, samples, sample_rate, 800, 5000)
    return finish(
        (tone + generator.uniform(0.01, 0.08) * air) * curve(samples, levels), sample_rate
    )
