"""A network that has practised on a recording before it answers for it.

The marked moment says what is wanted and what is not: its marks separate both well. From these two
parts any number of exercises can be made with right answers that are known
(`soundsift.separation.exercises`). A few steps of training on them fit a copy of the network to
this one recording, as in test-time training (arXiv 1909.13231) and in teachers whose answers are
mixed anew (RemixIT, arXiv 2202.08862). Windows without a mark are then asked of the copy, in the
very ways that it has practised.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from soundsift.heard import heard_term
from soundsift.models.components import ModelComponents
from soundsift.models.inference import InferenceField
from soundsift.models.mel_codec import MelCodec
from soundsift.models.velocity_field import VelocityField
from soundsift.separation.asking import answer_in
from soundsift.separation.excerpts import Excerpt
from soundsift.separation.exercises import EXERCISES, FRAMES, Material, make_exercises
from soundsift.separation.wanted import Way

#: For the time left: what a step takes, in frames that are but answered, with an example and there
#: and back.
FRAMES_A_STEP = 3 * EXERCISES * (FRAMES + 125)

#: Adam's rate, after so many steps of warm-up, its betas, and the largest norm of a gradient.
_RATE, _WARM_UP, _BETAS, _CLIP = 1e-4, 5, (0.9, 0.98), 1.0


def adapt(
    networks: ModelComponents,
    material: Material,
    example: Excerpt,
    ways: Sequence[Way],
    steps: int,
    seed: int,
    report: Callable[[float], None],
) -> InferenceField | None:
    """Practise.

    Args:
        networks: the model.
        material: what exercises are made of.
        example: the marked moment, as it goes in front of windows.
        ways: in which windows will be asked.
        steps: of training.
        seed: of the exercises.
        report: called with the fraction done; an exception that it raises stops the training.

    Returns:
        The network that has practised; None if the model can't.
    """
    codec = networks.codec
    if steps == 0 or networks.trainable is None or not isinstance(codec, MelCodec):
        return None
    # Gradients can't pass through what was made in inference mode, as callers are.
    with torch.inference_mode(False), torch.enable_grad():
        field = networks.trainable()
        _practise(networks, codec, field, material, example, ways, steps, seed, report)
        weights = field.state_dict()
    return InferenceField(networks.field.config, weights, networks.field.dtype, networks.device)


def _practise(
    networks: ModelComponents,
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
