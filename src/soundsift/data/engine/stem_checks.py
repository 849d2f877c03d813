"""Checks of a stem against the sum of the others: how loud it is, and whether it bleeds.

Waves are mono, `(samples,)`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

#: Bleed arrives within this delay: ten metres of air.
_MOST_DELAY_SECONDS = 0.03
_BAND_HERTZ = (100.0, 8000.0)
#: Width over which spectra are smoothed before they are divided by.
_SMOOTHED_HERTZ = 100.0
#: Parts of a spectrum this far below its loudest are noise of the recording, not sound.
_FLOOR_DB = -60.0

_VOICED = 0.6
_PITCH_HERTZ = (65.0, 400.0)
_FRAME_SECONDS = 0.05


def relative_level_db(target: Samples, mixture: Samples) -> float:
    """Energy of the target against the mixture's, in dB; -120 at least."""
    energy = float(np.square(target, dtype=np.float64).sum())
    whole = float(np.square(mixture, dtype=np.float64).sum())
    return 10 * np.log10(max(energy, 1e-12 * whole) / whole) if whole > 0 else -120.0


def bleed(target: Samples, residual: Samples, sample_rate: int) -> float:
    """How much of one wave is heard in the other: their largest correlation, 0 to 1.

    Both spectra are made flat first, so that a shared note counts little and a quiet copy in all
    bands counts much. Bleed of the residual in the target is found as well. Reverberant bleed is
    found by its direct sound alone.

    Args:
        target: `(samples,)`.
        residual: the same shape.
        sample_rate: in Hz.
    """
    if not (target.any() and residual.any()):
        return 0.0
    size = 2 * len(target)
    hertz = np.fft.rfftfreq(size, 1 / sample_rate)
    within = (hertz >= _BAND_HERTZ[0]) & (hertz <= _BAND_HERTZ[1])
    smoothed = max(1, round(_SMOOTHED_HERTZ / hertz[1]))
    first, second = (
        _flat(np.fft.rfft(wave, size), within, smoothed) for wave in (target, residual)
    )
    scale = float(np.linalg.norm(first) * np.linalg.norm(second))
    if scale == 0:
        return 0.0
    product = np.zeros(len(hertz), complex)
    product[within] = first * second.conj()
    # The sum over the frequencies of one side, at every delay.
    correlation = np.abs(np.fft.irfft(product, size)) * size / 2 / scale
    most = min(round(_MOST_DELAY_SECONDS * sample_rate), len(target) - 1)
    return float(max(correlation[: most + 1].max(), correlation[-most:].max(initial=0.0)))


def voice_phrase(wave: Samples, sample_rate: int) -> str:
    """How a speaker who is alone is asked for: by the median pitch, where that is clear.

    Args:
        wave: of the speaker.
        sample_rate: in Hz.

    Returns:
        "man speaking", "woman speaking" (which children may be, too) or "person speaking".
    """
    pitches = _pitches(wave, sample_rate)
    if len(pitches) < 10:
        return "person speaking"
    median = float(np.median(pitches))
    if median < 150:
        return "man speaking"
    return "woman speaking" if median > 190 else "person speaking"


def _flat(
    spectrum: NDArray[np.complex128], within: NDArray[np.bool_], width: int
) -> NDArray[np.complex128]:
    """The part of a spectrum within the band, divided by its smoothed magnitude."""
    power = np.square(np.abs(spectrum))
    total = np.concatenate([[0.0], np.cumsum(power)])
    at = np.arange(len(power))
    low, high = np.maximum(at - width // 2, 0), np.minimum(at + width // 2 + 1, len(power))
    envelope = (total[high] - total[low]) / (high - low)
    heard = envelope > envelope[within].max(initial=0.0) * 10 ** (_FLOOR_DB / 10)
    flat: NDArray[np.complex128] = spectrum / np.sqrt(np.maximum(envelope, 1e-30)) * heard
    return flat[within]


def _pitches(wave: Samples, sample_rate: int) -> NDArray[np.float64]:
    """Fundamental frequencies of the voiced frames, by autocorrelation, in Hz."""
    size = round(_FRAME_SECONDS * sample_rate)
    frames = wave[: len(wave) // size * size].reshape(-1, size)
    power = np.square(frames).mean(axis=1)
    frames = frames[power > power.max(initial=0.0) * 1e-2]
    if not len(frames):
        return np.zeros(0)
    frames = (frames - frames.mean(axis=1, keepdims=True)) * np.hanning(size)
    spectra = np.square(np.abs(np.fft.rfft(frames, 2 * size)))
    spectra[:, np.fft.rfftfreq(2 * size, 1 / sample_rate) > 1000] = 0
    correlation = np.fft.irfft(spectra)[:, :size]
    window = np.fft.irfft(np.square(np.abs(np.fft.rfft(np.hanning(size), 2 * size))))[:size]
    correlation = correlation / np.maximum(correlation[:, :1], 1e-30)
    correlation = correlation / np.maximum(window / window[0], 0.1)
    low, high = (round(sample_rate / hertz) for hertz in _PITCH_HERTZ[::-1])
    lags = correlation[:, low : min(high, size // 2) + 1]
    best = lags.max(axis=1)
    # The first lag that is nearly as good as the best: the others are its multiples.
    first = (lags > 0.9 * best[:, None]).argmax(axis=1)
    # From there up to the top of its peak.
    top = [lag + int(row[lag : lag + 20].argmax()) for lag, row in zip(first, lags, strict=True)]
    found: NDArray[np.float64] = np.asarray(sample_rate / (low + np.array(top)))
    voiced: NDArray[np.float64] = found[best > _VOICED]
    return voiced
