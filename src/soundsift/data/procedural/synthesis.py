"""Building blocks of procedural sound: noise, filters, oscillators, envelopes and rooms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.interpolate import CubicSpline
from scipy.signal import butter, lfilter, oaconvolve, sosfilt

Samples = NDArray[np.float32]
#: `(samples,)`, float64.
Wave = NDArray[Any]

PEAK = 0.9
_FADE_SECONDS = 0.003
_LN1000 = 6.907755278982137


def sample_count(seconds: float, sample_rate: int) -> int:
    """Number of samples of a duration, at least one."""
    return max(1, round(seconds * sample_rate))


def log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    """Random number whose logarithm is uniform between the logarithms of the bounds."""
    return float(np.exp(generator.uniform(np.log(low), np.log(high))))


def finish(wave: Wave, sample_rate: int) -> Samples:
    """Remove the offset, fade both ends over 3 ms and scale the peak to 0.9."""
    wave = wave - wave.mean()
    fade = min(len(wave) // 2, sample_count(_FADE_SECONDS, sample_rate))
    ramp = np.arange(fade) / max(1, fade)
    wave[:fade] *= ramp
    wave[len(wave) - fade :] *= ramp[::-1]
    peak = float(np.abs(wave).max(initial=0.0))
    return (wave * (PEAK / max(peak, 1e-12))).astype(np.float32)


def unit(wave: Wave) -> Wave:
    """Scale to an RMS of 1."""
    return wave / max(1e-12, float(np.sqrt(np.mean(np.square(wave)))))


def shaped_noise(
    generator: np.random.Generator,
    samples: int,
    sample_rate: int,
    points: Sequence[tuple[float, float]],
) -> Wave:
    """Gaussian noise with a given spectrum, at an RMS of 1.

    Args:
        generator: source of the noise.
        samples: length.
        sample_rate: in Hz.
        points: (frequency in Hz, level in dB), linear over the logarithm of frequency, and going on
            beyond the first and the last in the same direction where that is down.
    """
    size = next_fast_len(samples, real=True)
    spectrum = rfft(generator.standard_normal(size))
    octaves = np.log2(np.maximum(rfftfreq(size, 1 / sample_rate), 1.0))
    knots, levels = np.log2([p[0] for p in points]), np.array([p[1] for p in points])
    slopes = np.diff(levels) / np.diff(knots)
    level = np.interp(octaves, knots, levels)
    level -= max(0.0, slopes[0]) * np.maximum(knots[0] - octaves, 0)
    level += min(0.0, slopes[-1]) * np.maximum(octaves - knots[-1], 0)
    return unit(irfft(spectrum * 10 ** (level / 20), size)[:samples])


def band_noise(
    generator: np.random.Generator, samples: int, sample_rate: int, low: float, high: float
) -> Wave:
    """Noise between two frequencies, falling by 24 dB per octave outside, at an RMS of 1."""
    points = ((low / 8, -72.0), (low, 0.0), (high, 0.0), (high * 8, -72.0))
    return shaped_noise(generator, samples, sample_rate, points)


def lowpass(wave: Wave, hertz: float, sample_rate: int, order: int = 2) -> Wave:
    """Butterworth low-pass filter."""
    return _butterworth(wave, hertz, "lowpass", sample_rate, order)


def highpass(wave: Wave, hertz: float, sample_rate: int, order: int = 2) -> Wave:
    """Butterworth high-pass filter."""
    return _butterworth(wave, hertz, "highpass", sample_rate, order)


def _butterworth(wave: Wave, hertz: float, form: str, sample_rate: int, order: int) -> Wave:
    cutoff = min(max(hertz, 5.0), 0.45 * sample_rate)
    filtered: Wave = sosfilt(butter(order, cutoff, form, fs=sample_rate, output="sos"), wave)
    return filtered


def resonance(wave: Wave, hertz: float, bandwidth: float, sample_rate: int) -> Wave:
    """Band-pass of two poles with a gain of 1 at its centre; bandwidth in Hz at -3 dB."""
    radius = np.exp(-np.pi * bandwidth / sample_rate)
    angle = 2 * np.pi * min(hertz, 0.45 * sample_rate) / sample_rate
    poles = [1.0, -2 * radius * np.cos(angle), radius**2]
    gain = (1 - radius**2) / 2
    resonant: Wave = lfilter([gain, 0.0, -gain], poles, wave)
    return resonant


def resonances(wave: Wave, peaks: Sequence[tuple[float, float, float]], sample_rate: int) -> Wave:
    """Sum of parallel resonances, each (frequency in Hz, bandwidth in Hz, gain)."""
    summed: Wave = sum(
        (g * resonance(wave, f, b, sample_rate) for f, b, g in peaks), np.zeros(len(wave))
    )
    return summed


def comb(wave: Wave, seconds: float, feedback: float, sample_rate: int) -> Wave:
    """Feedback comb filter: a pipe or pair of walls with the given time of one round trip."""
    delay = max(1, round(seconds * sample_rate))
    poles = np.zeros(delay + 1)
    poles[0], poles[delay] = 1.0, -feedback
    combed: Wave = lfilter([1.0], poles, wave)
    return combed


def drift(generator: np.random.Generator, samples: int, sample_rate: int, hertz: float) -> Wave:
    """Smooth random curve around 0 with a deviation of about 1, changing at up to `hertz`."""
    knots = 4 + int(np.ceil(2 * hertz * samples / sample_rate))
    values = generator.standard_normal(knots)
    places = np.linspace(0, knots - 1, samples)
    # A curve of 100 points per knot is smooth enough, and far cheaper than the spline everywhere.
    grid = np.linspace(0, knots - 1, min(samples, knots * 100) + 1)
    smooth: Wave = np.interp(places, grid, CubicSpline(np.arange(knots), values)(grid))
    return smooth


def cycles(hertz: Wave | float, samples: int, sample_rate: int, start: float = 0.0) -> Wave:
    """Phase of an oscillator in cycles, for a constant or changing frequency."""
    steps = np.broadcast_to(np.asarray(hertz, dtype=np.float64) / sample_rate, (samples,))
    phase: Wave = start + np.cumsum(steps) - steps[0]
    return phase


def sine(hertz: Wave | float, samples: int, sample_rate: int, start: float = 0.0) -> Wave:
    """Sine of a constant or changing frequency."""
    return np.sin(2 * np.pi * cycles(hertz, samples, sample_rate, start))


def harmonic_tone(
    hertz: Wave | float, gains: Sequence[float] | Wave, samples: int, sample_rate: int
) -> Wave:
    """Sum of harmonics of a constant or changing frequency; those near half the rate are left out.

    Args:
        hertz: fundamental in Hz, a number or `(samples,)`.
        gains: amplitude of each harmonic, from the fundamental on.
        samples: length.
        sample_rate: in Hz.
    """
    most = int(0.45 * sample_rate / max(1.0, float(np.max(hertz))))
    angle = 2 * np.pi * cycles(hertz, samples, sample_rate)
    before, now, twice = np.zeros(samples), np.sin(angle), 2 * np.cos(angle)
    tone = np.zeros(samples)
    for gain in list(gains)[:most]:
        tone += gain * now
        # sin((k + 1) x) = 2 cos(x) sin(k x) - sin((k - 1) x)
        before, now = now, twice * now - before
    return tone


def falling_gains(count: int, power: float) -> Wave:
    """Amplitudes 1 / k ** power of `count` harmonics: 1 is a sawtooth, 2 is soft."""
    return np.arange(1, count + 1, dtype=np.float64) ** -power


def decay(samples: int, sample_rate: int, t60: float) -> Wave:
    """Exponential decay from 1 that reaches -60 dB after `t60` seconds."""
    return np.exp(-_LN1000 / max(t60, 1e-4) * np.arange(samples) / sample_rate)


def swell(samples: int, sample_rate: int, attack: float, release: float) -> Wave:
    """Envelope of a held sound: rises and falls as half a cosine, in the given seconds."""
    envelope = np.ones(samples)
    rise = min(samples, sample_count(attack, sample_rate))
    fall = min(samples, sample_count(release, sample_rate))
    envelope[:rise] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / rise)
    envelope[samples - fall :] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(1, fall + 1) / fall)
    return envelope


def curve(samples: int, points: Sequence[tuple[float, float]]) -> Wave:
    """Line through (place from 0 to 1, value)."""
    places = np.linspace(0, 1, samples)
    return np.interp(places, [p[0] for p in points], [p[1] for p in points])


def morph(waves: Sequence[Wave], position: Wave) -> Wave:
    """Cross-fade between neighbouring waves: a filter whose setting changes over time.

    Args:
        waves: the same sound through each of several fixed filters.
        position: `(samples,)`, 0 for the first wave to `len(waves) - 1` for the last.
    """
    mixed = np.zeros_like(waves[0])
    for index, wave in enumerate(waves):
        weight = 1 - np.abs(position - index)
        mixed += wave * np.sqrt(np.clip(weight, 0, 1))
    return mixed


def room(
    generator: np.random.Generator, wave: Wave, sample_rate: int, t60: float, wet: float
) -> Wave:
    """Add a diffuse room: exponentially decaying noise, darker with time.

    Args:
        generator: source of the room's noise.
        wave: dry sound.
        sample_rate: in Hz.
        t60: reverberation time in seconds.
        wet: energy of the room beside that of the dry sound.
    """
    size = min(len(wave), sample_count(t60, sample_rate))
    noise = generator.standard_normal(size)
    late = lowpass(noise, 2500, sample_rate, 1)
    blend = np.linspace(0, 1, size)
    tail = (noise * (1 - blend) + 2 * late * blend) * decay(size, sample_rate, t60)
    gap = min(size, sample_count(generator.uniform(0.002, 0.015), sample_rate))
    tail[:gap] = 0
    tail *= np.sqrt(wet) / max(1e-9, float(np.sqrt(np.sum(tail**2))))
    wetted: Wave = wave + oaconvolve(wave, tail)[: len(wave)]
    return wetted


def passing(
    generator: np.random.Generator, samples: int, sample_rate: int, speed: float
) -> tuple[Wave, Wave]:
    """A source that drives past: its gain, and its frequency as a factor by the Doppler effect.

    Args:
        generator: source of the distance and the moment of passing.
        samples: length.
        sample_rate: in Hz.
        speed: in metres per second.
    """
    seconds = samples / sample_rate
    closest = log_uniform(generator, 4, 25)
    time = np.arange(samples) / sample_rate - generator.uniform(0.35, 0.65) * seconds
    along = speed * time
    distance = np.hypot(closest, along)
    doppler = 1 / (1 + speed * along / distance / 343.0)
    return closest / distance, doppler
