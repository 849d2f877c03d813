"""Effects on a source or a scene: speed, equaliser, band limits, codecs, rooms, distance, noise.

Waves are `(samples,)` float32 at 48 kHz; every effect but a change of speed keeps their length.
"""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import fft

from soundsift.config import SAMPLE_RATE

Samples = NDArray[np.float32]
#: Ratio of the direct sound to the room's tail, in dB, from and to.
_NEAR_DB, _FAR_DB = (0.0, 12.0), (-8.0, 3.0)


def draw_speed(rng: np.random.Generator, most: float = 0.2) -> float:
    """A speed factor between about 1 / (1 + most) and 1 + most."""
    return float(np.exp(rng.uniform(-most, most)))


def change_speed(wave: Samples, factor: float) -> Samples:
    """Play faster by a factor; the pitch rises with it."""
    if factor == 1.0:
        return wave
    changed: Samples = soxr.resample(wave, SAMPLE_RATE * factor, SAMPLE_RATE, quality="QQ")
    return changed


def shape(
    wave: Samples,
    rng: np.random.Generator,
    *,
    equaliser: bool = False,
    band_limit: bool = False,
    room: bool = False,
    far: bool = False,
) -> Samples:
    """Equaliser, band limit, room and distance in one pass through the frequency domain.

    The room is an exponentially decaying noise with a direct path and a few early reflections,
    darker as it decays. A far source has more of the room and less treble.
    """
    if not (equaliser or band_limit or room or far):
        return wave
    samples = len(wave)
    size = fft.next_fast_len(samples + (SAMPLE_RATE if room or far else 0), real=True)
    spectrum = fft.rfft(wave, size)
    hertz = np.linspace(0, SAMPLE_RATE / 2, len(spectrum), dtype=np.float32)
    if equaliser:
        spectrum *= _equaliser(hertz, rng)
    if band_limit:
        spectrum *= _band_limit(hertz, rng)
    if room or far:
        spectrum *= fft.rfft(room_response(rng, _FAR_DB if far else _NEAR_DB), size)
    if far:
        spectrum *= _air(hertz, rng)
    shaped: Samples = fft.irfft(spectrum, size)[:samples].astype(np.float32)
    return shaped


