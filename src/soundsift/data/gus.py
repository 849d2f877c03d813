"""A small sampler for Gravis Ultrasound patches (.pat), such as those of the package freepats.

`render` has the signature of `soundsift.data.midi.render`; its font is a Timidity configuration
file, which says which patch plays which General MIDI program or drum note.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundsift.config import SAMPLE_RATE
from soundsift.data.midi import Audio, Note, normalise

_HEADER = 239  # bytes before the first sample: file, instrument and layer headers
_SAMPLE_COUNT = 198  # offset of the number of samples, in the layer header
_SAMPLE = struct.Struct("<7sBIIIHIIIHB6s6s6sBhH36x")

# Bits of a sample's mode.
_WORDS, _UNSIGNED, _LOOP, _PING_PONG, _REVERSE, _SUSTAIN, _ENVELOPE = (1 << bit for bit in range(7))

_RELEASE = 3  # the envelope stage at which a released note continues
_FADE_SECONDS = 0.005

# Struck and plucked instruments, whose loops are made to die away.
_DYING = frozenset([*range(16), *range(24, 29), *range(45, 48), *range(104, 109)])
_DECAY_SECONDS = 1.0


@dataclass(frozen=True)
class Sample:
    """One recording of a patch; loop points in samples, frequencies in Hz."""

    data: Audio
    loop: tuple[float, float] | None
    rate: int
    low: float
    high: float
    root: float
    sustain: bool
    # Six stages of the envelope: change in full scales per second and level (0 to 1) at the end;
    # without levels there is no envelope.
    rates: tuple[float, ...]
    levels: tuple[float, ...]
    follows_pitch: bool


def read_patch(path: Path) -> list[Sample]:
    """Read all samples of a patch."""
    content = path.read_bytes()
    if content[:12] not in (b"GF1PATCH110\0", b"GF1PATCH100\0"):
        raise ValueError(f"{path} is not a GUS patch")
    samples, position = [], _HEADER
    for _ in range(content[_SAMPLE_COUNT]):
        header = content[position : position + _SAMPLE.size]
        position += _SAMPLE.size
        size = _SAMPLE.unpack(header)[2]
        samples.append(_sample(header, content[position : position + size]))
        position += size
    return samples


def _sample(header: bytes, raw: bytes) -> Sample:
    (_, fractions, _, start, end, rate, low, high, root, _, _, rates, levels, _, mode, _, scale) = (
        _SAMPLE.unpack(header)
    )
    width = 2 if mode & _WORDS else 1
    kind = f"<{'u' if mode & _UNSIGNED else 'i'}{width}"
    data = np.frombuffer(raw[: len(raw) // width * width], kind).astype(np.float32) / np.float32(
        1 << (8 * width - 1)
    )
    if mode & _UNSIGNED:
        data -= np.float32(1)
    loop = None
    if mode & _LOOP and end - start >= 2 * width:
        loop = (start / width + (fractions & 15) / 16, end / width + (fractions >> 4) / 16)
        if mode & _PING_PONG:  # unfold the way back
            first, last = int(loop[0]), int(loop[1])
            data = np.concatenate([data[:last], data[first:last][::-1]])
            loop = (float(first), float(2 * last - first))
    if mode & _REVERSE:
        data, loop = data[::-1], None
    return Sample(
        data=np.ascontiguousarray(data),
        loop=loop,
        rate=rate,
        low=low / 1000,
        high=high / 1000,
        root=root / 1000,
        sustain=bool(mode & _SUSTAIN),
        # Six bits of speed, two of range; a full sweep takes 47 s at speed 1 in the slowest.
        rates=tuple(((byte & 63) << 3 * (3 - (byte >> 6))) / 47.4 for byte in rates),
        # An envelope which does not end in silence, or has no loop to shape, is not in use.
        levels=tuple(byte / 255 for byte in levels)
        if mode & _ENVELOPE and loop and levels[5] < 100
        else (),
        follows_pitch=scale != 0,
    )


def _envelope(sample: Sample, length: int, release: int, sample_rate: int) -> NDArray[np.float64]:
    """Amplitude of a note which is released at `release`, until it ends or for `length` samples."""
    off = release / sample_rate
    moments, levels = [0.0], [0.0]

    def stages(first: int, last: int) -> None:
        for stage in range(first, last):
            slope = max(sample.rates[stage], 1e-3)
            moments.append(moments[-1] + max(abs(sample.levels[stage] - levels[-1]) / slope, 1e-6))
            levels.append(sample.levels[stage])

    if sample.levels:
        stages(0, _RELEASE)
        if sample.sustain:  # hold the level until the release, which may come before it is reached
            held = float(np.interp(off, moments, levels))
            count = sum(moment < off for moment in moments)
            moments, levels = [*moments[:count], off], [*levels[:count], held]
        stages(_RELEASE, 6)
    else:
        moments, levels = [0.0, off], [1.0, 1.0]
    end = moments[-1] + _FADE_SECONDS
    time = np.arange(min(length, int(end * sample_rate))) / sample_rate
    # Levels are logarithmic, over 36 dB.
    amplitude: NDArray[np.float64] = (np.exp2(6 * np.interp(time, moments, levels)) - 1) / 63
    amplitude *= np.minimum((end - time) / _FADE_SECONDS, 1)
    return amplitude


def _play(
    sample: Sample, note: Note, length: int, sample_rate: int, program: int | None
) -> NDArray[np.float64]:
    """At most `length` samples of one note; samples without a loop sound to their end."""
    percussive = program is None
    frequency = sample.root if percussive or not sample.follows_pitch else _frequency(note.pitch)
    step = frequency / sample.root * sample.rate / sample_rate
    if sample.loop and not percussive:
        envelope = _envelope(sample, length, round(note.duration * sample_rate), sample_rate)
        place = np.arange(len(envelope)) * step
        start, end = sample.loop
        if program in _DYING:
            envelope *= np.exp(np.minimum(start - place, 0) / step / sample_rate / _DECAY_SECONDS)
        place = np.where(place < end, place, start + np.mod(place - start, end - start))
    else:
        place = np.arange(min(length, int((len(sample.data) - 1) / step))) * step
        envelope = np.minimum((len(place) - np.arange(len(place))) / _FADE_SECONDS / sample_rate, 1)
    played = _interpolate(sample.data, place, step) * envelope
    played *= (note.velocity / 127) ** 2
    return played


def _frequency(pitch: int) -> float:
    return float(440 * 2 ** ((pitch - 69) / 12))


def _interpolate(data: Audio, place: NDArray[np.floating], step: float) -> NDArray[np.float64]:
    """Values between samples, smoothed where the places are far apart, to lessen aliasing."""
    width = round(step)
    smooth = np.convolve(data, np.hanning(2 * width + 1) / width, "same") if width > 1 else data
    index = np.minimum(place.astype(np.int64), len(data) - 2)
    part = place - index
    return np.asarray(smooth[index] * (1 - part) + smooth[index + 1] * part, dtype=np.float64)


@lru_cache(maxsize=8)
def read_config(path: Path) -> dict[tuple[bool, int], Path]:
    """Read which patch plays which (is drum, program or drum note) of bank and drum set 0."""
    patches: dict[tuple[bool, int], Path] = {}
    folder, drums = path.parent, False
    for line in path.read_text().splitlines():
        words = line.split("#")[0].split()
        match words:
            case ["dir", name]:
                folder = _locate(path, name)
            case [("bank" | "drumset") as kind, _]:
                drums = kind == "drumset"
            case [number, name, *_] if number.isdigit():
                patches[drums, int(number)] = folder / name
    return patches


def _locate(config: Path, name: str) -> Path:
    """The folder `name`; an absolute path may also lie below a parent of the configuration file."""
    roots = [Path("/"), *config.absolute().parents] if name.startswith("/") else [config.parent]
    folders = [root / name.lstrip("/") for root in roots]
    return next((folder for folder in folders if folder.is_dir()), folders[0])


_patch = lru_cache(maxsize=128)(read_patch)


def render(
    font: Path,
    program: int | None,
    notes: Iterable[Note],
    seconds: float,
    sample_rate: int = SAMPLE_RATE,
) -> Audio:
    """Render notes with the patches of a Timidity configuration to mono samples.

    The `program` None is the drum kit. Drum notes without a patch are left out; a program without
    one raises a ValueError.
    """
    patches = read_config(font)
    if program is not None and (False, program) not in patches:
        raise ValueError(f"{font} has no patch for program {program}")
    length = round(seconds * sample_rate)
    mix = np.zeros(length)
    for note in notes:
        path = patches.get((program is None, note.pitch if program is None else program))
        start = round(note.start * sample_rate)
        if path is None or start >= length:
            continue
        samples = _patch(path)
        frequency = _frequency(note.pitch)
        covering = [sample for sample in samples if sample.low <= frequency <= sample.high]
        nearest = min(covering or samples, key=lambda sample: abs(np.log(frequency / sample.root)))
        tone = _play(nearest, note, length - start, sample_rate, program)
        mix[start : start + len(tone)] += tone
    return normalise(mix.astype(np.float32))
