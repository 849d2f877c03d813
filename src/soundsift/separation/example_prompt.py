"""A mark as an example prompt: one marked moment steers all windows of a recording.

A span is cut to the windows that it touches, so a mark in the first minute says nothing to a window
in the fourth. The marked moment is therefore put in front of every window without a mark, and the
network's answer there is discarded. The window's own frames are OPEN: the network was trained to
look for the sound of the example in them.

Only for models that know OPEN frames and whose single evaluation is their mean answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from soundsift.models.codec import frame_rate
from soundsift.models.components import ModelComponents
from soundsift.prompts import Prompt
from soundsift.sampling.windows import WindowLayout
from soundsift.separation.codec_input import AnyRecording, latent_frames, read_stretch
from soundsift.spans import OPEN, frame_anchors, marked_stretch


@dataclass(frozen=True)
class ExamplePrompt:
    """A marked moment of the recording, put in front of windows without a mark.

    Attributes:
        start: its first latent frame in the recording.
        context: `(rows, frames, context_channels)`, of the moment and a little around it.
        anchors: `(frames,)`, int64, its anchor ids.
    """

    start: int
    context: Tensor
    anchors: Tensor

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self.anchors)


def supports_examples(model: ModelComponents) -> bool:
    """Whether a model was trained with example prompts."""
    return model.prediction == "data" and model.field.config.anchor_count > OPEN


@torch.inference_mode()
def find_example(
    model: ModelComponents, recording: AnyRecording, prompt: Prompt, layout: WindowLayout
) -> ExamplePrompt | None:
    """The marked moment that stands for all marks of a prompt.

    Args:
        model: the model.
        recording: the recording.
        prompt: its spans are the marks.
        layout: how the recording is cut into windows.

    Returns:
        None if nothing is marked, the recording is a single window, or the model does not support
        example prompts.
    """
    marked = any(span.positive for span in prompt.spans)
    frames = latent_frames(model.codec, recording)
    if not (marked and supports_examples(model) and layout.count(frames) > 1):
        return None
    # Frames around the mark stay unmarked instead of OPEN: they show what is not the target.
    anchors = frame_anchors(prompt.spans, frames, frame_rate(model.codec))
    stretch = marked_stretch(anchors)
    if stretch is None:
        return None
    context = model.codec.context(read_stretch(model, recording, *stretch))
    return ExamplePrompt(stretch[0], context, torch.from_numpy(anchors[slice(*stretch)]))
