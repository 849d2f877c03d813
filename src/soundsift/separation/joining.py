"""The ways in which windows can come together, and what users may say about windows."""

from __future__ import annotations

import math
from typing import get_args

from soundsift.config import SeparatorConfig
from soundsift.errors import SoundsiftError
from soundsift.separation.options import Windowing
from soundsift.separation.windows import Layout

#: Of chunks, in seconds: two frames.
_CROSSFADE = 0.08


def find_layout(
    windowing: Windowing,
    window: float | None,
    overlap: float | None,
    config: SeparatorConfig,
    frame_rate: float,
) -> Layout:
    """How a recording is cut into windows.

    Args:
        windowing: how they come together.
        window: their length in seconds; None for the model's own.
        overlap: of two that follow each other; None for the model's own, or a quarter of a shorter
            window.
        config: the model's.
        frame_rate: latent frames per second.

    Raises:
        SoundsiftError: for a way that is unknown, a window or overlap that can't be, or either of
            them with "one-shot".
    """
    if windowing not in get_args(Windowing):
        raise SoundsiftError(
            f"windowing {windowing!r} is unknown; expected one of {', '.join(get_args(Windowing))}."
        )
    if windowing == "one-shot":
        if window is not None or overlap is not None:
            name, given = ("window", window) if window is not None else ("overlap", overlap)
            raise SoundsiftError(
                f"{name} {given:g} was given for one-shot, which has one window only; "
                "multi-diffusion or chunks was expected."
            )
        return Layout.one_shot()
    length = config.window_seconds if window is None else window
    if not math.isfinite(length) or round(length * frame_rate) < 1:
        raise SoundsiftError(
            f"window {length:g} s is no length; {1 / frame_rate:g} s or more was expected."
        )
    shared = overlap
    if shared is None:
        shared = _CROSSFADE if windowing == "chunks" else config.overlap_seconds
        if shared >= length:
            shared = length / 4
    frames = round(length * frame_rate)
    if not math.isfinite(shared) or shared < 0 or round(shared * frame_rate) >= frames:
        raise SoundsiftError(
            f"overlap {shared:g} s does not fit windows of {length:g} s; from 0 up to less than a "
            "window was expected."
        )
    if windowing == "chunks":
        return Layout.chunks(frames, round(shared * frame_rate))
    return Layout.overlapping(frames, round(shared * frame_rate))
