"""A recording's stems at its own sample rate and in its own sample format, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch.nn import functional

from soundsift.audio import complement, quantise
from soundsift.audio.blocks import resampled
from soundsift.audio.normalisation import DcBlocker, Normalisation
from soundsift.models.codec import Codec
from soundsift.models.components import ModelComponents
from soundsift.separation.along import stems_along
from soundsift.separation.chunks import stems_in_chunks
from soundsift.separation.codec_rate import AnyRecording, latent_frames
from soundsift.separation.plan import Plan
from soundsift.separation.sharing import shared
from soundsift.separation.track import Track
from soundsift.separation.wanted import Wanted
from soundsift.separation.work import Work


def recording_stems(
    recording: AnyRecording,
    work: Work,
    report: Callable[[float], None],
    sample_format: str | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Separate a recording.

    Args:
        recording: the mixture.
        work: what is to be done.
        report: called with the fraction done, 0 to 1.
        sample_format: of the stems; that of the recording unless given.

    Yields:
        A block of the mixture `(channels, samples)`, and its stems, target and residual:
        `(prompts, 2, channels, samples)`; of exclusive prompts, the rest comes last.
    """
    report(work.prepared)
    windows = work.plan.layout.count(latent_frames(work.networks.codec, recording))
    total = windows * len(work.plan.evaluations)
    done = 0

    def advance(evaluated: int) -> None:
        nonlocal done
        done += evaluated
        report(min(0.99, work.prepared + (1 - work.prepared) * done / total))

    yield from block_stems(
        work.networks,
        recording.blocks(),
        (recording.sample_rate, sample_format or recording.sample_format),
        work.wanted,
        work.plan,
        advance,
        work.exclusive,
        recording.normalisation,
    )
    report(1.0)


@torch.inference_mode()
def block_stems(
    networks: ModelComponents,
    blocks: Iterator[np.ndarray],
    form: tuple[int, str],
    wanted: Sequence[Wanted],
    plan: Plan,
    advance: Callable[[int], None],
    exclusive: bool = False,
    normalisation: Normalisation | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Separate sound that comes in blocks.

    Args:
        networks: the model.
        blocks: of the mixture, `(channels, samples)`.
        form: its sample rate, and the sample format of the stems.
        wanted: the prompts.
        plan: how to go about it.
        advance: called with the number of windows just evaluated.
        exclusive: whether the prompts share the mixture.
        normalisation: of the mixture; None for sound that is still arriving, from which a
            high-pass filter removes the offset.

    Yields:
        As `recording_stems`.
    """
    rate, sample_format = form
    own_rate = networks.codec.sample_rate
    original, raw = shared(blocks, 2)
    heard = map((normalisation or DcBlocker(rate)).apply, raw)
    normalisation = normalisation or Normalisation()
    waves = (
        torch.from_numpy(piece).to(networks.device)[None]
        for piece in resampled(heard, rate, own_rate)
    )
    shape: list[int] = []

    def flat() -> Iterator[np.ndarray]:
        along = stems_in_chunks if plan.apart else stems_along
        for piece in along(networks, waves, wanted, plan, advance):
            shape[:] = piece.shape[:3]
            yield piece.flatten(0, 2).cpu().numpy()

    pieces = (torch.from_numpy(p) for p in resampled(flat(), own_rate, rate))
    stems, start = Track(pieces, dim=-1), 0
    finish = _finish_sharing if exclusive else _finish
    for block in original:
        end = start + block.shape[1]
        part = stems.part(start, end)
        part = part.reshape(*shape, part.shape[-1])
        # The resampler may end a sample early.
        part = functional.pad(part, (0, block.shape[1] - part.shape[-1]))
        own = normalisation.undo(part.numpy(), with_offset=not networks.codec.mixture_consistent)
        yield block, finish(networks.codec, block, own, sample_format)
        stems.forget(end)
        start = end


def _finish(codec: Codec, mixture: np.ndarray, stems: np.ndarray, sample_format: str) -> np.ndarray:
    """Both stems `(prompts, 2, channels, samples)` as a sample format holds them."""
    if not codec.mixture_consistent:
        return quantise(stems, sample_format)
    pairs = [complement(mixture, own[0], sample_format) for own in stems]
    return np.stack([np.stack(pair) for pair in pairs])


def _finish_sharing(
    codec: Codec, mixture: np.ndarray, stems: np.ndarray, sample_format: str
) -> np.ndarray:
    """All stems and the rest of the mixture, each with its residual, in a sample format."""
    assert codec.mixture_consistent
    targets, rest = [], mixture
    for own in stems:
        # What is clipped of the rest stays with the sound: the sum is kept.
        target, rest = complement(rest, own[0], sample_format)
        targets.append(target)
    whole = quantise(mixture, sample_format)
    return np.stack(
        [np.stack((own, quantise(whole - own, sample_format))) for own in (*targets, rest)]
    )
