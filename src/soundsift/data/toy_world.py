"""A toy world: eight synthetic sounds with names, two at a time.

Large systems are tried out on it in minutes: `configs/toy-codec.yaml`, `configs/toy-latents.yaml`.
Seed and number decide an example. Everything lies below 560 Hz, so that a codec at 1.2 kHz will do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundsift.data.spans import active_spans
from soundsift.spans import Span

Samples = NDArray[np.float32]
_Wave = NDArray[np.float64]
_Synthesiser = Callable[[_Wave, np.random.Generator], _Wave]

_LEVEL_DB, _OFFSET_DB = -20.0, 3.0
_FADE_SECONDS = 0.02


@dataclass(frozen=True)
class ToyMixture:
    """Two sounds, of which one is asked for.

    Attributes:
        phrase: name of the target.
        target, residual: waves `(samples,)`.
        spans: when the target is heard.
    """

    phrase: str
    target: Samples
    residual: Samples
    spans: tuple[Span, ...]


def _tone(time: _Wave, hertz: float | _Wave, *overtones: float) -> _Wave:
    """A tone of constant or changing frequency, with the levels of its overtones."""
    rate = 1 / (time[1] - time[0])
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hertz, time.shape)) / rate
    wave: _Wave = np.sin(phase)
    for number, level in enumerate(overtones, 2):
        wave = wave + level * np.sin(number * phase)
    return wave


def _hum(time: _Wave, rng: np.random.Generator) -> _Wave:
    return _tone(time, rng.uniform(50, 75), 0.5, 0.3, 0.2)


def _whistle(time: _Wave, rng: np.random.Generator) -> _Wave:
    vibrato = 1 + 0.01 * np.sin(2 * np.pi * rng.uniform(4, 7) * time)
    return _tone(time, rng.uniform(400, 480) * vibrato)


def _siren(time: _Wave, rng: np.random.Generator) -> _Wave:
    swing = np.sin(2 * np.pi * (rng.uniform(0.6, 1.2) * time + rng.random()))
    return _tone(time, rng.uniform(180, 220) * (1 + 0.25 * swing), 0.3)


def _sweeps(time: _Wave, rng: np.random.Generator, up: bool) -> _Wave:
    position = (time * rng.uniform(1.5, 3.0) + rng.random()) % 1.0
    return _tone(time, 100 * 4.0 ** (position if up else 1 - position))


def _rising(time: _Wave, rng: np.random.Generator) -> _Wave:
    return _sweeps(time, rng, up=True)


def _falling(time: _Wave, rng: np.random.Generator) -> _Wave:
    return _sweeps(time, rng, up=False)


def _beeps(time: _Wave, rng: np.random.Generator) -> _Wave:
    beat = (time * rng.uniform(3, 6) + rng.random()) % 1.0
    gate = np.clip(np.minimum(beat, 0.5 - beat) * 40, 0, 1)
    wave: _Wave = _tone(time, rng.uniform(290, 350)) * gate
    return wave


def _noise(time: _Wave, rng: np.random.Generator, low: float, high: float) -> _Wave:
    spectrum = np.fft.rfft(rng.standard_normal(len(time)))
    hertz = np.fft.rfftfreq(len(time), time[1] - time[0])
    spectrum[(hertz < low) | (hertz > high)] = 0
    wave: _Wave = np.fft.irfft(spectrum, len(time))
    return wave


def _hiss(time: _Wave, rng: np.random.Generator) -> _Wave:
    return _noise(time, rng, 430, 560)


def _rumble(time: _Wave, rng: np.random.Generator) -> _Wave:
    return _noise(time, rng, 15, 70)


SOUNDS: dict[str, _Synthesiser] = {
    "low hum": _hum,
    "whistle": _whistle,
    "siren": _siren,
    "rising chirps": _rising,
    "falling chirps": _falling,
    "beeping": _beeps,
    "hiss": _hiss,
    "rumble": _rumble,
}


def toy_sound(name: str, samples: int, rate: int, rng: np.random.Generator) -> Samples:
    """One of the sounds, heard for 40 to 70 % of the time at -20 dB full scale, within 1.5 dB."""
    time = np.arange(samples) / rate
    wave = SOUNDS[name](time, rng)
    level = _LEVEL_DB + rng.uniform(-_OFFSET_DB, _OFFSET_DB) / 2
    wave *= 10 ** (level / 20) / np.sqrt(np.mean(np.square(wave)) + 1e-12)
    seconds = samples / rate
    length = seconds * rng.uniform(0.4, 0.7)
    start = rng.uniform(0, seconds - length)
    ramp = np.minimum(time - start, start + length - time) / _FADE_SECONDS
    return (wave * np.clip(ramp, 0, 1)).astype(np.float32)


def toy_mixture(seed: int, number: int, seconds: float, rate: int) -> ToyMixture:
    """Example `number` of a seed.

    Args:
        seed: decides, with the number, everything.
        number: of the example.
        seconds: its length.
        rate: samples per second.
    """
    rng = np.random.default_rng((seed, 7, number))
    names = rng.choice(list(SOUNDS), 2, replace=False)
    samples = round(seconds * rate)
    target, residual = (toy_sound(str(name), samples, rate, rng) for name in names)
    spans = tuple(Span(start, end) for start, end in active_spans(target, rate))
    return ToyMixture(str(names[0]), target, residual, spans)
