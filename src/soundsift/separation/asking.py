"""What a network answers about stretches of a recording, outside of a solver.

At time 0 and without noise, where one evaluation gives the mean answer of models that predict data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from soundsift.models.components import ModelComponents
from soundsift.models.velocity_field import Conditioning
from soundsift.prompts import NULL, OPEN, POSITIVE
from soundsift.separation.wanted import Way

#: (noisy, time, prompt) -> latents: a velocity field, for training or for inference.
Field = Callable[[Tensor, Tensor, Conditioning], Tensor]


def mean_answer(
    networks: ModelComponents,
    context: Tensor,
    phrases: Sequence[str | None],
    anchors: Tensor,
    field: Field | None = None,
) -> Tensor:
    """Latents of target and residual, `(phrases, frames, 2 * latent_channels)`, float32.

    Args:
        networks: a model that predicts data.
        context: `(phrases or 1, frames, context_channels)`; one is meant for all.
        phrases: what is asked for, None where no name is given.
        anchors: `(phrases or 1, frames)`, int64.
        field: to be asked instead of the model's own.
    """
    count = len(phrases)
    states, mask = networks.text.encode_batch(list(phrases))
    conditioning = Conditioning(
        context=context.expand(count, -1, -1),
        text=states,
        text_mask=mask,
        anchors=anchors.expand(count, -1),
        video=None,
    )
    noise = context.new_zeros(count, context.shape[1], 2 * networks.field.config.latent_channels)
    return (field or networks.field)(noise, context.new_zeros(1), conditioning).float()


def beside(
    example: Tensor, shown: Tensor, context: Tensor, anchors: Tensor
) -> tuple[Tensor, Tensor]:
    """Stretches with a marked moment in front of each.

    Args:
        example: context of the moment, `(1, frames, context_channels)`.
        shown: `(frames,)`, what is marked of it.
        context: of the stretches, `(batch, frames, context_channels)`.
        anchors: `(batch, frames)`; what is not marked may hold the sound of the example, or not.

    Returns:
        Context and anchors of both together.
    """
    count = len(context)
    opened = torch.where(anchors == NULL, OPEN, anchors)
    return (
        torch.cat((example.expand(count, -1, -1), context), dim=1),
        torch.cat((shown.expand(count, -1), opened), dim=1),
    )


def answer_in(
    networks: ModelComponents,
    way: Way,
    example: tuple[Tensor, Tensor],
    context: Tensor,
    anchors: Tensor,
    field: Field | None = None,
) -> Tensor:
    """What stretches are answered in a way, `(batch, frames, 2 * latent_channels)`, float32.

    Args:
        networks: a model that predicts data.
        way: how they are asked.
        example: context and marks of the moment that goes along, as for `beside`, if it does.
        context: `(batch, frames, context_channels)`.
        anchors: `(batch, frames)`, int64.
        field: to be asked instead of the model's own.
    """
    frames = context.shape[1]
    if way.example:
        context, anchors = beside(*example, context, anchors)
    answer = mean_answer(networks, context, [way.phrase] * len(context), anchors, field)
    return answer[:, -frames:]


def longest_mark(anchors: Tensor) -> tuple[int, int] | None:
    """The longest run of marked frames: its first, and the one after its last.

    Args:
        anchors: `(frames,)`.

    Returns:
        The first of several; None if nothing is positive.
    """
    edges = functional.pad((anchors == POSITIVE).to(torch.int8), (1, 1)).diff()
    places = edges.nonzero().flatten().tolist()
    runs = zip(places[::2], places[1::2], strict=True)
    return max(runs, key=lambda run: run[1] - run[0], default=None)
