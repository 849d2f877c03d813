"""Measurements of sound that several tests of procedural sound share."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

RATE = 48_000


def peak_hertz(wave: np.ndarray, low: float = 20, high: float = 20_000) -> float:
    """Frequency of the strongest line between two bounds."""
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2
    hertz = np.fft.rfftfreq(len(wave), 1 / RATE)
    power[(hertz < low) | (hertz > high)] = 0
    return float(hertz[np.argmax(power)])


def share(wave: np.ndarray, low: float, high: float) -> float:
    """Share of the energy between two frequencies."""
    power = np.abs(np.fft.rfft(wave)) ** 2
    hertz = np.fft.rfftfreq(len(wave), 1 / RATE)
    return float(power[(hertz >= low) & (hertz < high)].sum() / power.sum())


def centroid(wave: np.ndarray) -> float:
    """Mean frequency, weighted by energy."""
    power = np.abs(np.fft.rfft(wave)) ** 2
    hertz = np.fft.rfftfreq(len(wave), 1 / RATE)
    return float(np.sum(hertz * power) / np.sum(power))


def envelope(wave: np.ndarray, frame: float = 0.005) -> np.ndarray:
    """RMS of frames of so many seconds."""
    size = round(frame * RATE)
    return np.sqrt(np.square(wave[: len(wave) // size * size]).reshape(-1, size).mean(axis=1))


def onsets(wave: np.ndarray, dead: float = 0.08, rise: float = 4.0) -> np.ndarray:
    """Times at which the level jumps, in seconds, at least `dead` apart."""
    level = envelope(wave)
    floor = level.max() * 0.05
    before = np.concatenate([np.full(4, floor), level])[: len(level)]
    jumps = np.flatnonzero((level > rise * before) & (level > 3 * floor)) * 0.005
    kept: list[float] = []
    for time in jumps:
        if not kept or time - kept[-1] >= dead:
            kept.append(float(time))
    return np.array(kept)


def beat(wave: np.ndarray, low: float, high: float) -> float:
    """Strongest modulation of the level between two rates, per second."""
    level = envelope(wave, 0.002)
    power = np.abs(np.fft.rfft((level - level.mean()) * np.hanning(len(level)))) ** 2
    hertz = np.fft.rfftfreq(len(level), 0.002)
    power[(hertz < low) | (hertz > high)] = 0
    return float(hertz[np.argmax(power)])


@pytest.fixture
def measure() -> SimpleNamespace:
    """The measurements of this file."""
    return SimpleNamespace(
        rate=RATE,
        peak_hertz=peak_hertz,
        share=share,
        centroid=centroid,
        envelope=envelope,
        onsets=onsets,
        beat=beat,
    )


@pytest.fixture
def made() -> Callable[..., np.ndarray]:
    """Makes a sound: generator, seconds, seed."""

    def make(generate: Callable[..., np.ndarray], seconds: float, seed: int = 0) -> np.ndarray:
        return generate(np.random.default_rng(seed), seconds, RATE).astype(np.float64)

    return make
