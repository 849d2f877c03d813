"""A recording as the model sees it: at the codec's rate, in latent frames, as context."""

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
from soundsift.sampling.windows import Window
from soundsift.separation.part import RecordingPart

AnyRecording = Recording | RecordingFile | RecordingPart

#: Frames that are encoded together.
_BLOCK = 250


def latent_frames(codec: Codec, recording: AnyRecording) -> int:
    """Number of latent frames that cover a recording."""
    seconds = Fraction(recording.length, recording.sample_rate)
    return int(-(-seconds * codec.sample_rate // codec.samples_per_frame))


def codec_waves(model: ModelComponents, recording: AnyRecording) -> Iterator[Tensor]:
    """A recording at the codec's rate, in pieces `(1, channels, samples)`."""
    return waves_at(recording, model.codec.sample_rate, model.device)


def waves_at(recording: AnyRecording, rate: int, device: torch.device) -> Iterator[Tensor]:
    """A recording at a rate in Hz, in pieces `(1, channels, samples)`."""
    normalised = (recording.normalisation.apply(block) for block in recording.blocks())
    pieces = resampled(normalised, recording.sample_rate, rate)
    return (torch.from_numpy(piece).to(device)[None] for piece in pieces)


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


class MixtureContext:
    """The codec's context of a mixture, in bounded memory.

    Args:
        codec: makes the context.
        mixture: `(1, channels, samples)` at the codec's rate.
    """

    def __init__(self, codec: Codec, mixture: SlidingBuffer) -> None:
        self._codec, self._mixture = codec, mixture
        self._frames = SlidingBuffer(self._encoded(), dim=1)

    def of(self, windows: tuple[Window, ...]) -> Tensor:
        """`(windows * rows, frames, context_channels)`, of consecutive windows of one length."""
        size = self._codec.samples_per_frame
        if self._codec.context_margin is None:
            parts = [
                self._codec.context(self._mixture.read(w.start * size, w.end * size))
                for w in windows
            ]
            self._mixture.discard(windows[-1].start * size)
        else:
            parts = [self._frames.read(w.start, w.end) for w in windows]
            self._frames.discard(windows[-1].start)
        return torch.cat(parts)

    def _encoded(self) -> Iterator[Tensor]:
        """The context in blocks, equal to that of the whole recording encoded at once."""
        margin = self._codec.context_margin
        assert margin is not None
        size, mixture = self._codec.samples_per_frame, self._mixture
        done = 0
        while True:
            available = mixture.extend((done + _BLOCK + margin) * size)
            # Whole frames only, until the recording is complete.
            stop = min(done + _BLOCK, self._codec.frames(available))
            if stop <= done:
                return
            left = max(0, done - margin)
            context = self._codec.context(mixture.read(left * size, (stop + margin) * size))
            yield context[:, done - left : stop - left]
            done = stop
            mixture.discard(max(0, done - margin) * size)
