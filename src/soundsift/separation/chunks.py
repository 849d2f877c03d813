"""Windows separated each on its own and crossfaded as waves: what others do, for comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from soundsift.models.codec import frame_rate
from soundsift.models.components import ModelComponents
from soundsift.prompts import Span
from soundsift.separation.along import stems_along
from soundsift.separation.plan import Plan
from soundsift.separation.track import Track
from soundsift.separation.wanted import Wanted
from soundsift.separation.windows import Layout, Window


def stems_in_chunks(
    networks: ModelComponents,
    waves: Iterator[Tensor],
    prompts: Sequence[Wanted],
    plan: Plan,
    advance: Callable[[int], None],
) -> Iterator[Tensor]:
    """Separate a mixture as it arrives, each window as if it were a recording.

    Args and yields are those of `soundsift.separation.along.stems_along`; of the plan's layout,
    `ramp` is the crossfade. Every window draws its own noise.
    """
    codec = networks.codec
    size = codec.samples_per_frame
    heard = Track(waves, dim=-1)
    layout = plan.layout
    sums, weights, done = None, None, 0
    windows = layout.windows(lambda frames: codec.frames(heard.extend(frames * size)))
    for number, window in enumerate(windows):
        mixture = heard.part(window.start * size, window.end * size)
        alone = replace(plan, layout=Layout.one_shot(), seed=plan.seed + number)
        own = [_within(wanted, window, frame_rate(codec)) for wanted in prompts]
        stems = torch.cat(list(stems_along(networks, iter([mixture]), own, alone, advance)), dim=-1)
        end = window.start * size + stems.shape[-1]
        weight = _weights(window, size, stems)
        if sums is None or weights is None:
            sums, weights = stems * weight, weight
        else:
            more = end - done - sums.shape[-1]
            sums, weights = functional.pad(sums, (0, more)), functional.pad(weights, (0, more))
            sums[..., window.start * size - done :] += stems * weight
            weights[window.start * size - done :] += weight
        # Where the next one begins: the last of all may reach further back than a hop tells.
        following = window.end + layout.hop
        following = min(following, codec.frames(heard.extend(following * size)))
        settled = end - done
        if following > window.end:
            settled = max(0, (following - layout.length) * size - done)
        yield sums[..., :settled] / weights[:settled]
        sums, weights = sums[..., settled:].clone(), weights[settled:].clone()
        done += settled
        heard.forget(done)


def _weights(window: Window, size: int, like: Tensor) -> Tensor:
    """How much each of its samples counts, `(samples,)`, above 0."""
    position = torch.arange(like.shape[-1], device=like.device, dtype=torch.float32) + 0.5
    ramp = window.ramp * size
    rising = position - (window.first - window.start) * size
    falling = (window.stop - window.start) * size - position
    return (torch.minimum(rising, falling) / ramp).clamp(1e-6, 1)


def _within(wanted: Wanted, window: Window, frame_rate: int) -> Wanted:
    """A prompt as the window knows it, whose first frame is frame 0."""
    begin, end = window.start / frame_rate, window.end / frame_rate
    spans = tuple(
        Span(max(span.start, begin) - begin, min(span.end, end) - begin, span.positive)
        for span in wanted.prompt.spans
        if min(span.end, end) - max(span.start, begin) > 1e-6
    )
    video = None if wanted.video is None else wanted.video[window.start : window.end]
    return replace(wanted, prompt=replace(wanted.prompt, spans=spans), video=video)
