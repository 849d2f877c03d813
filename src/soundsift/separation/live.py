"""Sound that is still arriving: how it is cut into windows, and how far the result stays behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from soundsift.audio.blocks import resampled
from soundsift.errors import SoundsiftError
from soundsift.models.codec import Codec
from soundsift.separation.plan import Plan
from soundsift.separation.track import Track
from soundsift.separation.trajectory import Group, follow, group_windows
from soundsift.separation.windows import Layout, Window


@dataclass(frozen=True)
class Live:
    """How arriving sound is cut into windows; seconds throughout.

    Every window looks back and answers for its newest sound.

    Attributes:
        window: length of a window.
        hop: from one window to the next: half as much doubles the work.
        lookahead: sound that a window hears only to understand what came before.
        ramp: over which one window's answer passes into the next one's.

    Raises:
        SoundsiftError: for lengths that can't be.
    """

    window: float = 10.0
    hop: float = 0.48
    lookahead: float = 0.8
    ramp: float = 0.08

    def __post_init__(self) -> None:
        if min(self.hop, self.ramp) < 0.04 or self.lookahead < 0:
            raise SoundsiftError(
                f"hop {self.hop:g} s, ramp {self.ramp:g} s, lookahead {self.lookahead:g} s can't "
                "be; hop and ramp of 0.04 s or more and a lookahead of 0 or more were expected."
            )
        if self.hop + self.ramp + self.lookahead > self.window:
            raise SoundsiftError(
                f"a window of {self.window:g} s is shorter than hop, ramp and lookahead together."
            )


def live_layout(live: Live, frame_rate: float) -> Layout:
    """The same in latent frames.

    Args:
        live: in seconds.
        frame_rate: latent frames per second.
    """
    window, hop, lookahead, ramp = (
        round(seconds * frame_rate)
        for seconds in (live.window, live.hop, live.lookahead, live.ramp)
    )
    return Layout.trailing(window, hop, lookahead, ramp)


def whole_blocks(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Blocks as float32 `(channels, samples)`, without empty ones.

    Raises:
        SoundsiftError: for other shapes, NaN or infinity, or channels that change.
    """
    channels = None
    for given in blocks:
        block = np.atleast_2d(np.asarray(given, dtype=np.float32))
        if block.ndim != 2 or (channels is not None and block.shape[0] != channels):
            wanted = "(channels, samples)" if channels is None else f"{channels} channels"
            raise SoundsiftError(f"a block has shape {np.shape(given)}; {wanted} was expected.")
        if not np.isfinite(block).all():
            raise SoundsiftError("a block holds NaN or infinite values; numbers were expected.")
        channels = block.shape[0]
        if block.shape[1]:
            yield block


def measured_delay(codec: Codec, plan: Plan, sample_rate: int, block: float) -> float:
    """Seconds from the arrival of a sample to that of the sound its answer is given with, at most.

    Found by sending silence through the same windows, evaluations, margins and resamplers, with
    nothing computed.

    Args:
        codec: whose frames and margins count.
        plan: windows and evaluations.
        sample_rate: of the sound.
        block: seconds that arrive at once, which count: nothing is known of a sample before the
            last one of its block.
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

    heard = Track((torch.from_numpy(b) for b in resampled(silence(), sample_rate, rate)), dim=-1)
    windows = layout.windows(lambda frames: codec.frames(heard.extend(frames * size)))

    def nothing(noisy: torch.Tensor, time: torch.Tensor, known: None) -> torch.Tensor:  # noqa: ARG001
        return torch.zeros_like(noisy)

    def known(some: tuple[Window, ...]) -> None:
        heard.forget(some[-1].start * size)

    groups: Iterator[Group[None]] = group_windows(windows, known, 1)
    noise = iter(lambda: torch.zeros(1, 250, 1), None)
    latents = follow(plan.evaluations, groups, noise, nothing)

    def stems() -> Iterator[np.ndarray]:
        there = done = 0
        for piece in latents:
            there += piece.shape[1]
            ready = max(done, there - codec.stems_margin)
            yield np.zeros((1, (ready - done) * size), np.float32)
            done = ready

    ready = done = worst = 0
    for piece in resampled(stems(), rate, sample_rate):
        # What comes at the very end comes early.
        if given >= seconds * sample_rate:
            break
        ready += piece.shape[1]
        while ready >= done + step:
            worst = max(worst, given - done)
            done += step
    return worst / sample_rate
