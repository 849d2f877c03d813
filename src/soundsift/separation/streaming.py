"""Streams: how sound that is still arriving is cut into windows, and the delay of the result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from soundsift.audio.blocks import resampled
from soundsift.audio.normalisation import LOUDEST
from soundsift.audio.pcm import as_floats
from soundsift.errors import SoundsiftError
from soundsift.models.codec import Codec
from soundsift.sampling.buffers import SlidingBuffer
from soundsift.sampling.multidiffusion import WindowGroup, group_windows, integrate
from soundsift.sampling.windows import Window, WindowLayout
from soundsift.separation.request import SamplingPlan


@dataclass(frozen=True)
class StreamConfig:
    """How a stream is cut into windows; all lengths in seconds.

    Every window looks back, and its answer is used for its newest sound only.

    Attributes:
        window: length of a window.
        hop: time from one window to the next; half as much doubles the work.
        lookahead: newest sound of a window that serves as context only.
        ramp: crossfade from one window's answer to the next one's.

    Raises:
        SoundsiftError: impossible lengths.
    """

    window: float = 10.0
    hop: float = 0.48
    lookahead: float = 0.8
    ramp: float = 0.08

    def __post_init__(self) -> None:
        if min(self.hop, self.ramp) < 0.04 or self.lookahead < 0:
            raise SoundsiftError(
                f"Invalid stream with hop {self.hop:g} s, ramp {self.ramp:g} s and lookahead "
                f"{self.lookahead:g} s. Use a hop and a ramp of 0.04 s or more, and a lookahead of "
                "0 s or more."
            )
        if self.hop + self.ramp + self.lookahead > self.window:
            raise SoundsiftError(
                f"Invalid stream window {self.window:g} s: it is shorter than hop, ramp and "
                "lookahead together."
            )

    def layout(self, frame_rate: float) -> WindowLayout:
        """The same in latent frames.

        Args:
            frame_rate: latent frames per second.
        """
        window, hop, lookahead, ramp = (
            round(seconds * frame_rate)
            for seconds in (self.window, self.hop, self.lookahead, self.ramp)
        )
        return WindowLayout.trailing(window, hop, lookahead, ramp)


def check_blocks(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Blocks of a stream as float32 `(channels, samples)`, without empty ones.

    Raises:
        SoundsiftError: another shape, NaN, infinity or absurdly large values, or a changing number
            of channels.
    """
    channels = None
    for given in blocks:
        block = np.atleast_2d(as_floats(given))
        if block.ndim != 2 or (channels is not None and block.shape[0] != channels):
            expected = "(channels, samples)" if channels is None else f"{channels} channels"
            raise SoundsiftError(f"Invalid block of shape {np.shape(given)}: expected {expected}.")
        if not np.isfinite(block).all():
            raise SoundsiftError("A block has NaN or infinite samples. Use finite numbers.")
        peak = float(np.abs(block).max(initial=0))
        if peak > LOUDEST:  # the network's arithmetic would overflow
            raise SoundsiftError(
                f"A block reaches {peak:.0e}, where full scale is 1. Scale it to -1..1."
            )
        channels = block.shape[0]
        if block.shape[1]:
            yield block


def stream_delay(codec: Codec, plan: SamplingPlan, sample_rate: int, block: float) -> float:
    """The longest time from a sample's arrival to that of the input that its result waits for.

    Found by sending silence through the same windows, evaluations, margins and resamplers, without
    computing anything.

    Args:
        codec: its frames and margins count.
        plan: windows and evaluations.
        sample_rate: of the stream, in Hz.
        block: length of the stream's blocks in seconds. It counts, since a sample is there only
            when its block is complete.

    Returns:
        Seconds.
    """
    rate, size = codec.sample_rate, codec.samples_per_frame
    given = 0
    step = max(1, round(block * sample_rate))
    layout = plan.layout
    seconds = (layout.length + 4 * layout.hop) * size / rate
    seconds += len(plan.evaluations) * (layout.lookahead + layout.ramp) * size / rate

    def silence() -> Iterator[np.ndarray]:
        nonlocal given
        while given < seconds * sample_rate:
            given += step
            yield np.zeros((1, step), np.float32)

    pieces = (torch.from_numpy(b) for b in resampled(silence(), sample_rate, rate))
    mixture = SlidingBuffer(pieces, dim=-1)
    windows = layout.windows(lambda frames: codec.frames(mixture.extend(frames * size)))

    def zero(noisy: torch.Tensor, time: torch.Tensor, prepared: None) -> torch.Tensor:  # noqa: ARG001
        return torch.zeros_like(noisy)

    def prepare(some: tuple[Window, ...]) -> None:
        mixture.discard(some[-1].start * size)

    groups: Iterator[WindowGroup[None]] = group_windows(windows, prepare, 1)
    noise = iter(lambda: torch.zeros(1, 250, 1), None)
    latents = integrate(plan.evaluations, groups, noise, zero)

    def stems() -> Iterator[np.ndarray]:
        available = done = 0
        for piece in latents:
            available += piece.shape[1]
            ready = max(done, available - codec.stems_margin)
            yield np.zeros((1, (ready - done) * size), np.float32)
            done = ready

    ready = done = worst = 0
    for piece in resampled(stems(), rate, sample_rate):
        # The end of a stream comes early.
        if given >= seconds * sample_rate:
            break
        ready += piece.shape[1]
        while ready >= done + step:
            worst = max(worst, given - done)
            done += step
    return worst / sample_rate
