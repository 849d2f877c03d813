"""A recording as the model counts it: at its codec's rate, in latent frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from fractions import Fraction

import torch
from torch import Tensor

from soundsift.audio import Recording, RecordingFile
from soundsift.audio.blocks import resampled
from soundsift.audio.resampling import resample
from soundsift.models.codec import Codec
from soundsift.models.components import ModelComponents
from soundsift.separation.track import Track

AnyRecording = Recording | RecordingFile


def latent_frames(codec: Codec, recording: AnyRecording) -> int:
    """Latent frames that cover a recording."""
    seconds = Fraction(recording.length, recording.sample_rate)
    return int(-(-seconds * codec.sample_rate // codec.samples_per_frame))


def waves_of(networks: ModelComponents, recording: AnyRecording) -> Iterator[Tensor]:
    """A recording at the codec's rate, in pieces `(1, channels, samples)`."""
    heard = (recording.normalisation.apply(block) for block in recording.blocks())
    pieces = resampled(heard, recording.sample_rate, networks.codec.sample_rate)
    return (torch.from_numpy(piece).to(networks.device)[None] for piece in pieces)


def parts_of(
    networks: ModelComponents, recording: AnyRecording, stretches: Sequence[tuple[int, int]]
) -> Iterator[Tensor]:
    """Stretches of a recording at the codec's rate, each `(1, channels, samples)`.

    A file is read once, up to the last of them and no further.

    Args:
        networks: the model.
        recording: the recording.
        stretches: (first sample, the sample after the last) at the codec's rate, in order of the
            first.
    """
    own, rate = networks.codec.sample_rate, recording.sample_rate
    with closing(recording.blocks()) as blocks:
        heard = (recording.normalisation.apply(block) for block in blocks)
        samples = Track((torch.from_numpy(block) for block in heard), dim=-1)
        for start, end in stretches:
            first, last = start * rate // own, -(-end * rate // own)
            while samples.end < first and not samples.complete:
                samples.extend(samples.end + 1)
                samples.forget(min(samples.end, first))
            samples.forget(first)
            wave = resample(samples.part(first, last).numpy(), rate, own)
            yield torch.from_numpy(wave[:, : end - start])[None].to(networks.device)
