"""Effects on sources and scenes: equaliser, band limits, rooms, distance, coding, noise, gains.

Each is drawn on the processor, as numbers, and computed for many waves at once on any device.

Shapes: R waves of N samples at 48 kHz, F frequencies.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from soundsift.config import SAMPLE_RATE

Samples = NDArray[np.float32]
#: Ratio of the direct sound to the room's tail, in dB, from and to.
_NEAR_DB, _FAR_DB = (0.0, 12.0), (-8.0, 3.0)
_BLOCK = 1024
_HARMONICS = 5


@dataclass(frozen=True)
class Filters:
    """Filters in one pass through the frequency domain.

    Attributes:
        equaliser: a tilt in dB an octave, then centre (octaves from 1 kHz), width and height of
            two bells; empty without one.
        band_limit: cutoffs of a low-pass and a high-pass in Hz, 0 without the latter.
        room: impulse response.
        air: cutoff in Hz of the low-pass of a far source.
    """

    equaliser: tuple[float, ...] = ()
    band_limit: tuple[float, float] | None = None
    room: Samples | None = None
    air: float | None = None


@dataclass(frozen=True)
class Damage:
    """Lossy coding: mu-law in so many steps, or coefficients so many dB below the loudest lost."""

    steps: float = 0.0
    holes_db: float = 0.0


@dataclass(frozen=True)
class Noise:
    """Stationary noise.

    Attributes:
        fall_db: how much its spectrum falls an octave.
        spectrum: Gaussian real and imaginary parts in turn, `(2 F,)`.
        band_limit: as of `Filters`.
        hum: the mains' frequency in Hz, and phase and amplitude of its harmonics in turn.
    """

    fall_db: float
    spectrum: Samples
    band_limit: tuple[float, float] | None = None
    hum: tuple[float, ...] = ()


def draw_speed(rng: np.random.Generator, most: float = 0.2) -> float:
    """A speed factor between about 1 / (1 + most) and 1 + most."""
    return float(np.exp(rng.uniform(-most, most)))


def draw_filters(
    rng: np.random.Generator,
    *,
    equaliser: bool = False,
    band_limit: bool = False,
    room: bool = False,
    far: bool = False,
) -> Filters | None:
    """Draw the filters of a source.

    A far source has more of the room and less treble.
    """
    if not (equaliser or band_limit or room or far):
        return None
    return Filters(
        equaliser=_draw_equaliser(rng) if equaliser else (),
        band_limit=_draw_band_limit(rng) if band_limit else None,
        room=room_response(rng, _FAR_DB if far else _NEAR_DB) if room or far else None,
        air=_log_uniform(rng, 1500, 8000) if far else None,
    )


def draw_microphone(rng: np.random.Generator) -> Filters:
    """Draw a recording device: an equaliser, and often a narrow band."""
    equaliser = _draw_equaliser(rng)
    return Filters(equaliser, _draw_band_limit(rng) if rng.random() < 0.5 else None)


def draw_noise(samples: int, rng: np.random.Generator) -> Noise:
    """Draw noise whose spectrum falls by 0 to 7 dB an octave, now and then with mains hum."""
    bins = fft.next_fast_len(samples, real=True) // 2 + 1
    fall_db = float(rng.uniform(0, 7))
    spectrum = rng.standard_normal(2 * bins, dtype=np.float32)
    band_limit = _draw_band_limit(rng) if rng.random() < 0.5 else None
    hum: list[float] = []
    if rng.random() < 0.25:
        hum.append(float(rng.choice([50.0, 60.0])))
        for harmonic in range(1, _HARMONICS + 1):
            hum += [rng.uniform(0, 2 * np.pi), rng.uniform(0, 1.0) / harmonic]
    return Noise(fall_db, spectrum, band_limit, tuple(hum))


def draw_damage(rng: np.random.Generator) -> Damage:
    """Draw mu-law steps, or spectral holes and coarse steps as at low rates."""
    if rng.random() < 0.3:
        return Damage(steps=float(2.0 ** rng.uniform(6, 8)))
    return Damage(holes_db=float(rng.uniform(25, 45)))


def draw_slow_gain(rng: np.random.Generator, most_db: float = 6.0) -> tuple[float, ...]:
    """Draw three to five points, in dB within `most_db` of 0, of a level that changes slowly."""
    return tuple(rng.uniform(-most_db, most_db, int(rng.integers(3, 6))).tolist())


def room_response(rng: np.random.Generator, direct_db: tuple[float, float] = _NEAR_DB) -> Samples:
    """A synthetic room: direct path of 1, up to eight early reflections, a tail of 0.1 to 0.8 s.

    The tail is noise that decays exponentially, darker as it decays.

    Args:
        rng: random numbers.
        direct_db: range of the direct sound's level above the tail's, in dB.
    """
    seconds = _log_uniform(rng, 0.1, 0.8)
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


def apply_filters(waves: Tensor, filters: Sequence[Filters | None]) -> None:
    """Filter waves `(R, N)` in place, each by its own filters."""
    samples = waves.shape[1]
    for with_room in (False, True):
        rows = [i for i, f in enumerate(filters) if f and (f.room is not None) == with_room]
        if not rows:
            continue
        chosen = [f for i in rows if (f := filters[i])]
        # With a room, the end must not come round to the beginning.
        size = fft.next_fast_len(samples + (SAMPLE_RATE if with_room else 0), real=True)
        index = torch.tensor(rows, device=waves.device)
        spectrum = torch.fft.rfft(waves[index], size)
        _scale(spectrum, [f.equaliser for f in chosen], _equaliser)
        _scale(spectrum, [f.band_limit or () for f in chosen], _band_limit)
        _scale(spectrum, [() if f.air is None else (f.air,) for f in chosen], _air)
        rooms = [torch.from_numpy(f.room) for f in chosen if f.room is not None]
        if rooms:
            padded = pad_sequence(rooms, batch_first=True).to(waves.device, non_blocking=True)
            spectrum *= torch.fft.rfft(padded, size)
        waves[index] = torch.fft.irfft(spectrum, size)[:, :samples]


def make_noise(noises: Sequence[Noise], samples: int, device: torch.device) -> Tensor:
    """Waves `(R, N)` of noise with a standard deviation of 1, plus hum."""
    size = fft.next_fast_len(samples, real=True)
    drawn = np.stack([noise.spectrum for noise in noises]).view(np.complex64)
    spectrum = torch.from_numpy(drawn).to(device)
    _scale(spectrum, [(noise.fall_db,) for noise in noises], _fall)
    _scale(spectrum, [noise.band_limit or () for noise in noises], _band_limit)
    waves: Tensor = torch.fft.irfft(spectrum, size)[:, :samples]
    waves = waves / (waves.std(dim=1, correction=0, keepdim=True) + 1e-9)
    time = torch.arange(samples, dtype=torch.float32, device=device) / SAMPLE_RATE
    for wave, noise in zip(waves, noises, strict=True):
        mains, *harmonics = noise.hum or (0.0,)
        for harmonic in range(len(harmonics) // 2):
            phase, amplitude = harmonics[2 * harmonic : 2 * harmonic + 2]
            wave += amplitude * torch.sin(2 * math.pi * mains * (harmonic + 1) * time + phase)
    return waves


def damage(waves: Tensor, damages: Sequence[Damage | None]) -> None:
    """Code waves `(R, N)` in place, each as drawn."""
    for kind, code in (("steps", _mu_law), ("holes_db", _holes)):
        values = {i: v for i, d in enumerate(damages) if d and (v := getattr(d, kind))}
        if values:
            index = torch.tensor(list(values), device=waves.device)
            setting = torch.tensor(list(values.values()), device=waves.device)[:, None]
            waves[index] = code(waves[index], setting)


def slow_gains(curves: Sequence[Sequence[float]], samples: int, device: torch.device) -> Tensor:
    """Gains `(R, N)`: straight lines in dB between equally distant points."""
    # One value per millisecond is smooth enough to be repeated.
    step = SAMPLE_RATE // 1000
    moments = np.arange(0, samples, step)
    decibels = [np.interp(moments, np.linspace(0, samples - 1, len(c)), c) for c in curves]
    gains = _linear(torch.tensor(np.stack(decibels), dtype=torch.float32, device=device))
    return gains.repeat_interleave(step, dim=1)[:, :samples]


def active_level_db(waves: Tensor) -> Tensor:
    """RMS `(R,)` in dB full scale of the 20 ms frames within 30 dB of the loudest; silence is 0.

    From every fourth sample: exact enough for drawing a level.
    """
    frame = SAMPLE_RATE // 200
    thinned = waves[:, ::4]
    frames = thinned[:, : thinned.shape[1] // frame * frame].reshape(len(waves), -1, frame)
    power = frames.square().mean(dim=2)
    loudest = power.max(dim=1, keepdim=True).values
    active = power >= loudest * 1e-3
    mean = (power * active).sum(dim=1) / active.sum(dim=1)
    return torch.where(mean > 0, 10 * mean.clamp(min=1e-30).log10(), 0.0)


def _scale(
    spectrum: Tensor,
    parameters: Sequence[Sequence[float]],
    gain: Callable[[Tensor, Tensor], Tensor],
) -> None:
    """Scale spectra `(R, F)` in place by gains of their parameters, those that have any."""
    rows = [i for i, values in enumerate(parameters) if values]
    if not rows:
        return
    hertz = torch.linspace(0, SAMPLE_RATE / 2, spectrum.shape[1], device=spectrum.device)
    values = torch.tensor([parameters[i] for i in rows], device=spectrum.device)
    gains = gain(hertz, values.T[..., None])
    if len(rows) == len(spectrum):
        spectrum *= gains
    else:
        spectrum[torch.tensor(rows, device=spectrum.device)] *= gains


def _equaliser(hertz: Tensor, values: Tensor) -> Tensor:
    """A smooth curve `(R, F)`: a tilt and two bells, each within 6 dB."""
    octaves = torch.log2(hertz.clamp(min=30.0) / 1000.0)
    tilt, *bells = values
    decibels = tilt * octaves
    for centre, width, height in (bells[:3], bells[3:]):
        decibels = decibels + height * torch.exp(-0.5 * ((octaves - centre) / width).square())
    return _linear(decibels)


def _band_limit(hertz: Tensor, values: Tensor) -> Tensor:
    """A low-pass, and a high-pass if its cutoff is above 0."""
    high, low = values
    gains: Tensor = 1 / (1 + (hertz / high) ** 16) / (1 + (low / hertz.clamp(min=1.0)) ** 8)
    return gains


def _air(hertz: Tensor, values: Tensor) -> Tensor:
    """The treble lost over a distance: a gentle low-pass."""
    return torch.rsqrt(1 + (hertz / values[0]).square())


def _fall(hertz: Tensor, values: Tensor) -> Tensor:
    return _linear(-values[0] * torch.log2(hertz.clamp(min=40.0) / 1000.0))


def _linear(decibels: Tensor) -> Tensor:
    return torch.exp2(decibels * (math.log2(10) / 20))


def _mu_law(waves: Tensor, steps: Tensor) -> Tensor:
    peak = waves.abs().amax(dim=1, keepdim=True).clamp(min=1e-30)
    scaled = waves.sign() * torch.log1p(255 * waves.abs() / peak) / math.log(256)
    rounded = (scaled * steps).round() / steps
    return rounded.sign() * (256 ** rounded.abs() - 1) / 255 * peak


def _holes(waves: Tensor, holes_db: Tensor) -> Tensor:
    samples = waves.shape[1]
    cosines = _cosines(waves.device)
    blocks = functional.pad(waves, (0, -samples % _BLOCK)).reshape(len(waves), -1, _BLOCK)
    coefficients = blocks @ cosines.T
    # A step that follows the block's loudest coefficient leaves quiet bands empty, as coders do.
    loudest = coefficients.abs().amax(dim=2, keepdim=True)
    step = loudest * 10 ** (-holes_db[..., None] / 20)
    coarse = (coefficients / (step + 1e-9)).round() * step
    return (coarse @ cosines).flatten(1)[:, :samples]


@cache
def _cosines(device: torch.device) -> Tensor:
    """The orthonormal discrete cosine transform of a block `(1024, 1024)`."""
    table: NDArray[np.float64] = fft.dct(np.eye(_BLOCK), norm="ortho", axis=0)
    return torch.from_numpy(table).float().to(device)


def _draw_equaliser(rng: np.random.Generator) -> tuple[float, ...]:
    drawn = [rng.uniform(-1.5, 1.5)]
    for _ in range(2):
        drawn += [rng.uniform(-4, 4), rng.uniform(0.5, 1.5), rng.uniform(-6, 6)]
    return tuple(drawn)


def _draw_band_limit(rng: np.random.Generator) -> tuple[float, float]:
    """A low-pass between telephone and 14 kHz, now and then a high-pass below 300 Hz too."""
    high = _log_uniform(rng, 3300, 14000)
    return high, float(rng.uniform(80, 300)) if rng.random() < 0.4 else 0.0


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
