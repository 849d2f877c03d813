"""SAM Audio on one screen: one window from samples and prompt to stems, for every codec.

The pipeline is tested against this. `soundsift.separation.pipeline` does the same for any length
and number of prompts, with weights rearranged for speed (`soundsift.models.inference`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from soundsift.models.codec import frame_rate
from soundsift.models.components import ModelComponents
from soundsift.models.velocity_field import Conditioning, VelocityField
from soundsift.presets import Preset
from soundsift.sampling.flow import as_velocity
from soundsift.sampling.solvers import solve
from soundsift.spans import Span, frame_anchors


@torch.inference_mode()
def separate_window(
    field: VelocityField,
    model: ModelComponents,
    mixture: Tensor,
    preset: Preset,
    text: str | None = None,
    spans: Sequence[Span] = (),
    video: Tensor | None = None,
    seed: int = 0,
) -> Tensor:
    """Separate one window (arXiv 2512.18099, section 3).

    Takes a mixture `(1, channels, samples)` at the codec's rate and video features `(frames,
    video_dim)`. `Separator` first removes constant offset and reduces floats beyond full scale
    (`soundsift.audio.normalisation`); do so too to get its numbers. Returns `(stems, channels,
    samples)`: the target, and the residual unless that is the rest of the mixture by construction.
    """
    context = model.codec.context(mixture)  # (rows, frames, context_channels)
    rows, frames = context.shape[:2]
    states, text_mask = model.text.encode_batch([text] * rows)
    anchors = torch.from_numpy(frame_anchors(spans, frames, frame_rate(model.codec)))
    anchors = anchors.expand(rows, -1)
    video = None if video is None else video.expand(rows, -1, -1)
    prompt = field.prepare(Conditioning(context, states, text_mask, anchors, video))

    def velocity(x: Tensor, time: Tensor) -> Tensor:
        return as_velocity(field(x, time, prompt), model.prediction, x, time)

    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(1, frames, 2 * field.config.latent_channels, generator=generator)
    noise = (preset.temperature * noise).expand(rows, -1, -1)
    latents = solve(velocity, noise, preset.steps, preset.solver)  # target and residual
    return model.codec.stems(latents, mixture)[0]
