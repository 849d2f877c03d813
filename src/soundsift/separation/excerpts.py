"""Stretches of a recording that are looked at before it is separated."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from soundsift.models.codec import Codec
from soundsift.models.mel_codec import MelCodec


@dataclass(frozen=True)
class Excerpt:
    """A stretch of a recording, analysed.

    Attributes:
        context: `(rows, frames, context_channels)`.
        weight: the root of each cell's energy, `(1, bands, columns)`; empty if the codec has no
            cells.
        anchors: `(frames,)`, int64, what is marked of it.
        wave: `(1, samples)`, the mean of its channels.
    """

    context: Tensor
    weight: Tensor
    anchors: Tensor
    wave: Tensor


def analyse(codec: Codec, wave: Tensor, anchors: Tensor) -> Excerpt:
    """An excerpt of a stretch `(1, channels, samples)` at the codec's rate."""
    if not isinstance(codec, MelCodec):
        return Excerpt(codec.context(wave), wave.new_empty(0), anchors, wave.mean(dim=1))
    spectrum = codec.spectrum(wave)
    energy = codec.cross_energy(spectrum, spectrum).mean(dim=1)
    root = energy.clamp(min=0).sqrt()
    return Excerpt(codec.context(wave, spectrum), root, anchors, wave.mean(dim=1))
