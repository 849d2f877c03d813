"""A mark in one place that steers all windows: the marked moment goes along with them.

A span is cut to the windows that it touches; a mark in the first minute tells a window in the
fourth nothing. So the marked moment is put in front of every window without a mark, and what the
network answers there is thrown away. The window's own frames are OPEN: the network was trained to
look for the sound of the example in them.

Where the user has given no name, phrases that lift the same out of the moment go along, each in its
turn, and the answers are averaged with that of the example alone: the phrases are sometimes wrong,
and so is the example, but seldom in the same way.

Only for models that know this kind of frame, and whose one evaluation is their mean answer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from soundsift.models.codec import frame_rate
from soundsift.prompts import OPEN, POSITIVE, Prompt, frame_anchors
from soundsift.separation.codec_rate import AnyRecording, latent_frames, part_of
from soundsift.separation.naming import likely_phrases
from soundsift.separation.networks import Networks
from soundsift.separation.plan import Plan
from soundsift.separation.wanted import Reference

#: Marked frames of a reference, and frames shown on either side of them, at most.
LONGEST_MARK, AROUND = 51, 37


def can_refer(networks: Networks) -> bool:
    """Whether a model's marks can steer windows that they don't touch."""
    return networks.prediction == "data" and networks.field.config.anchor_count > OPEN


def find_reference(
    networks: Networks, recording: AnyRecording, prompt: Prompt, plan: Plan
) -> Reference | None:
    """A marked moment for the windows that no mark touches; None if there are no such windows.

    Args:
        networks: the model.
        recording: what is to be separated.
        prompt: what is marked of it, and its name if that is known.
        plan: how it is cut into windows.
    """
    if not can_refer(networks):
        return None
    frames = latent_frames(networks.codec, recording)
    if plan.layout.count(frames) == 1:
        return None
    part = partial(part_of, networks, recording)
    return make_reference(networks, part, prompt, frames)


@torch.inference_mode()
def make_reference(
    networks: Networks,
    part: Callable[[int, int], Tensor],
    prompt: Prompt,
    frames: int,
) -> Reference | None:
    """Find the marked moment that is to stand for all of them, and analyse it.

    Args:
        networks: the model, for which `can_refer` holds.
        part: the mixture from one sample to another at the codec's rate, `(1, channels, samples)`;
            asked for one stretch of 5 s at most.
        prompt: what is marked, and its name if that is known.
        frames: latent frames of the recording.

    Returns:
        None if there is no positive span.
    """
    size = networks.codec.samples_per_frame
    # Around the mark frames stay unmarked, not OPEN: that shows what is not wanted.
    anchors = torch.from_numpy(frame_anchors(prompt.spans, frames, frame_rate(networks.codec)))
    stretch = marked_stretch(anchors)
    if stretch is None:
        return None
    start, end = stretch
    wave, marked = part(start * size, end * size), anchors[start:end]
    phrases: tuple[str | None, ...] = (prompt.text,)
    if prompt.text is None:
        phrases += likely_phrases(networks, wave, marked)
    return Reference(start, networks.codec.context(wave), marked, phrases)


def marked_stretch(anchors: Tensor, around: int = AROUND) -> tuple[int, int] | None:
    """The longest marked moment, or its beginning, with a little around it.

    Args:
        anchors: `(frames,)`, of the whole recording.
        around: frames on either side, at most.

    Returns:
        (start, end) in frames; None if nothing is positive.
    """
    edges = torch.nn.functional.pad((anchors == POSITIVE).to(torch.int8), (1, 1)).diff()
    places = edges.nonzero().flatten().tolist()
    if not places:
        return None
    start, end = max(zip(places[::2], places[1::2], strict=True), key=lambda run: run[1] - run[0])
    end = min(end, start + LONGEST_MARK)
    return max(0, start - around), min(len(anchors), end + around)
