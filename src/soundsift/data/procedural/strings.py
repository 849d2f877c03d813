"""Plucked strings by Karplus and Strong's delay line, and bowed strings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soundsift.data.procedural.events import scatter
from soundsift.data.procedural.synthesis import (
    Samples,
    Wave,
    band_noise,
    curve,
    finish,
    harmonic_tone,
    log_uniform,
    lowpass,
    resonances,
    room,
    sample_count,
    unit,
)

_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), (0, 3, 5, 7, 10))
_CHORDS = ((0, 4, 7), (0, 3, 7), (0, 4, 7, 10), (0, 5, 7), (0, 3, 7, 10))


def plucked_string(
    generator: np.random.Generator,
    hertz: float,
    seconds: float,
    sample_rate: int,
    *,
    t60: float,
    brightness: float,
    place: float = 0.2,
) -> Wave:
    """A plucked string (Karplus and Strong, 1983; Jaffe and Smith, 1983).

    Args:
        generator: source of the noise that fills the delay line.
        hertz: pitch.
        seconds: length.
        sample_rate: in Hz.
        t60: decay time of the fundamental in seconds.
        brightness: 0 to 1, of the pluck.
        place: where it is plucked, as a share of the string: harmonics with a node there are weak.
    """
    samples = sample_count(seconds, sample_rate)
    # Averaging two neighbours delays by half a sample.
    period = max(2, round(sample_rate / hertz - 0.5))
    burst = generator.uniform(-1, 1, period)
    burst = lowpass(np.tile(burst, 2), 250 + brightness**2 * 8000, sample_rate)[period:]
    burst -= np.roll(burst, max(1, round(place * period)))
    loss = 10 ** (-3 / (t60 * hertz))
    periods = int(np.ceil(samples * 1.02 / period)) + 2
    line = np.empty((periods, period))
    line[0] = burst - burst.mean()
    last = 0.0
    for turn in range(1, periods):
        before = line[turn - 1]
        delayed = np.concatenate([[last], before[:-1]])
        last = before[-1]
        line[turn] = loss * 0.5 * (before + delayed)
    # The delay line is a whole number of samples: the rest of the pitch comes by interpolation.
    stretch = hertz * (period + 0.5) / sample_rate
    flat = line.ravel()
    string: Wave = np.interp(np.arange(samples) * stretch, np.arange(len(flat)), flat)
    return string


def _degrees(generator: np.random.Generator, count: int, span: int) -> list[int]:
    """Steps of a melody in semitones above its lowest note."""
    scale = _SCALES[int(generator.integers(0, len(_SCALES)))]
    notes = [s + 12 * o for o in range(4) for s in scale if s + 12 * o <= span]
    walk = np.cumsum(generator.choice([-3, -2, -1, -1, 0, 1, 1, 2, 3], count)) + len(notes) // 2
    folded = np.abs((walk + 100 * len(notes)) % (2 * len(notes) - 2) - (len(notes) - 1))
    return [notes[int(i)] for i in folded]


def _play(
    generator: np.random.Generator,
    seconds: float,
    sample_rate: int,
    lowest: float,
    span: int,
    beat: tuple[float, float],
    t60: float,
    brightness: float,
    *,
    ringing: bool = True,
    strums: float = 0.0,
) -> Wave:
    """Notes of a plucked instrument; a share `strums` of its beats are chords."""
    samples = sample_count(seconds, sample_rate)
    step = generator.uniform(*beat)
    count = int(seconds / step) + 1
    steps = _degrees(generator, count, span)
    pool = sorted(set(steps))
    chord = _CHORDS[int(generator.integers(0, len(_CHORDS)))]
    if strums:
        pool = sorted({*pool, *(c + 12 * o for c in chord for o in range(2))})
    length = min(seconds, t60 if ringing else step * 1.5)
    place = generator.uniform(0.1, 0.4)
    strings = {
        note: plucked_string(
            generator,
            lowest * 2 ** (note / 12),
            length,
            sample_rate,
            t60=t60 * 2 ** (-note / 36),
            brightness=brightness * generator.uniform(0.85, 1.1),
            place=place,
        )
        for note in pool
    }
    wave = np.zeros(samples)
    for number, note in enumerate(steps):
        at = abs(number * step + 0.008 * generator.standard_normal())
        gain = generator.uniform(0.5, 1)
        if strums and generator.random() < strums:
            order = [c + 12 * o for o in range(2) for c in chord]
            gap = generator.uniform(0.008, 0.035)
            times = at + gap * np.arange(len(order))
            wave += scatter(samples, sample_rate, times, [strings[n] for n in order], 0.6 * gain)
        elif number == 0 or generator.random() < 0.85:
            wave += scatter(samples, sample_rate, np.array([at]), [strings[note]], gain)
    return wave


def _body(
    generator: np.random.Generator,
    wave: Wave,
    sample_rate: int,
    low: float,
    high: float,
    wet: float,
) -> Wave:
    """Body of an instrument: a handful of broad resonances beside the string."""
    peaks = [(log_uniform(generator, low, high), generator.uniform(15, 90), 1.0) for _ in range(6)]
    return unit(wave) + wet * unit(resonances(wave, peaks, sample_rate))


def guitar(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Acoustic guitar: single notes or strummed chords."""
    brightness, strums = generator.uniform(0.1, 0.5), float(generator.choice([0, 0, 0.5, 1.0]))
    wave = _play(
        generator,
        seconds,
        sample_rate,
        generator.uniform(82, 165),
        24,
        (0.15, 0.6),
        generator.uniform(1.5, 4),
        brightness,
        strums=strums,
    )
    wave = _body(generator, wave, sample_rate, 90, 450, generator.uniform(0.2, 0.7))
    return finish(room(generator, wave, sample_rate, 0.5, generator.uniform(0, 0.3)), sample_rate)


