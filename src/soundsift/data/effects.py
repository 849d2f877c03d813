"""What happens to a sound on its way into a scene: speed, equaliser, band limits, coding, a room.

Waves are `(samples,)` float32 at 48 kHz; all but a change of speed keep their length.
"""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy import fft

Samples = NDArray[np.float32]
_RATE = 48_000


def draw_speed(rng: np.random.Generator, most: float = 0.2) -> float:
    """A factor within 1 / (1 + most) and 1 + most, roughly."""
    return float(np.exp(rng.uniform(-most, most)))


def change_speed(wave: Samples, factor: float) -> Samples:
    """Play so many times faster, pitch and all."""
    if factor == 1.0:
        return wave
    changed: Samples = soxr.resample(wave, _RATE * factor, _RATE, quality="QQ")
    return changed


def shape(
    wave: Samples,
    rng: np.random.Generator,
    *,
    equaliser: bool,
    band_limit: bool,
    room: bool,
) -> Samples:
    """Equaliser, band limit and room in one pass through the frequency domain.

    The room is an exponentially decaying noise with a direct path and a few early reflections,
    darker as it decays.
    """
    if not (equaliser or band_limit or room):
        return wave
    samples = len(wave)
    size = fft.next_fast_len(samples + (_RATE if room else 0), real=True)
    spectrum = fft.rfft(wave, size)
    bins = len(spectrum)
    hertz = np.linspace(0, _RATE / 2, bins, dtype=np.float32)
    if equaliser:
        spectrum *= _equaliser(hertz, rng)
    if band_limit:
        spectrum *= _band_limit(hertz, rng)
    if room:
        spectrum *= fft.rfft(room_response(rng), size)
    shaped: Samples = fft.irfft(spectrum, size)[:samples].astype(np.float32)
    return shaped


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


def room_response(rng: np.random.Generator) -> Samples:
    """A synthetic room: direct path of 1, up to eight early reflections, a tail of 0.1 to 0.8 s."""
    seconds = float(np.exp(rng.uniform(np.log(0.1), np.log(0.8))))
    length = int(min(seconds * 1.2, 0.95) * _RATE)
    time = np.arange(length, dtype=np.float32) / _RATE
    tail = rng.standard_normal(length, dtype=np.float32)
    # Walls swallow treble: a decaying one-pole blend of the noise with its own average.
    dark = np.convolve(tail, np.full(8, 1 / 8, np.float32), mode="same")
    fade = np.minimum(time / seconds, 1.0)
    tail = (tail * (1 - fade) + dark * fade) * np.exp(-6.9 * time / seconds)
    direct_to_tail = 10 ** (rng.uniform(0, 12) / 20)
    response = tail / (np.sqrt(np.square(tail).sum()) * direct_to_tail + 1e-9)
    gap = int(0.003 * _RATE)
    response[:gap] = 0.0
    for _ in range(int(rng.integers(2, 9))):
        at = int(rng.uniform(0.003, 0.05) * _RATE)
        if at < length:
            response[at] += rng.choice([-1, 1]) * rng.uniform(0.1, 0.4)
    response[0] = 1.0
    room: Samples = response.astype(np.float32)
    return room


def damage(wave: Samples, rng: np.random.Generator) -> Samples:
    """What lossy coding does: mu-law steps, or spectral holes and coarse steps as at low rates."""
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
