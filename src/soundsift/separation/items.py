"""Windows and prompts as items of a batch: what the network is told of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from soundsift.models.codec import Codec, frame_rate
from soundsift.models.components import ModelComponents
from soundsift.models.inference import InferenceConditioning, InferenceField, Moment
from soundsift.models.velocity_field import Conditioning
from soundsift.prompts import NULL, OPEN, Prompt, frame_anchors
from soundsift.separation.wanted import Reference, Wanted, Way
from soundsift.separation.windows import Window


@dataclass(frozen=True)
class Part:
    """Those of a group's items that are of one length.

    Attributes:
        rows: `(n,)`, int64: which rows of the batch they are. It holds, for each window, for each
            prompt, its rows.
        shares: `(n, 1, 1)`: how much of a row's answer each is; there are several of one row where
            there is a reference and it is asked for in several ways.
        ahead: frames of a reference in front of the window's own.
        field: the network that is asked.
        known: what is known of them and does not change from one evaluation to the next.
    """

    rows: Tensor
    shares: Tensor
    ahead: int
    field: InferenceField
    known: InferenceConditioning


@dataclass(frozen=True)
class Item:
    """A window of a group and a prompt, by their numbers.

    Attributes:
        window, prompt: the numbers.
        phrase: its text.
        reference: what goes in front.
        share: how much of the answer to window and prompt it is.
        field: the network that is asked.
    """

    window: int
    prompt: int
    phrase: str | None
    reference: Reference | None
    share: float
    field: InferenceField


def of_one_length(
    networks: ModelComponents, windows: tuple[Window, ...], prompts: Sequence[Wanted]
) -> list[list[Item]]:
    """The items of a group, put together by their network and the length of what goes in front."""
    groups: dict[tuple[InferenceField, int], list[Item]] = defaultdict(list)
    for i, window in enumerate(windows):
        for j, wanted in enumerate(prompts):
            reference = _reference(wanted, window, networks.codec)
            field = (reference and reference.field) or networks.field
            plainly = Way(wanted.prompt.text, example=False)
            for way in (plainly,) if reference is None else reference.ways:
                shown = reference if way.example else None
                ahead = 0 if shown is None else shown.length
                groups[field, ahead].append(Item(i, j, way.phrase, shown, way.share, field))
    return list(groups.values())


def prepare(
    networks: ModelComponents,
    context: Tensor,
    windows: tuple[Window, ...],
    prompts: Sequence[Wanted],
    items: list[Item],
    times: Sequence[float],
    moments: dict[tuple[InferenceField, tuple[str | None, ...]], Mapping[float, Moment]],
) -> Part:
    """Prepare items of one length.

    Args:
        networks: the model.
        context: of the windows, `(windows, rows, frames, context_channels)`.
        windows: all of the group.
        prompts: all of them.
        items: those to be prepared, all for one network.
        times: of the solver's evaluations.
        moments: what depends on network, times and phrases alone, and is the same for all items
            that have these; what is missing is added.
    """
    codec, rows = networks.codec, context.shape[1]
    contexts, anchors, videos = [], [], []
    for item in items:
        window, wanted, reference = windows[item.window], prompts[item.prompt], item.reference
        own = _anchors(wanted.prompt, window, codec, NULL if reference is None else OPEN)
        if reference is None:
            contexts.append(context[item.window])
            anchors.append(own)
        else:
            contexts.append(torch.cat((reference.context, context[item.window]), dim=1))
            anchors.append(torch.cat((reference.anchors, own)))
        videos.append(_video(networks, window, wanted))
    ahead = contexts[0].shape[1] - windows[0].length
    # Grouped by what was asked: computed states of equal phrases may differ in their last bits.
    phrases = tuple(dict.fromkeys(item.phrase for item in items))
    numbers = [phrases.index(item.phrase) for item in items]
    text_of = torch.tensor(numbers, device=networks.device).repeat_interleave(rows)
    states, mask = networks.text.encode_batch(list(phrases))
    conditioning = Conditioning(
        context=torch.cat(contexts),
        text=states,
        text_mask=mask,
        anchors=torch.stack(anchors).repeat_interleave(rows, dim=0).to(networks.device),
        video=_joined(videos, rows, ahead),
    )
    field = items[0].field
    same = moments.get((field, phrases))
    known = field.prepare(conditioning, () if same else times, text_of)
    same = moments[field, phrases] = same or known.moments
    known = replace(known, moments=same)
    places = [
        (item.window * len(prompts) + item.prompt) * rows + row
        for item in items
        for row in range(rows)
    ]
    shares = torch.tensor([item.share for item in items], device=networks.device)
    return Part(
        torch.tensor(places, device=networks.device),
        shares.repeat_interleave(rows)[:, None, None],
        ahead,
        field,
        known,
    )


def _reference(wanted: Wanted, window: Window, codec: Codec) -> Reference | None:
    """What goes in front of a window: nothing where the sound is marked in it."""
    frames = (span.frames(frame_rate(codec)) for span in wanted.prompt.spans if span.positive)
    marked = any(first < window.end and stop > window.start for first, stop in frames)
    return None if marked else wanted.reference


def _anchors(prompt: Prompt, window: Window, codec: Codec, unmarked: int) -> Tensor:
    ids = frame_anchors(prompt.spans, window.end, frame_rate(codec), unmarked)
    return torch.from_numpy(ids[window.start :])


def _video(networks: ModelComponents, window: Window, wanted: Wanted) -> Tensor | None:
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
