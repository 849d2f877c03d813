"""Phrases that may mean what is marked, by what they lift out of the marked moment.

It is separated by its marks, and by each of the phrases that the model knows well; those whose
answers come nearest are worth a trial (`soundsift.separation.trials`). They need not be the sound's
name: "rocket launch" may stand for an explosion.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

import torch
from torch import Tensor

from soundsift.models.components import ModelComponents
from soundsift.models.mel_codec import MelCodec
from soundsift.separation.asking import mean_answer
from soundsift.separation.excerpts import Excerpt

#: How many phrases are worth a trial. More are no better (docs/experiments.md).
_NEAREST = 4

#: Frames that go through the network together, of all phrases.
_FRAMES_AT_A_TIME = 3000


@cache
def known_phrases() -> tuple[str, ...]:
    """Canonical captions of the concepts that the default model has 10 or more clips of."""
    text = (resources.files("soundsift.separation") / "phrases.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


@torch.inference_mode()
def nearest_phrases(
    networks: ModelComponents, moment: Excerpt, phrases: Sequence[str] | None = None
) -> list[str]:
    """The phrases that lift out of a marked moment most nearly what its marks do.

    Args:
        networks: the model.
        moment: with a little around the mark.
        phrases: to choose from; `known_phrases` unless given.

    Returns:
        A few, the nearest first. None if the codec has no cells to compare.
    """
    codec = networks.codec
    if not isinstance(codec, MelCodec):
        return []
    names = known_phrases() if phrases is None else phrases
    context, weight = moment.context, moment.weight
    marked = moment.anchors.to(networks.device)[None]
    wanted = (_cells(networks, codec, context, [None], marked) * weight).flatten()
    at_a_time = max(1, _FRAMES_AT_A_TIME // len(moment.anchors))
    found = []
    for first in range(0, len(names), at_a_time):
        some = names[first : first + at_a_time]
        heard = _cells(networks, codec, context, some, torch.zeros_like(marked)) * weight
        found.append(_nearness(heard.flatten(1), wanted))
    # Sorted stably, so that of equals the first is taken.
    nearest = torch.cat(found).argsort(descending=True, stable=True)[:_NEAREST]
    return [names[i] for i in nearest.tolist()]


def _cells(
    networks: ModelComponents,
    codec: MelCodec,
    context: Tensor,
    phrases: Sequence[str | None],
    anchors: Tensor,
) -> Tensor:
    """The masks that phrases, or marks, lead to: `(phrases, bands, columns)`."""
    return codec.cell_mask(mean_answer(networks, context, phrases, anchors))


def _nearness(heard: Tensor, wanted: Tensor) -> Tensor:
    """Signal-to-distortion ratio in dB of each of `(phrases, cells)` against `(cells,)`.

    Level counts: of a sound that is not there the model lets a faint copy of everything through,
    which would match anything if it were scaled.
    """
    error = (heard - wanted).square().sum(dim=1).clamp(min=1e-20)
    return 10 * torch.log10(wanted.square().sum().clamp(min=1e-20) / error)
