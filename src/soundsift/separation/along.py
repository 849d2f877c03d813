"""Along a recording: mixture in, stems out, block by block, however long it is.

Mixture -> windows -> context and prompt -> trajectory -> latents -> codec (with the mixture) ->
stems. Every arrow is a generator; what is not needed any more is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from soundsift.flow import as_velocity
from soundsift.models.codec import Codec
from soundsift.models.components import ModelComponents
from soundsift.models.inference import InferenceField, Moment
from soundsift.separation.contexts import Contexts
from soundsift.separation.items import Part, of_one_length, prepare
from soundsift.separation.plan import Plan
from soundsift.separation.sharing import shared
from soundsift.separation.track import Track
from soundsift.separation.trajectory import follow, group_windows
from soundsift.separation.wanted import Wanted
from soundsift.separation.windows import Window

#: Frames that go through the network together, of all windows, prompts and rows.
_FRAMES_AT_A_TIME = 2000
_FEW_EVALUATIONS = 4

#: Frames that are decoded together, and that noise is drawn in.
_BLOCK = 250


def stems_along(
    networks: ModelComponents,
    waves: Iterator[Tensor],
    prompts: Sequence[Wanted],
    plan: Plan,
    advance: Callable[[int], None],
) -> Iterator[Tensor]:
    """Separate a mixture as it arrives.

    Args:
        networks: the model.
        waves: the mixture at the codec's rate, in pieces `(1, channels, samples)`.
        prompts: what is wanted; each gets its own stems.
        plan: how to go about it.
        advance: called with the number of windows just evaluated.

    Yields:
        Stems in order, in pieces `(prompts, stems, channels, samples)`: the target, and the
        residual if the codec's stems don't add up.
    """
    codec = networks.codec
    ahead, behind = shared(waves, 2)
    heard = Track(ahead, dim=-1)
    rows = codec.rows(heard.part(0, 1).shape[1])
    contexts = Contexts(networks.codec, heard)
    times = [evaluation.time for evaluation in plan.evaluations]

    moments: dict[tuple[InferenceField, tuple[str | None, ...]], Mapping[float, Moment]] = {}

    def prepared(windows: tuple[Window, ...]) -> list[Part]:
        context = contexts.of(windows)
        context = context.reshape(len(windows), rows, *context.shape[1:])
        return [
            prepare(networks, context, windows, prompts, items, times, moments)
            for items in of_one_length(networks, windows, prompts)
        ]

    at_a_time = plan.at_a_time or _windows_at_a_time(plan, prompts, rows)

    def field(noisy: Tensor, time: Tensor, parts: list[Part]) -> Tensor:
        velocity = torch.zeros_like(noisy)
        for part in parts:
            # A reference starts from nothing: the models that read one predict the mean of data.
            own = functional.pad(noisy[part.rows], (0, 0, part.ahead, 0))
            output = as_velocity(
                part.field(own, time, part.known).float(), networks.prediction, own, time
            )
            velocity.index_add_(0, part.rows, output[:, part.ahead :] * part.shares)
        advance(noisy.shape[0] // (len(prompts) * rows))
        return velocity

    size = codec.samples_per_frame
    windows = plan.layout.windows(lambda frames: codec.frames(heard.extend(frames * size)))
    latents = follow(
        plan.evaluations,
        group_windows(windows, prepared, at_a_time),
        _noise(networks.field.config.latent_channels, len(prompts) * rows, plan, networks.device),
        field,
    )
    yield from _decode(codec, Track(latents, dim=1), Track(behind, dim=-1))


def _windows_at_a_time(plan: Plan, prompts: Sequence[Wanted], rows: int) -> int:
    if len(plan.evaluations) > _FEW_EVALUATIONS:
        # Each follows the one before a group behind: with many, groups must be small for the first
        # sound to come soon and little to be in memory.
        return 1
    frames = 0
    for reference in (wanted.reference for wanted in prompts):
        if reference is None:
            frames += plan.layout.length
            continue
        for way in reference.ways:
            frames += plan.layout.length + way.example * reference.length
    return max(1, _FRAMES_AT_A_TIME // (frames * rows))


def _decode(codec: Codec, latents: Track, mixture: Track) -> Iterator[Tensor]:
    """Stems from latents and mixture, in blocks, the same as if decoded at once."""
    size, margin = codec.samples_per_frame, codec.stems_margin
    done = 0
    while True:
        known = latents.extend(done + margin + 1)
        stop = min(done + _BLOCK, known if latents.complete else known - margin)
        if stop <= done:
            return
        left, right = max(0, done - margin), min(known, stop + margin)
        stems = codec.stems(latents.part(left, right), mixture.part(left * size, right * size))
        yield stems[..., (done - left) * size : (stop - left) * size]
        done = stop
        for track, scale in ((latents, 1), (mixture, size)):
            track.forget(max(0, done - margin) * scale)


def _noise(channels: int, items: int, plan: Plan, device: torch.device) -> Iterator[Tensor]:
    """Starting noise in pieces `(items, frames, 2 * channels)`, without end; items share it.

    Drawn on the CPU and in blocks of one length, so that a seed means the same on every device and
    whatever the windows.
    """
    generator = torch.Generator().manual_seed(plan.seed)
    while True:
        block = torch.randn(1, _BLOCK, 2 * channels, generator=generator) * plan.temperature
        yield block.expand(items, -1, -1).to(device)
