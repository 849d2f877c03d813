"""Windows and prompts as batches for the velocity field.

Every window of a group is evaluated for every prompt. Items that get an example prompt in front are
longer than those without one, so a group becomes one batch per length.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from soundsift.models.codec import frame_rate
from soundsift.models.components import ModelComponents
from soundsift.models.inference import InferenceConditioning, Moment
from soundsift.models.velocity_field import Conditioning
from soundsift.prompts import Prompt
from soundsift.sampling.buffers import SlidingBuffer
from soundsift.sampling.flow import as_velocity
from soundsift.sampling.windows import Window
from soundsift.separation.codec_input import MixtureContext
from soundsift.separation.example_prompt import ExamplePrompt
from soundsift.spans import NULL, OPEN, frame_anchors


@dataclass(frozen=True)
class PromptInputs:
    """Model inputs of one prompt.

    Attributes:
        prompt: text and spans.
        video: `(latent frames, video_dim)`, features of the object in the video; None: none.
        example: put in front of the windows that no positive span touches.
        candidate: number of the candidate, which is added to the plan's seed.
    """

    prompt: Prompt
    video: Tensor | None = None
    example: ExamplePrompt | None = None
    candidate: int = 0


#: Numbers of a window and of a prompt, and the example prompt in front.
Item = tuple[int, int, ExamplePrompt | None]


@dataclass(frozen=True)
class WindowBatch:
    """Items of a group that have one length.

    Attributes:
        rows: `(n,)`, int64: their rows in the noisy batch, which holds, for each window, for each
            prompt, the codec's rows.
        example_frames: frames of an example prompt in front of each item.
        inputs: their conditioning, prepared for all evaluations.
    """

    rows: Tensor
    example_frames: int
    inputs: InferenceConditioning


class WindowConditioner:
    """Prepares the conditioning of windows, and evaluates the velocity field in them.

    Args:
        model: the model.
        mixture: `(1, channels, samples)` at the codec's rate.
        prompts: the prompts' inputs.
        times: of the solver's evaluations.
    """

    def __init__(
        self,
        model: ModelComponents,
        mixture: SlidingBuffer,
        prompts: Sequence[PromptInputs],
        times: Sequence[float],
    ) -> None:
        self._model, self._prompts, self._times = model, prompts, times
        self._context = MixtureContext(model.codec, mixture)
        self._rows = model.codec.rows(mixture.read(0, 1).shape[1])
        # Keys and values of the text at every time, by the batch's distinct phrases.
        self._moments: dict[tuple[str | None, ...], Mapping[float, Moment]] = {}

    @property
    def items(self) -> int:
        """Rows of the noisy batch per window."""
        return len(self._prompts) * self._rows

    def prepare(self, windows: tuple[Window, ...]) -> list[WindowBatch]:
        """The conditioning of consecutive windows of one length."""
        context = self._context.of(windows)
        context = context.reshape(len(windows), self._rows, *context.shape[1:])
        by_length: dict[int, list[Item]] = defaultdict(list)
        for i, window in enumerate(windows):
            for j, inputs in enumerate(self._prompts):
                example = self._example(inputs, window)
                by_length[0 if example is None else example.length].append((i, j, example))
        return [self._batch(windows, context, items) for items in by_length.values()]

    def velocity(self, noisy: Tensor, time: Tensor, batches: list[WindowBatch]) -> Tensor:
        """The velocity in a group of windows, of the shape of `noisy`."""
        velocity = torch.empty_like(noisy)
        for batch in batches:
            # Example prompts start from zero: models that support them predict the mean of data.
            own = functional.pad(noisy[batch.rows], (0, 0, batch.example_frames, 0))
            output = self._model.field(own, time, batch.inputs).float()
            output = as_velocity(output, self._model.prediction, own, time)
            velocity[batch.rows] = output[:, batch.example_frames :]
        return velocity

    def _batch(
        self, windows: tuple[Window, ...], context: Tensor, items: list[Item]
    ) -> WindowBatch:
        """The batch of some items, which all have examples of one length."""
        model, rows = self._model, self._rows
        contexts, anchors, videos = [], [], []
        for i, j, example in items:
            window, inputs = windows[i], self._prompts[j]
            unmarked = NULL if example is None else OPEN
            ids = frame_anchors(inputs.prompt.spans, window.end, frame_rate(model.codec), unmarked)
            own = torch.from_numpy(ids[window.start :])
            if example is None:
                contexts.append(context[i])
                anchors.append(own)
            else:
                contexts.append(torch.cat((example.context, context[i]), dim=1))
                anchors.append(torch.cat((example.anchors, own)))
            videos.append(self._video(inputs, window))
        example_frames = contexts[0].shape[1] - windows[0].length
        # Grouped by the words: computed states of equal phrases may differ in their last bits.
        texts = [self._prompts[j].prompt.text for _, j, _ in items]
        phrases = tuple(dict.fromkeys(texts))
        numbers = torch.tensor([phrases.index(text) for text in texts], device=model.device)
        states, mask = model.text.encode_batch(list(phrases))
        conditioning = Conditioning(
            context=torch.cat(contexts),
            text=states,
            text_mask=mask,
            anchors=torch.stack(anchors).repeat_interleave(rows, dim=0).to(model.device),
            video=_stacked(videos, rows, example_frames),
        )
        known = self._moments.get(phrases)
        prepared = model.field.prepare(
            conditioning, () if known else self._times, numbers.repeat_interleave(rows)
        )
        known = self._moments[phrases] = known or prepared.moments
        places = [
            (i * len(self._prompts) + j) * rows + row for i, j, _ in items for row in range(rows)
        ]
        return WindowBatch(
            torch.tensor(places, device=model.device),
            example_frames,
            replace(prepared, moments=known),
        )

    def _example(self, inputs: PromptInputs, window: Window) -> ExamplePrompt | None:
        """What goes in front of a window: nothing where the target is marked in it."""
        rate = frame_rate(self._model.codec)
        frames = (span.frames(rate) for span in inputs.prompt.spans if span.positive)
        marked = any(first < window.end and stop > window.start for first, stop in frames)
        return None if marked else inputs.example

    def _video(self, inputs: PromptInputs, window: Window) -> Tensor | None:
        """The video features of a window, `(frames, video_dim)`; None: none."""
        width = self._model.field.config.video_dim
        if width is None or inputs.video is None:
            return None
        features = inputs.video.new_zeros(window.length, width)
        part = inputs.video[window.start : window.end]
        features[: len(part)] = part
        return features


def _stacked(videos: list[Tensor | None], rows: int, example_frames: int) -> Tensor | None:
    """Video features of all items, `(items * rows, frames, video_dim)`; None: none."""
    some = next((video for video in videos if video is not None), None)
    if some is None:
        return None
    stacked = torch.stack([torch.zeros_like(some) if v is None else v for v in videos])
    padded = functional.pad(stacked, (0, 0, example_frames, 0))
    return padded.repeat_interleave(rows, dim=0)
