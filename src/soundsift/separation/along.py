"""Along a recording: mixture in, stems out, block by block, however long it is.

Mixture -> windows -> context and prompt -> trajectory -> latents -> codec (with the mixture) ->
stems. Every arrow is a generator; what is not needed any more is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from soundsift.flow import Prediction, as_velocity
from soundsift.models.codec import Codec
from soundsift.models.inference import InferenceConditioning, InferenceField, Moment
from soundsift.models.mel_codec import MelCodec
from soundsift.models.pe_vision import PeVision
from soundsift.models.velocity_field import Conditioning
from soundsift.models.waveform_codec import ConsistentCodec
from soundsift.prompts import Prompt, frame_anchors
from soundsift.separation.sharing import shared
from soundsift.separation.track import Track
from soundsift.separation.trajectory import follow, group_windows
from soundsift.separation.windows import Layout, Window
from soundsift.solvers import Evaluation

#: Frames that go through the network together, of all windows, prompts and rows.
_FRAMES_AT_A_TIME = 2000
_FEW_EVALUATIONS = 4

#: Frames that are decoded together, and that noise is drawn in.
_BLOCK = 250


class TextEncoder(Protocol):
    """Phrases to token states."""

    def encode_batch(self, phrases: list[str | None]) -> tuple[Tensor, Tensor] | tuple[None, None]:
        """States `(batch, tokens, width)` and mask `(batch, tokens)` of some prompts."""
        ...


@dataclass(frozen=True)
class Networks:
    """The parts of a loaded model.

    Attributes:
        field: the velocity field.
        prediction: what its output means.
        codec: waves to latents and back.
        text: phrases to token states.
        tower: builds the image tower, which few prompts need; None for models without one.
        device: where all of them are.
    """

    field: InferenceField
    prediction: Prediction
    codec: Codec
    text: TextEncoder
    device: torch.device
    tower: Callable[[], PeVision] | None = None

    def consistent(self) -> Networks:
        """The same with stems that add up to the mixture."""
        if self.codec.adds_up:
            return self
        return replace(self, codec=ConsistentCodec(self.codec.downmixed()))

    def exclusive(self) -> Networks:
        """The same with prompts that share the mixture: no part of it goes to two of them whole."""
        codec = self.consistent().codec
        if not isinstance(codec, MelCodec | ConsistentCodec):
            raise TypeError(f"{type(codec).__name__} has no cells to share")
        return replace(self, codec=codec.sharing())


@dataclass(frozen=True)
class Wanted:
    """A prompt as the network gets to know it.

    Attributes:
        prompt: text and spans.
        video: `(latent frames, video_dim)`, what is seen of the object; None: nothing.
        elsewhere: the phrase for windows without a mark, if the prompt has no text of its own
            (`soundsift.separation.references`).
    """

    prompt: Prompt
    video: Tensor | None = None
    elsewhere: str | None = None


@dataclass(frozen=True)
class Plan:
    """How a recording is worked through.

    Attributes:
        evaluations: the solver's.
        layout: how it is cut into windows.
        temperature: scale of the starting noise.
        seed: of the starting noise.
        at_a_time: windows that go through the network together, at most; None: as many as bounded
            memory allows.
        apart: whether windows are separated each on its own (`soundsift.separation.chunks`).
    """

    evaluations: Sequence[Evaluation]
    layout: Layout
    temperature: float
    seed: int
    at_a_time: int | None = None
    apart: bool = False


def stems_along(
    networks: Networks,
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
    contexts = _Contexts(networks.codec, heard)
    times = [evaluation.time for evaluation in plan.evaluations]

    moments: dict[frozenset[str | None], Mapping[float, Moment]] = {}

    def prepare(windows: tuple[Window, ...]) -> InferenceConditioning:
        phrases = _phrases(windows, prompts, rows, codec)
        # What depends on times and phrases alone is the same for all windows that have these.
        same = moments.get(frozenset(phrases))
        known = _prepare(networks, contexts, windows, prompts, phrases, () if same else times)
        moments[frozenset(phrases)] = same or known.moments
        return replace(known, moments=moments[frozenset(phrases)])

    at_a_time = plan.at_a_time or _windows_at_a_time(plan, rows * len(prompts))

    def field(noisy: Tensor, time: Tensor, known: InferenceConditioning) -> Tensor:
        output = networks.field(noisy, time, known)
        advance(noisy.shape[0] // (len(prompts) * rows))
        return as_velocity(output.float(), networks.prediction, noisy, time)

    size = codec.samples_per_frame
    windows = plan.layout.windows(lambda frames: codec.frames(heard.extend(frames * size)))
    latents = follow(
        plan.evaluations,
        group_windows(windows, prepare, at_a_time),
        _noise(networks.field.config.latent_channels, len(prompts) * rows, plan, networks.device),
        field,
    )
    yield from _decode(codec, Track(latents, dim=1), Track(behind, dim=-1))


def _windows_at_a_time(plan: Plan, items: int) -> int:
    if len(plan.evaluations) > _FEW_EVALUATIONS:
        # Each follows the one before a group behind: with many, groups must be small for the first
        # sound to come soon and little to be in memory.
        return 1
    return max(1, _FRAMES_AT_A_TIME // (plan.layout.length * items))


class _Contexts:
    """What the field sees of the mixture, window by window."""

    def __init__(self, codec: Codec, heard: Track) -> None:
        self._codec, self._heard = codec, heard
        self._frames = Track(self._encoded(), dim=1)

    def of(self, windows: tuple[Window, ...]) -> Tensor:
        """`(windows * rows, frames, context_channels)`."""
        size = self._codec.samples_per_frame
        if self._codec.context_margin is None:
            parts = [
                self._codec.context(self._heard.part(w.start * size, w.end * size)) for w in windows
            ]
            self._heard.forget(windows[-1].start * size)
        else:
            parts = [self._frames.part(w.start, w.end) for w in windows]
            self._frames.forget(windows[-1].start)
        return torch.cat(parts)

    def _encoded(self) -> Iterator[Tensor]:
        """The whole recording's context, frame by frame the same as if encoded at once."""
        margin = self._codec.context_margin
        assert margin is not None
        size, heard = self._codec.samples_per_frame, self._heard
        done = 0
        while True:
            known = heard.extend((done + _BLOCK + margin) * size)
            # Whole frames only, until the recording is over.
            stop = min(done + _BLOCK, self._codec.frames(known))
            if stop <= done:
                return
            left = max(0, done - margin)
            context = self._codec.context(heard.part(left * size, (stop + margin) * size))
            yield context[:, done - left : stop - left]
            done = stop
            heard.forget(max(0, done - margin) * size)


