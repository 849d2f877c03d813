"""Along a recording: mixture in, stems out, block by block, however long it is.

Mixture -> windows -> context and prompt -> trajectory -> latents -> codec (with the mixture) ->
stems. Every arrow is a generator; what is not needed any more is forgotten.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from soundsift.flow import Prediction, as_velocity
from soundsift.models.codec import Codec
from soundsift.models.inference import InferenceConditioning, InferenceField, Moment
from soundsift.models.mel_codec import MelCodec
from soundsift.models.pe_vision import PeVision
from soundsift.models.velocity_field import Conditioning
from soundsift.models.waveform_codec import ConsistentCodec
from soundsift.prompts import NULL, OPEN, Prompt, frame_anchors
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


class SpanPredictor(Protocol):
    """Latents and phrases to how likely each frame holds the sound."""

    def probabilities(self, latents: Tensor, phrases: list[str]) -> Tensor:
        """`(batch, frames)`, 0 to 1, of latents `(batch, frames, channels)` and their phrases."""
        ...


@dataclass(frozen=True)
class Networks:
    """The parts of a loaded model.

    Attributes:
        field: the velocity field.
        prediction: what its output means.
        codec: waves to latents and back.
        text: phrases to token states.
        device: where all of them are.
        tower: builds the image tower, which few prompts need; None for models without one.
        span_predictor: loads the span predictor, which works only when asked; None for models that
            have none.
    """

    field: InferenceField
    prediction: Prediction
    codec: Codec
    text: TextEncoder
    device: torch.device
    tower: Callable[[], PeVision] | None = None
    span_predictor: Callable[[], SpanPredictor] | None = None

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
class Reference:
    """A marked moment that tells windows without a mark what is wanted of them.

    Attributes:
        start: its first frame in the recording.
        context: `(rows, frames, context_channels)`, of the moment and a little around it.
        anchors: `(frames,)`, int64: what is marked of it.
    """

    start: int
    context: Tensor
    anchors: Tensor

    @property
    def length(self) -> int:
        """Its frames."""
        return len(self.anchors)


@dataclass(frozen=True)
class Wanted:
    """A prompt as the network gets to know it.

    Attributes:
        prompt: text and spans.
        video: `(latent frames, video_dim)`, what is seen of the object; None: nothing.
        reference: goes in front of the windows that no positive span touches
            (`soundsift.separation.references`).
    """

    prompt: Prompt
    video: Tensor | None = None
    reference: Reference | None = None


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
    contexts = Contexts(networks.codec, heard)
    times = [evaluation.time for evaluation in plan.evaluations]

    moments: dict[frozenset[str | None], Mapping[float, Moment]] = {}

    def prepare(windows: tuple[Window, ...]) -> list[_Part]:
        context = contexts.of(windows)
        context = context.reshape(len(windows), rows, *context.shape[1:])
        return [
            _prepare(networks, context, windows, prompts, items, times, moments)
            for items in _of_one_length(windows, prompts, codec)
        ]

    at_a_time = plan.at_a_time or _windows_at_a_time(plan, prompts, rows)

    def field(noisy: Tensor, time: Tensor, parts: list[_Part]) -> Tensor:
        velocity = torch.empty_like(noisy)
        for part in parts:
            # A reference starts from nothing: the models that read one predict the mean of data.
            own = functional.pad(noisy[part.rows], (0, 0, part.ahead, 0))
            output = as_velocity(
                networks.field(own, time, part.known).float(), networks.prediction, own, time
            )
            velocity[part.rows] = output[:, part.ahead :]
        advance(noisy.shape[0] // (len(prompts) * rows))
        return velocity

    size = codec.samples_per_frame
    windows = plan.layout.windows(lambda frames: codec.frames(heard.extend(frames * size)))
    latents = follow(
        plan.evaluations,
        group_windows(windows, prepare, at_a_time),
        _noise(networks.field.config.latent_channels, len(prompts) * rows, plan, networks.device),
        field,
    )
    yield from _decode(codec, Track(latents, dim=1), Track(behind, dim=-1))


def _windows_at_a_time(plan: Plan, prompts: Sequence[Wanted], rows: int) -> int:
    if len(plan.evaluations) > _FEW_EVALUATIONS:
        # Each follows the one before a group behind: with many, groups must be small for the first
        # sound to come soon and little to be in memory.
        return 1
    ahead = sum(wanted.reference.length for wanted in prompts if wanted.reference is not None)
    return max(1, _FRAMES_AT_A_TIME // ((plan.layout.length * len(prompts) + ahead) * rows))


class Contexts:
    """What the field sees of the mixture, window by window.

    Args:
        codec: whose context it is.
        heard: the mixture at the codec's rate, `(1, channels, samples)`.
    """

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


@dataclass(frozen=True)
class _Part:
    """Those of a group's items that are of one length.

    Attributes:
        rows: `(n,)`, int64: which rows of the batch they are. It holds, for each window, for each
            prompt, its rows.
        ahead: frames of a reference in front of the window's own.
        known: what is known of them and does not change from one evaluation to the next.
    """

    rows: Tensor
    ahead: int
    known: InferenceConditioning


#: A window of a group and a prompt, by their numbers.
_Item = tuple[int, int]


def _of_one_length(
    windows: tuple[Window, ...], prompts: Sequence[Wanted], codec: Codec
) -> list[list[_Item]]:
    """The items of a group, put together by the length of the reference that goes in front."""
    groups: dict[int, list[_Item]] = defaultdict(list)
    for i, window in enumerate(windows):
        for j, wanted in enumerate(prompts):
            reference = _reference(wanted, window, codec)
            groups[0 if reference is None else reference.length].append((i, j))
    return list(groups.values())


def _prepare(
    networks: Networks,
    context: Tensor,
    windows: tuple[Window, ...],
    prompts: Sequence[Wanted],
    items: list[_Item],
    times: Sequence[float],
    moments: dict[frozenset[str | None], Mapping[float, Moment]],
) -> _Part:
    """Prepare items of one length.

    Args:
        networks: the model.
        context: of the windows, `(windows, rows, frames, context_channels)`.
        windows: all of the group.
        prompts: all of them.
        items: those to be prepared.
        times: of the solver's evaluations.
        moments: what depends on times and phrases alone, and is the same for all items that have
            these; what is missing is added.
    """
    codec, rows = networks.codec, context.shape[1]
    contexts, anchors, videos = [], [], []
    for i, j in items:
        reference = _reference(prompts[j], windows[i], codec)
        own = _anchors(prompts[j].prompt, windows[i], codec, NULL if reference is None else OPEN)
        if reference is None:
            contexts.append(context[i])
            anchors.append(own)
        else:
            contexts.append(torch.cat((reference.context, context[i]), dim=1))
            anchors.append(torch.cat((reference.anchors, own)))
        videos.append(_video(networks, windows[i], prompts[j]))
    ahead = contexts[0].shape[1] - windows[0].length
    phrases = [prompts[j].prompt.text for _, j in items for _ in range(rows)]
    states, mask = networks.text.encode_batch(phrases)
    conditioning = Conditioning(
        context=torch.cat(contexts),
        text=states,
        text_mask=mask,
        anchors=torch.stack(anchors).repeat_interleave(rows, dim=0).to(networks.device),
        video=_joined(videos, rows, ahead),
    )
    same = moments.get(frozenset(phrases))
    known = networks.field.prepare(conditioning, () if same else times)
    moments[frozenset(phrases)] = same or known.moments
    known = replace(known, moments=moments[frozenset(phrases)])
    places = [(i * len(prompts) + j) * rows + row for i, j in items for row in range(rows)]
    return _Part(torch.tensor(places, device=networks.device), ahead, known)


def _reference(wanted: Wanted, window: Window, codec: Codec) -> Reference | None:
    """What goes in front of a window: nothing where the sound is marked in it."""
    frames = (span.frames(_frame_rate(codec)) for span in wanted.prompt.spans if span.positive)
    marked = any(first < window.end and stop > window.start for first, stop in frames)
    return None if marked else wanted.reference


def _anchors(prompt: Prompt, window: Window, codec: Codec, unmarked: int) -> Tensor:
    ids = frame_anchors(prompt.spans, window.end, _frame_rate(codec), unmarked)
    return torch.from_numpy(ids[window.start :])


def _frame_rate(codec: Codec) -> int:
    return codec.sample_rate // codec.samples_per_frame


def _video(networks: Networks, window: Window, wanted: Wanted) -> Tensor | None:
    """What a window sees, `(frames, video_dim)`; None: nothing."""
    width = networks.field.config.video_dim
    if width is None or wanted.video is None:
        return None
    seen = wanted.video.new_zeros(window.length, width)
    part = wanted.video[window.start : window.end]
    seen[: len(part)] = part
    return seen


def _joined(videos: list[Tensor | None], rows: int, ahead: int) -> Tensor | None:
    """What all items see, `(items * rows, ahead + frames, video_dim)`; None: nothing."""
    seen = next((video for video in videos if video is not None), None)
    if seen is None:
        return None
    stacked = torch.stack([torch.zeros_like(seen) if v is None else v for v in videos])
    return functional.pad(stacked, (0, 0, ahead, 0)).repeat_interleave(rows, dim=0)


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
