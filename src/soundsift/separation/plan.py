"""The sampling plan of a separation: solver evaluations, windows and initial noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from soundsift.config import SeparatorConfig
from soundsift.errors import SoundsiftError
from soundsift.presets import Preset
from soundsift.sampling.solvers import Evaluation, schedule
from soundsift.sampling.windows import WindowLayout
from soundsift.separation.options import Windowing

#: Crossfade of chunks in seconds: two frames.
_CROSSFADE = 0.08


@dataclass(frozen=True)
class SamplingPlan:
    """How the latents of a recording are sampled.

    Attributes:
        evaluations: the solver's.
        layout: how the recording is cut into windows.
        temperature: scale of the initial noise.
        seed: of the initial noise.
        crossfade: whether windows are separated one by one and crossfaded as waves
            (`soundsift.sampling.overlap_add`), instead of fused at every evaluation.
    """

    evaluations: Sequence[Evaluation]
    layout: WindowLayout
    temperature: float
    seed: int
    crossfade: bool = False


def make_plan(
    preset: Preset, seed: int, layout: WindowLayout, crossfade: bool = False
) -> SamplingPlan:
    """The sampling plan of a preset."""
    evaluations = schedule(preset.steps, preset.solver)
    return SamplingPlan(evaluations, layout, preset.temperature, seed, crossfade)


def window_layout(
    windowing: Windowing,
    window: float | None,
    overlap: float | None,
    config: SeparatorConfig,
    frame_rate: float,
) -> WindowLayout:
    """How a recording is cut into windows.

    Args:
        windowing: how windows are combined.
        window: length in seconds; None for the model's own.
        overlap: of consecutive windows in seconds; None for the default (see `Options`).
        config: the model's.
        frame_rate: latent frames per second.

    Raises:
        SoundsiftError: an unknown windowing, an impossible window or overlap, or either of them
            with "one-shot".
    """
    if windowing not in get_args(Windowing):
        raise SoundsiftError(
            f"Unknown windowing {windowing!r}. Use one of {', '.join(get_args(Windowing))}."
        )
    if windowing == "one-shot":
        if window is not None or overlap is not None:
            name, given = ("window", window) if window is not None else ("overlap", overlap)
            raise SoundsiftError(
                f"{name} {given:g} does not apply to one-shot, which has a single window. Leave it "
                "out, or use multi-diffusion or chunks."
            )
        return WindowLayout.one_shot()
    length = config.window_seconds if window is None else window
    if not math.isfinite(length) or round(length * frame_rate) < 1:
        raise SoundsiftError(
            f"Invalid window {length:g}: use a length of {1 / frame_rate:g} s or more."
        )
    shared = overlap
    if shared is None:
        shared = _CROSSFADE if windowing == "chunks" else config.overlap_seconds
        if shared >= length:
            shared = length / 4
    frames = round(length * frame_rate)
    if not math.isfinite(shared) or shared < 0 or round(shared * frame_rate) >= frames:
        raise SoundsiftError(
            f"Invalid overlap {shared:g}: windows of {length:g} s can overlap by 0 s up to less "
            "than their length."
        )
    if windowing == "chunks":
        return WindowLayout.chunks(frames, round(shared * frame_rate))
    return WindowLayout.overlapping(frames, round(shared * frame_rate))
