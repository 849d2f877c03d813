"""Phrases that may mean what is marked, by what they lift out of the recording.

The marked moment is separated by its marks, and by each of the phrases that the model knows well.
Of the few phrases whose answers come nearest, those are taken that lift out the same elsewhere
whether the moment goes along as an example or not. They need not be the sound's name: "rocket
launch" may stand for an explosion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import torch
from torch import Tensor

from soundsift.models.codec import Codec
from soundsift.models.mel_codec import MelCodec
from soundsift.separation.asking import beside, mean_answer
from soundsift.separation.networks import Networks

#: How many phrases are tried elsewhere, and how many are given. More of either are no better
#: (docs/experiments.md).
_TRIED, _GIVEN = 4, 2

#: What 1 dB of agreement elsewhere is worth in dB of nearness; and within which it counts.
_WORTH, _LEAST_DB, _MOST_DB = 0.5, -20.0, 30.0

#: So much better in dB makes a phrase e times as likely; what is less likely than the least is not
#: asked.
_DOUBT_DB, _LEAST_SHARE = 3.0, 0.1

#: Frames that go through the network together, of all phrases or stretches.
_FRAMES_AT_A_TIME = 3000


@dataclass(frozen=True)
class Excerpt:
    """A stretch of a recording, analysed.

    Attributes:
        context: `(rows, frames, context_channels)`.
        weight: the root of each cell's energy, `(1, bands, columns)`; empty if the codec has no
            cells.
        anchors: `(frames,)`, int64, what is marked of it.
        wave: `(1, samples)`, the mean of its channels.
    """

    context: Tensor
    weight: Tensor
    anchors: Tensor
    wave: Tensor


def analyse(codec: Codec, wave: Tensor, anchors: Tensor) -> Excerpt:
    """An excerpt of a stretch `(1, channels, samples)` at the codec's rate."""
    if not isinstance(codec, MelCodec):
        return Excerpt(codec.context(wave), wave.new_empty(0), anchors, wave.mean(dim=1))
    spectrum = codec.spectrum(wave)
    energy = codec.cross_energy(spectrum, spectrum).mean(dim=1)
    root = energy.clamp(min=0).sqrt()
    return Excerpt(codec.context(wave, spectrum), root, anchors, wave.mean(dim=1))


@cache
def known_phrases() -> tuple[str, ...]:
    """Canonical captions of the concepts that the default model has 10 or more clips of."""
    text = (resources.files("soundsift.separation") / "phrases.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


@torch.inference_mode()
def likely_phrases(
    networks: Networks,
    moment: Excerpt,
    elsewhere: Sequence[Excerpt],
    phrases: Sequence[str] | None = None,
) -> dict[str, float]:
    """The phrases that most likely mean what is marked, and how likely each is beside the others.

    Args:
        networks: the model.
        moment: the marked moment, with a little around it.
        elsewhere: stretches of one length without a mark of the sound, to try the nearest phrases
            on; with none, nearness alone counts.
        phrases: to choose from; `known_phrases` unless given.

    Returns:
        The likeliest first; their shares add up to 1. Empty if the codec has no cells to compare.
    """
    codec = networks.codec
    if not isinstance(codec, MelCodec):
        return {}
    names = known_phrases() if phrases is None else phrases
    nearness = _nearness_of_all(networks, codec, moment, names)
    # Sorted stably, so that of equals the first is taken.
    nearest = nearness.argsort(descending=True, stable=True)[:_TRIED]
    tried = [names[int(i)] for i in nearest]
    scores = nearness[nearest]
    if elsewhere:
        agreement = _agreement(networks, codec, moment, elsewhere, tried)
        scores = scores + _WORTH * agreement.clamp(_LEAST_DB, _MOST_DB)
    best = scores.argsort(descending=True, stable=True)[:_GIVEN]
    shares = torch.softmax(scores[best] / _DOUBT_DB, dim=0)
    kept = [(tried[int(i)], float(s)) for i, s in zip(best, shares, strict=True)]
    kept = [(name, share) for name, share in kept if share >= _LEAST_SHARE]
    total = sum(share for _, share in kept)
    return {name: share / total for name, share in kept}


def _nearness_of_all(
    networks: Networks, codec: MelCodec, moment: Excerpt, names: Sequence[str]
) -> Tensor:
    """How near each phrase's answer in a marked moment comes to that of the marks, `(phrases,)`."""
    context, weight = moment.context, moment.weight
    marked = moment.anchors.to(networks.device)[None]
    wanted = (_cells(networks, codec, context, [None], marked) * weight).flatten()
    at_a_time = max(1, _FRAMES_AT_A_TIME // len(moment.anchors))
    found = []
    for first in range(0, len(names), at_a_time):
        some = names[first : first + at_a_time]
        heard = _cells(networks, codec, context, some, torch.zeros_like(marked)) * weight
        found.append(_nearness(heard.flatten(1), wanted))
    return torch.cat(found)


def _agreement(
    networks: Networks,
    codec: MelCodec,
    moment: Excerpt,
    elsewhere: Sequence[Excerpt],
    phrases: Sequence[str],
) -> Tensor:
    """How alike each phrase's answers are with and without the moment as an example, in dB.

    The scale-invariant ratio of the one to the other, over all stretches, `(phrases,)`.
    """
    example, shown = moment.context, moment.anchors.to(networks.device)
    length = len(shown) + len(elsewhere[0].anchors)
    at_a_time = max(1, _FRAMES_AT_A_TIME // length)
    sums = example.new_zeros(3, len(phrases))
    for first in range(0, len(elsewhere), at_a_time):
        some = elsewhere[first : first + at_a_time]
        context = torch.cat([one.context for one in some])
        weight = torch.cat([one.weight for one in some])
        anchors = torch.stack([one.anchors for one in some]).to(networks.device)
        joined, marks = beside(example, shown, context, anchors)
        for number, phrase in enumerate(phrases):
            same = [phrase] * len(some)
            alone = _cells(networks, codec, context, same, anchors) * weight
            shown_too = _cells(networks, codec, joined, same, marks)[..., -weight.shape[-1] :]
            both = shown_too * weight
            products = both * alone, alone.square(), both.square()
            sums[:, number] += torch.stack([product.sum() for product in products])
    product, alone, both = sums
    common = product.square() / alone.clamp(min=1e-20)
    return 10 * torch.log10(common.clamp(min=1e-20) / (both - common).clamp(min=1e-20))


def _cells(
    networks: Networks,
    codec: MelCodec,
    context: Tensor,
    phrases: Sequence[str | None],
    anchors: Tensor,
) -> Tensor:
    """The masks that phrases, or marks, lead to: `(phrases, bands, columns)`.

    Context and anchors are of each phrase's own stretch, or of the same for all.
    """
    return codec.cell_mask(mean_answer(networks, context, phrases, anchors))


def _nearness(heard: Tensor, wanted: Tensor) -> Tensor:
    """Signal-to-distortion ratio in dB of each of `(phrases, cells)` against `(cells,)`.

    Level counts: of a sound that is not there the model lets a faint copy of everything through,
    which would match anything if it were scaled.
    """
    error = (heard - wanted).square().sum(dim=1).clamp(min=1e-20)
    return 10 * torch.log10(wanted.square().sum().clamp(min=1e-20) / error)
