"""A recording as the codec takes it: at the codec's sample rate, in latent frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction

import torch
from torch import Tensor

from soundsift.audio import Recording, RecordingFile
from soundsift.audio.blocks import resampled
from soundsift.audio.resampling import resample
from soundsift.models.codec import Codec
from soundsift.models.components import ModelComponents
from soundsift.sampling.buffers import SlidingBuffer

AnyRecording = Recording | RecordingFile


def latent_frames(codec: Codec, recording: AnyRecording) -> int:
    """Number of latent frames that cover a recording."""
    seconds = Fraction(recording.length, recording.sample_rate)
    return int(-(-seconds * codec.sample_rate // codec.samples_per_frame))


def codec_waves(model: ModelComponents, recording: AnyRecording) -> Iterator[Tensor]:
    """A recording at the codec's rate, in pieces `(1, channels, samples)`."""
    normalised = (recording.normalisation.apply(block) for block in recording.blocks())
    pieces = resampled(normalised, recording.sample_rate, model.codec.sample_rate)
    return (torch.from_numpy(piece).to(model.device)[None] for piece in pieces)


def read_stretch(model: ModelComponents, recording: AnyRecording, start: int, end: int) -> Tensor:
    """A stretch of a recording at the codec's rate, `(1, channels, samples)`.

    A file is read up to the end of the stretch and no further.

    Args:
        model: its codec and device count.
        recording: the recording.
        start: the first latent frame.
        end: the frame after the last.
    """
    size, own, rate = model.codec.samples_per_frame, model.codec.sample_rate, recording.sample_rate
    first, last = start * size * rate // own, -(-end * size * rate // own)
    with closing(recording.blocks()) as blocks:
        normalised = (recording.normalisation.apply(block) for block in blocks)
        samples = SlidingBuffer((torch.from_numpy(block) for block in normalised), dim=-1)
        while samples.end < first and not samples.complete:
            samples.extend(samples.end + 1)
            samples.discard(min(samples.end, first))
        wave = resample(samples.read(first, last).numpy(), rate, own)
    return torch.from_numpy(wave[:, : (end - start) * size])[None].to(model.device)
