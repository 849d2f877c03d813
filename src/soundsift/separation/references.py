"""A mark in one place that steers all windows: a phrase is found that stands for it.

A span is cut to the windows that it touches; a mark in the first minute tells a window in the
fourth nothing. So the marked moment is separated by its marks, and by each of the phrases that the
model knows well; the phrase whose answer comes nearest is the text of the windows without a mark,
if there is no other. It need not be the name: "bowed double bass" may lift out a bass guitar. (The
marked moment itself, put in front of such windows, was tried and is worse:
docs/joining-and-reach.md.)

Only for models whose one evaluation is their mean answer, on the codec that has cells to compare.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import torch
from torch import Tensor

from soundsift.models.mel_codec import MelCodec
from soundsift.models.velocity_field import Conditioning
from soundsift.prompts import POSITIVE, Span, frame_anchors
from soundsift.separation.along import Networks

#: Frames that are looked at, and those of them shown on either side of what is marked.
LONGEST, CONTEXT = 75, 12

#: Frames that go through the network together, of all phrases.
_FRAMES_AT_A_TIME = 3000


@dataclass(frozen=True)
class Reference:
    """What a mark stands for.

    Attributes:
        phrase: the nearest one.
        match_db: how near its answer comes to that of the mark, in dB.
    """

    phrase: str
    match_db: float


@cache
def known_phrases() -> tuple[str, ...]:
    """Canonical captions of the concepts that the default model has 10 or more clips of."""
    text = (resources.files("soundsift.separation") / "phrases.txt").read_text(encoding="utf-8")
    return tuple(text.split("\n")[:-1])


def can_refer(networks: Networks) -> bool:
    """Whether a model's marks can be given a name."""
    return networks.prediction == "data" and isinstance(networks.codec, MelCodec)


@torch.inference_mode()
def find_reference(
    networks: Networks,
    part: Callable[[int, int], Tensor],
    spans: Sequence[Span],
    frames: int,
    phrases: Sequence[str] | None = None,
) -> Reference | None:
    """Look for the phrase that means what is marked.

    Args:
        networks: the model, for which `can_refer` holds.
        part: the mixture from one sample to another at the codec's rate, `(1, channels, samples)`;
            asked for one stretch of at most 3 s.
        spans: what is marked.
        frames: latent frames of the recording.
        phrases: to choose from; `known_phrases` unless given.

    Returns:
        None if there is no positive span.

    Raises:
        TypeError: for another kind of model.
    """
    codec = networks.codec
    if not isinstance(codec, MelCodec) or not can_refer(networks):
        raise TypeError("only models that predict data, on MelCodec, name their marks")
    anchors = torch.from_numpy(
        frame_anchors(spans, frames, codec.sample_rate // codec.samples_per_frame)
    )
    stretch = marked_stretch(anchors)
    if stretch is None:
        return None
    start, end = stretch
    wave = part(start * codec.samples_per_frame, end * codec.samples_per_frame)
    spectrum = codec.spectrum(wave)
    weight = codec.cross_energy(spectrum, spectrum).mean(dim=1).clamp(min=0).sqrt()
    context = codec.context(wave)
    marked = anchors[start:end].to(networks.device)[None]
    wanted = (_cells(networks, codec, context, [None], marked) * weight).flatten()
    names = known_phrases() if phrases is None else phrases
    at_a_time = max(1, _FRAMES_AT_A_TIME // (end - start))
    found = []
    for first in range(0, len(names), at_a_time):
        some = names[first : first + at_a_time]
        heard = _cells(networks, codec, context, some, torch.zeros_like(marked)) * weight
        found.append(_nearness(heard.flatten(1), wanted))
    nearness = torch.cat(found)
    best = int(nearness.argmax())
    return Reference(names[best], float(nearness[best]))


def marked_stretch(
    anchors: Tensor, longest: int = LONGEST, context: int = CONTEXT
) -> tuple[int, int] | None:
    """The longest marked moment with a little around it.

    Args:
        anchors: `(frames,)`, of the whole recording.
        longest: frames, at most.
        context: frames on either side, at most; half of it where the moment is long.

    Returns:
        (start, end) in frames; None if nothing is positive.
    """
    edges = torch.nn.functional.pad((anchors == POSITIVE).to(torch.int8), (1, 1)).diff()
    places = edges.nonzero().flatten().tolist()
    if not places:
        return None
    start, end = max(zip(places[::2], places[1::2], strict=True), key=lambda run: run[1] - run[0])
    end = min(end, start + longest - 2 * min(context, longest // 6))
    around = min(context, (longest - (end - start)) // 2)
    return max(0, start - around), min(len(anchors), end + around)


def _cells(
    networks: Networks,
    codec: MelCodec,
    context: Tensor,
    phrases: Sequence[str | None],
    anchors: Tensor,
) -> Tensor:
    """The masks that phrases, or marks, lead to: `(phrases, bands, columns)`."""
    count = len(phrases)
    states, mask = networks.text.encode_batch(list(phrases))
    known = networks.field.prepare(
        Conditioning(
            context=context.expand(count, -1, -1),
            text=states,
            text_mask=mask,
            anchors=anchors.expand(count, -1),
            video=None,
        ),
        [0.0],
    )
    # At time 0 and without noise, where one evaluation gives the mean answer.
    noise = context.new_zeros(count, context.shape[1], 2 * networks.field.config.latent_channels)
    latents = networks.field(noise, torch.tensor(0.0, device=networks.device), known)
    return codec.cell_mask(latents)


def _nearness(heard: Tensor, wanted: Tensor) -> Tensor:
    """Signal-to-distortion ratio in dB of each of `(phrases, cells)` against `(cells,)`.

    Level counts: of a sound that is not there the model lets a faint copy of everything through,
    which would match anything if it were scaled.
    """
    error = (heard - wanted).square().sum(dim=1).clamp(min=1e-20)
    return 10 * torch.log10(wanted.square().sum().clamp(min=1e-20) / error)
