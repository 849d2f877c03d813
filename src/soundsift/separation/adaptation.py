"""A network that has practised on a recording before it answers for it.

The marked moment says what is wanted and what is not: its marks separate both well. From these two
parts any number of exercises can be made with right answers that are known
(`soundsift.separation.exercises`). A few steps of training on them fit a copy of the network to
this one recording, as in test-time training (arXiv 1909.13231) and in teachers whose answers are
mixed anew (RemixIT, arXiv 2202.08862). Windows without a mark are then asked of the copy, in the
very ways that it has practised.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from soundsift.heard import heard_term
from soundsift.models.inference import InferenceField
from soundsift.models.mel_codec import MelCodec
from soundsift.models.velocity_field import VelocityField
from soundsift.prompts import POSITIVE
from soundsift.separation.asking import answer_in, longest_mark, mean_answer
from soundsift.separation.exercises import EXERCISES, FRAMES, Material, Rest, make_exercises
from soundsift.separation.naming import Excerpt
from soundsift.separation.networks import Networks
from soundsift.separation.wanted import Way

#: For the time left: what a step takes, in frames that are but answered, with an example and there
#: and back.
FRAMES_A_STEP = 3 * EXERCISES * (FRAMES + 125)

#: Adam's rate, after so many steps of warm-up, its betas, and the largest norm of a gradient.
_RATE, _WARM_UP, _BETAS, _CLIP = 1e-4, 5, (0.9, 0.98), 1.0

#: A marked sound that lies this far below what it is heard with can't be practised on.
_FAINTEST_DB = -50.0


@dataclass(frozen=True)
class Moment:
    """What is marked, as an example and at length.

    Attributes:
        example: goes in front of windows.
        whole: all of the mark, with as much on either side.
    """

    example: Excerpt
    whole: Excerpt


def adapt(
    networks: Networks,
    moment: Moment,
    elsewhere: Sequence[Excerpt],
    ways: Sequence[Way],
    steps: int,
    seed: int,
    report: Callable[[float], None],
) -> InferenceField | None:
    """Practise.

    Args:
        networks: the model.
        moment: what is marked.
        elsewhere: stretches without a mark.
        ways: in which windows will be asked.
        steps: of training.
        seed: of the exercises.
        report: called with the fraction done; an exception that it raises stops the training.

    Returns:
        The network that has practised; None if the model can't, or next to nothing is heard where
        the mark is.
    """
    codec = networks.codec
    if steps == 0 or networks.trainable is None or not isinstance(codec, MelCodec):
        return None
    # Gradients can't pass through what was made in inference mode, as callers are.
    with torch.inference_mode(False), torch.enable_grad():
        material = _material(networks, codec, moment, elsewhere, ways)
        if _ratio_db(material.sound, material.near.wave) < _FAINTEST_DB:
            return None
        field = networks.trainable()
        _practise(networks, codec, field, material, moment.example, ways, steps, seed, report)
        weights = field.state_dict()
    return InferenceField(networks.field.config, weights, networks.field.dtype, networks.device)


def _practise(
    networks: Networks,
    codec: MelCodec,
    field: VelocityField,
    material: Material,
    example: Excerpt,
    ways: Sequence[Way],
    steps: int,
    seed: int,
    report: Callable[[float], None],
) -> None:
    generator = torch.Generator().manual_seed(seed)
    shares = torch.tensor([way.share for way in ways])
    optimiser = torch.optim.Adam(field.parameters(), lr=_RATE, betas=_BETAS)
    shown = example.context.clone(), example.anchors.to(networks.device)
    dtype = networks.field.dtype
    for step in range(steps):
        report(step / steps)
        way = ways[int(torch.multinomial(shares, 1, generator=generator))]
        exercises = make_exercises(codec, material, generator)
        optimiser.zero_grad()
        # One at a time, since what a gradient needs of all of them would fill a gigabyte.
        for exercise in exercises.each():
            context = exercise.context
            unmarked = shown[1].new_zeros(context.shape[:2])
            with torch.autocast(networks.device.type, dtype, enabled=dtype != torch.float32):
                latents = answer_in(networks, way, shown, context, unmarked, field)
            loss = heard_term(codec.cell_mask(latents), exercise) / EXERCISES
            loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(field.parameters(), _CLIP)
        for group in optimiser.param_groups:
            group["lr"] = _RATE * min(1.0, (step + 1) / _WARM_UP)
        optimiser.step()


@torch.no_grad()
def _material(
    networks: Networks,
    codec: MelCodec,
    moment: Moment,
    elsewhere: Sequence[Excerpt],
    ways: Sequence[Way],
) -> Material:
    whole, size = moment.whole, codec.samples_per_frame
    marks = whole.anchors.to(networks.device)
    answer = mean_answer(networks, whole.context, [None], marks[None])
    marked = (marks == POSITIVE).float()
    # Fades in and out within a frame, where the mark begins and ends.
    gate = functional.interpolate(
        marked[None, None], scale_factor=size, mode="linear", align_corners=False
    )[0, 0, : whole.wave.shape[-1]]
    sound = codec.decode(answer, whole.wave[None])[0, 0] * gate
    mark = longest_mark(marks)
    assert mark is not None
    start, end = mark
    rest = whole.wave[0] - sound
    far = tuple(_taken(networks, codec, one, ways, moment.example) for one in elsewhere)
    return Material(sound[start * size : end * size], Rest(rest, torch.zeros_like(rest)), far)


def _taken(
    networks: Networks, codec: MelCodec, stretch: Excerpt, ways: Sequence[Way], example: Excerpt
) -> Rest:
    """A stretch, and what the model takes for the sound in it."""
    context, anchors = stretch.context, stretch.anchors.to(networks.device)[None]
    shown = example.context, example.anchors.to(networks.device)
    answer = torch.zeros((), device=networks.device)
    for way in ways:
        answer = answer + way.share * answer_in(networks, way, shown, context, anchors)
    return Rest(stretch.wave[0], codec.decode(answer, stretch.wave[None])[0, 0])


def _ratio_db(sound: Tensor, rest: Tensor) -> float:
    power, other = float(sound.square().mean()), float(rest.square().mean())
    return 10 * math.log10(max(power, 1e-20) / max(other, 1e-20))
