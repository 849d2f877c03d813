"""Questions with known answers: a sound mixed anew with what else is heard in its recording.

The sound comes at other speeds, levels and slopes, so that its next occurrence is still known. What
it is laid into is either known to be something else, or the model's own answer there stays right:
an occurrence that it has missed must not be practised as something else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from soundsift.heard import HEARD
from soundsift.models.mel_codec import MelCodec

#: In a batch, and frames of each at most (6 s).
EXERCISES, FRAMES = 4, 150

#: Of how many exercises the sound is missing; of how many the rest is from around the mark.
_ABSENT, _NEAR = 0.25, 0.5

#: How far the sound is changed either way: its speed in octaves, its level in dB, its slope and
#: that of the rest in dB an octave.
_OCTAVES, _LEVEL_DB, _SLOPE_DB, _REST_SLOPE_DB = 0.5, 7.0, 1.0, 0.7


@dataclass(frozen=True)
class Rest:
    """What the sound is laid into; waves `(samples,)` at the codec's rate.

    Attributes:
        wave: all of it.
        wanted: what of it is the right answer already.
    """

    wave: Tensor
    wanted: Tensor


@dataclass(frozen=True)
class Material:
    """What exercises are made of.

    Attributes:
        sound: what is marked, `(samples,)` at the codec's rate.
        near: what else is heard around it: none of it is wanted.
        far: stretches of elsewhere, of which what the model takes for the sound is.
    """

    sound: Tensor
    near: Rest
    far: tuple[Rest, ...]


@dataclass(frozen=True)
class Exercises:
    """Mixtures and their right answers (`soundsift.heard.Energies`).

    Attributes:
        context: `(batch, frames, context_channels)`.
        mixture_energy, cross_energy: `(batch, bands, columns)`, on a scale on which the mixture's
            total is 1.
        target_energy, example_energy: `(batch,)` on the same scale.
        present: `(batch,)`, bool.
    """

    context: Tensor
    mixture_energy: Tensor
    cross_energy: Tensor
    target_energy: Tensor
    present: Tensor
    example_energy: Tensor

    def each(self) -> Iterator[Exercises]:
        """One after the other, as batches of one."""
        for i in range(len(self.context)):
            yield Exercises(
                *(getattr(self, field.name)[i : i + 1] for field in dataclasses.fields(self))
            )


@torch.no_grad()
def make_exercises(codec: MelCodec, material: Material, generator: torch.Generator) -> Exercises:
    """Mix the sound anew with what it is heard with.

    Args:
        codec: the model's.
        material: the parts.
        generator: of everything that is left to chance.
    """

    def within(limit: float) -> float:
        return limit * (2 * float(torch.rand((), generator=generator)) - 1)

    def often(share: float) -> bool:
        return bool(torch.rand((), generator=generator) < share)

    def place(room: int) -> int:
        return int(torch.randint(0, room + 1, (), generator=generator))

    size = min(len(rest.wave) for rest in (material.near, *material.far))
    size = min(size, FRAMES * codec.samples_per_frame)
    mixtures, targets = [], []
    for _ in range(EXERCISES):
        rest = material.near
        if material.far and not often(_NEAR):
            rest = material.far[place(len(material.far) - 1)]
        start, slope = place(len(rest.wave) - size), within(_REST_SLOPE_DB)
        mixture, target = (
            _sloped(wave[start : start + size], slope, codec.sample_rate)
            for wave in (rest.wave, rest.wanted)
        )
        for _ in range(0 if often(_ABSENT) else 1 + place(1)):
            sound = _at_speed(material.sound, 2 ** within(_OCTAVES))
            sound = _sloped(sound, within(_SLOPE_DB), codec.sample_rate)[:size]
            start, gain = place(size - len(sound)), 10 ** (within(_LEVEL_DB) / 20)
            for wave in (mixture, target):
                wave[start : start + len(sound)] += sound * gain
        mixtures.append(mixture)
        targets.append(target)
    return _analysed(codec, torch.stack(mixtures), torch.stack(targets))


def _analysed(codec: MelCodec, mixtures: Tensor, targets: Tensor) -> Exercises:
    """Exercises of waves `(batch, samples)`."""
    mixtures = mixtures[:, None]
    spectra, wanted = codec.spectrum(mixtures), codec.spectrum(targets[:, None])
    mixture = codec.cross_energy(spectra, spectra)[:, 0]
    cross = codec.cross_energy(spectra, wanted)[:, 0]
    target = codec.cross_energy(wanted, wanted).sum(dim=(1, 2, 3))
    total = mixture.sum(dim=(1, 2), keepdim=True).clamp(min=1e-12)
    return Exercises(
        codec.context(mixtures, spectra),
        mixture / total,
        cross / total,
        target / total[:, 0, 0],
        target / total[:, 0, 0] > HEARD,
        torch.zeros_like(target),
    )


def _at_speed(wave: Tensor, factor: float) -> Tensor:
    """A wave `(samples,)` played faster or slower, by lines between samples: it is for practice."""
    length = max(1, round(len(wave) / factor))
    return functional.interpolate(wave[None, None], size=length, mode="linear")[0, 0]


def _sloped(wave: Tensor, slope: float, rate: int) -> Tensor:
    """A wave `(samples,)` whose spectrum rises by so many dB an octave around 1 kHz, 10 at most."""
    # A length with small factors, which a transform is many times faster for than for a prime.
    length = -(-len(wave) // 4096) * 4096
    spectrum = torch.fft.rfft(wave, length)
    hertz = torch.fft.rfftfreq(length, 1 / rate, device=wave.device)
    decibels = (torch.log2(hertz.clamp(min=50.0) / 1000.0) * slope).clamp(-10.0, 10.0)
    sloped: Tensor = torch.fft.irfft(spectrum * 10 ** (decibels / 20), length)[: len(wave)]
    return sloped