def harp(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Harp: soft round plucks that ring on, arpeggios and glissandi."""
    samples = sample_count(seconds, sample_rate)
    lowest, t60 = generator.uniform(65, 200), generator.uniform(2, 5)
    brightness = generator.uniform(0.05, 0.3)
    if generator.random() < 0.5:
        wave = _play(
            generator, seconds, sample_rate, lowest, 31, (0.12, 0.4), t60, brightness, strums=0.1
        )
    else:
        scale = _SCALES[int(generator.integers(0, len(_SCALES)))]
        notes = [s + 12 * o for o in range(4) for s in scale]
        strings = [
            plucked_string(
                generator,
                lowest * 2 ** (n / 12),
                min(seconds, t60),
                sample_rate,
                t60=t60 * 2 ** (-n / 36),
                brightness=brightness,
                place=0.45,
            )
            for n in notes
        ]
        wave = np.zeros(samples)
        at = 0.02
        while at < seconds:
            sweep = (
                np.arange(len(notes)) if generator.random() < 0.6 else np.arange(len(notes))[::-1]
            )
            gap = generator.uniform(0.03, 0.12)
            gains = generator.uniform(0.5, 1, len(notes))
            wave += scatter(
                samples, sample_rate, at + gap * np.arange(len(notes)), strings, gains, sweep
            )
            at += gap * len(notes) + generator.uniform(0.3, 1.5)
    wave = _body(generator, wave, sample_rate, 100, 600, generator.uniform(0.1, 0.4))
    return finish(room(generator, wave, sample_rate, 1.2, generator.uniform(0, 0.4)), sample_rate)


def banjo(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Banjo: bright, short plucks in fast rolls over a stretched skin."""
    wave = _play(
        generator,
        seconds,
        sample_rate,
        generator.uniform(146, 220),
        22,
        (0.09, 0.2),
        generator.uniform(0.5, 1.1),
        generator.uniform(0.85, 1.0),
        strums=0.05,
    )
    wave = _body(generator, wave, sample_rate, 300, 2500, generator.uniform(0.4, 1))
    return finish(wave, sample_rate)


def bass_guitar(
    generator: np.random.Generator, seconds: float, sample_rate: int = 48000
) -> Samples:
    """Bass guitar: low notes of 41 to 160 Hz, damped one by one."""
    wave = _play(
        generator,
        seconds,
        sample_rate,
        generator.uniform(38, 60),
        19,
        (0.18, 0.55),
        generator.uniform(1.5, 4),
        generator.uniform(0.15, 0.6),
        ringing=False,
    )
    return finish(lowpass(wave, log_uniform(generator, 300, 2500), sample_rate), sample_rate)


def pizzicato(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Plucked violin, cello or double bass: dull and short, in a wooden body."""
    lowest = log_uniform(generator, 55, 260)
    wave = _play(
        generator,
        seconds,
        sample_rate,
        lowest,
        19,
        (0.2, 0.6),
        generator.uniform(0.4, 0.9),
        generator.uniform(0.2, 0.5),
    )
    wave = _body(
        generator, wave, sample_rate, lowest * 1.4, lowest * 9, generator.uniform(0.5, 1.2)
    )
    return finish(room(generator, wave, sample_rate, 0.8, generator.uniform(0, 0.4)), sample_rate)


def _bowed(
    generator: np.random.Generator,
    seconds: float,
    sample_rate: int,
    lowest: float,
    span: int,
    body: Sequence[tuple[float, float, float]],
) -> Samples:
    """A bowed melody: a sawtooth (Helmholtz motion) with vibrato and the noise of the bow."""
    samples = sample_count(seconds, sample_rate)
    length = log_uniform(generator, 0.2, 1.8)
    steps = _degrees(generator, int(seconds / length) + 2, span)
    knots, levels = [], []
    at = 0.0
    for step in steps:
        size = length * float(generator.choice([0.5, 1, 1, 1.5, 2]))
        hertz = np.log(lowest * 2 ** (step / 12))
        knots += [((at + 0.03) / seconds, hertz), ((at + size - 0.02) / seconds, hertz)]
        peak = generator.uniform(0.7, 1)
        levels += [
            (at / seconds, 0.25 * peak),
            ((at + min(0.12, 0.4 * size)) / seconds, peak),
            ((at + 0.85 * size) / seconds, 0.8 * peak),
        ]
        at += size
        if at > seconds:
            break
    rate, depth = generator.uniform(4.8, 6.5), generator.uniform(0.001, 0.008)
    vibrato = 1 + depth * np.sin(2 * np.pi * rate * np.arange(samples) / sample_rate)
    hertz = np.exp(curve(samples, knots)) * vibrato
    level = curve(samples, levels)
    string = harmonic_tone(
        hertz, [*1 / np.arange(1, 41) ** generator.uniform(0.9, 1.2)], samples, sample_rate
    )
    bow = band_noise(generator, samples, sample_rate, 800, 6000)
    wave = (unit(string) + generator.uniform(0.02, 0.1) * bow) * level
    wave = 0.4 * unit(wave) + unit(resonances(wave, body, sample_rate))
    wave = room(
        generator, wave, sample_rate, generator.uniform(0.4, 1.8), generator.uniform(0.05, 0.6)
    )
    return finish(wave, sample_rate)


def violin(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Violin: air resonance at 280 Hz, wood at 450 to 560 Hz, the bridge at 2.5 kHz."""
    body = [
        (280, 40, 0.8),
        (generator.uniform(440, 570), 60, 1),
        (900, 200, 0.5),
        (generator.uniform(2200, 3000), 900, 1),
        (4500, 1500, 0.3),
    ]
    return _bowed(generator, seconds, sample_rate, generator.uniform(196, 330), 27, body)


def cello(generator: np.random.Generator, seconds: float, sample_rate: int = 48000) -> Samples:
    """Cello: the same, about a twelfth lower."""
    body = [
        (100, 15, 0.8),
        (generator.uniform(170, 220), 25, 1),
        (400, 120, 0.6),
        (generator.uniform(900, 1500), 600, 0.9),
        (2500, 1000, 0.25),
    ]
    return _bowed(generator, seconds, sample_rate, generator.uniform(65, 110), 27, body)