def microphone(stems: Samples, rng: np.random.Generator) -> Samples:
    """One recording device for all sources `(K, samples)`: equaliser, and often a narrow band.

    The filter is linear and the same for all, so the stems still add up to the mixture.
    """
    samples = stems.shape[1]
    size = fft.next_fast_len(samples, real=True)
    hertz = np.linspace(0, SAMPLE_RATE / 2, size // 2 + 1, dtype=np.float32)
    response = _equaliser(hertz, rng)
    if rng.random() < 0.5:
        response = response * _band_limit(hertz, rng)
    heard: Samples = fft.irfft(fft.rfft(stems, size) * response, size)[:, :samples]
    return heard.astype(np.float32)


def background_noise(samples: int, rng: np.random.Generator) -> Samples:
    """Stationary noise whose spectrum falls by 0 to 7 dB an octave, now and then with mains hum."""
    size = fft.next_fast_len(samples, real=True)
    bins = size // 2 + 1
    hertz = np.linspace(0, SAMPLE_RATE / 2, bins, dtype=np.float32)
    tilt = 10 ** (-rng.uniform(0, 7) * np.log2(np.maximum(hertz, 40.0) / 1000.0) / 20)
    spectrum = rng.standard_normal(2 * bins, dtype=np.float32).view(np.complex64)
    if rng.random() < 0.5:
        tilt = tilt * _band_limit(hertz, rng)
    noise: Samples = fft.irfft(spectrum * tilt, size)[:samples].astype(np.float32)
    noise /= noise.std() + 1e-9
    if rng.random() < 0.25:
        mains = float(rng.choice([50.0, 60.0]))
        time = np.arange(samples, dtype=np.float32) / SAMPLE_RATE
        for harmonic in range(1, 6):
            phase = rng.uniform(0, 2 * np.pi)
            noise += np.float32(rng.uniform(0, 1.0) / harmonic) * np.sin(
                np.float32(2 * np.pi * mains * harmonic) * time + np.float32(phase)
            )
    return noise.astype(np.float32)


def _equaliser(hertz: Samples, rng: np.random.Generator) -> Samples:
    """A smooth random curve: a tilt and two bells, each within 6 dB."""
    octaves = np.log2(np.maximum(hertz, 30.0) / 1000.0)
    decibels = rng.uniform(-1.5, 1.5) * octaves
    for _ in range(2):
        centre, width = rng.uniform(-4, 4), rng.uniform(0.5, 1.5)
        decibels = decibels + rng.uniform(-6, 6) * np.exp(-0.5 * ((octaves - centre) / width) ** 2)
    curve: Samples = (10 ** (decibels / 20)).astype(np.float32)
    return curve


def _band_limit(hertz: Samples, rng: np.random.Generator) -> Samples:
    """A low-pass between telephone and 14 kHz, now and then a high-pass below 300 Hz too."""
    cutoff = float(np.exp(rng.uniform(np.log(3300), np.log(14000))))
    gain = 1 / (1 + (hertz / cutoff) ** 16)
    if rng.random() < 0.4:
        low = float(rng.uniform(80, 300))
        gain = gain / (1 + (low / np.maximum(hertz, 1.0)) ** 8)
    return gain.astype(np.float32)


def _air(hertz: Samples, rng: np.random.Generator) -> Samples:
    """The treble lost over a distance: a gentle low-pass at 1.5 to 8 kHz."""
    cutoff = float(np.exp(rng.uniform(np.log(1500), np.log(8000))))
    gain: Samples = (1 / np.sqrt(1 + (hertz / cutoff) ** 2)).astype(np.float32)
    return gain


def room_response(rng: np.random.Generator, direct_db: tuple[float, float] = _NEAR_DB) -> Samples:
    """A synthetic room: direct path of 1, up to eight early reflections, a tail of 0.1 to 0.8 s.

    Args:
        rng: random numbers.
        direct_db: range of the direct sound's level above the tail's, in dB.
    """
    seconds = float(np.exp(rng.uniform(np.log(0.1), np.log(0.8))))
    length = int(min(seconds * 1.2, 0.95) * SAMPLE_RATE)
    time = np.arange(length, dtype=np.float32) / SAMPLE_RATE
    tail = rng.standard_normal(length, dtype=np.float32)
    # Walls swallow treble: a decaying one-pole blend of the noise with its own average.
    dark = np.convolve(tail, np.full(8, 1 / 8, np.float32), mode="same")
    fade = np.minimum(time / seconds, 1.0)
    tail = (tail * (1 - fade) + dark * fade) * np.exp(-6.9 * time / seconds)
    direct_to_tail = 10 ** (rng.uniform(*direct_db) / 20)
    response = tail / (np.sqrt(np.square(tail).sum()) * direct_to_tail + 1e-9)
    gap = int(0.003 * SAMPLE_RATE)
    response[:gap] = 0.0
    for _ in range(int(rng.integers(2, 9))):
        at = int(rng.uniform(0.003, 0.05) * SAMPLE_RATE)
        if at < length:
            response[at] += rng.choice([-1, 1]) * rng.uniform(0.1, 0.4)
    response[0] = 1.0
    room: Samples = response.astype(np.float32)
    return room


def damage(wave: Samples, rng: np.random.Generator) -> Samples:
    """Lossy coding: mu-law steps, or spectral holes and coarse steps as at low rates."""
    peak = float(np.abs(wave).max(initial=0.0))
    if peak == 0.0:
        return wave
    if rng.random() < 0.3:
        steps = 2.0 ** rng.uniform(6, 8)
        scaled = np.sign(wave) * np.log1p(255 * np.abs(wave) / peak) / np.log(256)
        rounded = np.round(scaled * steps) / steps
        stepped = np.sign(rounded) * (256 ** np.abs(rounded) - 1) / 255 * peak
        return np.asarray(stepped, dtype=np.float32)
    size = 1024
    padded = np.pad(wave, (0, -len(wave) % size)).reshape(-1, size)
    coefficients = fft.dct(padded, norm="ortho", axis=1)
    # A step that follows the block's loudest coefficient leaves quiet bands empty, as coders do.
    step = np.abs(coefficients).max(axis=1, keepdims=True) * 10 ** (-rng.uniform(25, 45) / 20)
    coarse = np.round(coefficients / (step + 1e-9)) * step
    holed = fft.idct(coarse, norm="ortho", axis=1).reshape(-1)[: len(wave)]
    return np.asarray(holed, dtype=np.float32)