def _prepare(
    networks: Networks,
    contexts: _Contexts,
    windows: tuple[Window, ...],
    prompts: Sequence[Wanted],
    phrases: list[str | None],
    times: Sequence[float],
) -> InferenceConditioning:
    """What is known of some windows and does not change from one evaluation to the next.

    The batch holds, for each window, for each prompt, its rows.
    """
    context = contexts.of(windows)
    rows = context.shape[0] // len(windows)
    context = context.reshape(len(windows), 1, rows, *context.shape[1:])
    context = context.expand(-1, len(prompts), -1, -1, -1).flatten(0, 2)
    anchors = torch.stack(
        [
            _anchors(wanted.prompt, window, networks.codec)
            for window in windows
            for wanted in prompts
            for _ in range(rows)
        ]
    )
    states, mask = networks.text.encode_batch(phrases)
    conditioning = Conditioning(
        context=context,
        text=states,
        text_mask=mask,
        anchors=anchors.to(networks.device),
        video=_video(networks, windows, prompts, rows),
    )
    return networks.field.prepare(conditioning, times)


def _phrases(
    windows: tuple[Window, ...], prompts: Sequence[Wanted], rows: int, codec: Codec
) -> list[str | None]:
    """What each item of the batch is asked by."""
    return [
        wanted.prompt.text or (None if _marked(wanted.prompt, window, codec) else wanted.elsewhere)
        for window in windows
        for wanted in prompts
        for _ in range(rows)
    ]


def _marked(prompt: Prompt, window: Window, codec: Codec) -> bool:
    """Whether a window has a moment in which the sound is said to be heard."""
    frames = (span.frames(_frame_rate(codec)) for span in prompt.spans if span.positive)
    return any(first < window.end and stop > window.start for first, stop in frames)


def _anchors(prompt: Prompt, window: Window, codec: Codec) -> Tensor:
    ids = frame_anchors(prompt.spans, window.end, _frame_rate(codec))
    return torch.from_numpy(ids[window.start :])


def _frame_rate(codec: Codec) -> int:
    return codec.sample_rate // codec.samples_per_frame


def _video(
    networks: Networks, windows: tuple[Window, ...], prompts: Sequence[Wanted], rows: int
) -> Tensor | None:
    """What the windows see, `(windows * prompts * rows, frames, video_dim)`; None: nothing."""
    width = networks.field.config.video_dim
    if width is None or all(wanted.video is None for wanted in prompts):
        return None
    seen = torch.zeros(
        len(windows), len(prompts), rows, windows[0].length, width, device=networks.device
    )
    for i, window in enumerate(windows):
        for j, wanted in enumerate(prompts):
            if wanted.video is not None:
                part = wanted.video[window.start : window.end]
                seen[i, j, :, : len(part)] = part
    return seen.flatten(0, 2)


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
