"""Which ways of asking for a marked sound work on this recording, by exercises.

A window without a mark can be asked by the marked moment as an example, by a phrase, or by both,
and for one recording one way is right and another wrong. Which, can be found out without knowing
the answers: the marked sound is laid anew into what else is heard in the recording
(`soundsift.separation.exercises`), and each way shows how well it lifts it out again. What a way
lets through elsewhere far louder than the marked sound is held against it too: it takes something
else for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from soundsift.heard import heard_term
from soundsift.models.components import ModelComponents
from soundsift.models.mel_codec import MelCodec
from soundsift.prompts import POSITIVE
from soundsift.separation.asking import answer_in, longest_mark, mean_answer
from soundsift.separation.excerpts import Excerpt
from soundsift.separation.exercises import Exercises, Material, Rest, make_exercises
from soundsift.separation.wanted import Way

#: Batches of exercises that ways are tried on.
_BATCHES = 2

#: So many dB better in the exercises make e times the share.
_BETTER_DB = 1.0

#: An answer elsewhere may be so much louder than the marked sound, at its loudest; every so many dB
#: above divide the share by e.
_LOUDER_DB, _FAR_LOUDER_DB = 6.0, 3.0

#: Ways that are asked at most, and the least share of one.
_MOST, _LEAST_SHARE = 5, 0.05

#: A marked sound that lies this far below what it is heard with can't be laid in anywhere.
_FAINTEST_DB = -50.0

#: Frames that go through the network together.
_FRAMES_AT_A_TIME = 3000


@dataclass(frozen=True)
class Moment:
    """What is marked, as an example and at length.

    Attributes:
        example: goes in front of windows.
        whole: all of the mark, with as much on either side.
    """

    example: Excerpt
    whole: Excerpt


@dataclass(frozen=True)
class Trial:
    """What came of trying ways.

    Attributes:
        ways: those that work best, with their shares.
        material: what exercises can be made of.
    """

    ways: tuple[Way, ...]
    material: Material


@torch.inference_mode()
def try_ways(
    networks: ModelComponents,
    moment: Moment,
    elsewhere: Sequence[Excerpt],
    ways: Sequence[Way],
    seed: int,
    report: Callable[[float], None],
) -> Trial | None:
    """Try ways on exercises, and see what they take for the sound elsewhere.

    Args:
        networks: a model that predicts data.
        moment: what is marked.
        elsewhere: stretches of one length without a mark of the sound.
        ways: to be tried; their shares don't count.
        seed: of the exercises.
        report: called with the fraction done; an exception that it raises stops the trial.

    Returns:
        The best ways, the best first; None if next to nothing is heard where the mark is, or the
        codec has no cells.
    """
    codec = networks.codec
    if not isinstance(codec, MelCodec):
        return None
    sound, near = _parted(networks, codec, moment.whole)
    if _ratio_db(sound, near.wave) < _FAINTEST_DB:
        return None
    answers = [
        _answers(networks, way, moment.example, elsewhere)
        for way in _counted(ways, lambda done: report(done / 2))
    ]
    likely = -_excess_db(networks, codec, moment.example, elsewhere, answers) / _FAR_LOUDER_DB
    shares = torch.softmax(likely, dim=0)
    material = Material(sound, near, _taken(codec, elsewhere, answers, shares))
    generator = torch.Generator().manual_seed(seed)
    exercises = [make_exercises(codec, material, generator) for _ in range(_BATCHES)]
    scores = [
        _score_db(networks, codec, way, moment.example, exercises)
        for way in _counted(ways, lambda done: report((1 + done) / 2))
    ]
    shares = torch.softmax(likely + torch.tensor(scores) / _BETTER_DB, dim=0)
    shares = _few(shares)
    far = _taken(codec, elsewhere, answers, shares)
    order = shares.argsort(descending=True, stable=True).tolist()
    kept = [replace(ways[i], share=float(shares[i])) for i in order if shares[i] > 0]
    return Trial(tuple(kept), replace(material, far=far))


def _counted(ways: Sequence[Way], report: Callable[[float], None]) -> Iterator[Way]:
    """Ways, one after the other, and before each what fraction of them is done."""
    for i, way in enumerate(ways):
        report(i / len(ways))
        yield way


def _few(shares: Tensor) -> Tensor:
    """Shares `(ways,)` of which all but a few are 0."""
    least = shares.sort(descending=True).values[:_MOST][-1]
    kept = torch.where((shares >= least) & (shares >= _LEAST_SHARE), shares, 0.0)
    return kept / kept.sum()


def _parted(networks: ModelComponents, codec: MelCodec, whole: Excerpt) -> tuple[Tensor, Rest]:
    """The sound as its marks lift it out, `(samples,)`, and what is heard around it."""
    size, marks = codec.samples_per_frame, whole.anchors.to(networks.device)
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
    return sound[start * size : end * size], Rest(rest, torch.zeros_like(rest))


def _answers(
    networks: ModelComponents, way: Way, example: Excerpt, stretches: Sequence[Excerpt]
) -> Tensor:
    """What stretches are answered in a way, `(stretches, frames, 2 * latent_channels)`."""
    shown = example.context, example.anchors.to(networks.device)
    found = []
    for some in _groups(stretches, len(example.anchors)):
        context = torch.cat([one.context for one in some])
        anchors = torch.stack([one.anchors for one in some]).to(networks.device)
        found.append(answer_in(networks, way, shown, context, anchors))
    return torch.cat(found) if found else example.context.new_zeros(0)


def _groups(stretches: Sequence[Excerpt], ahead: int) -> list[Sequence[Excerpt]]:
    """Stretches of one length, as many together as go through the network at a time."""
    if not stretches:
        return []
    at_a_time = max(1, _FRAMES_AT_A_TIME // (ahead + len(stretches[0].anchors)))
    return [stretches[i : i + at_a_time] for i in range(0, len(stretches), at_a_time)]


def _excess_db(
    networks: ModelComponents,
    codec: MelCodec,
    example: Excerpt,
    elsewhere: Sequence[Excerpt],
    answers: Sequence[Tensor],
) -> Tensor:
    """How far each way's loudest answer elsewhere is above what may still be the sound, `(ways,)`.

    In dB, 0 where it is not.
    """
    if not elsewhere:
        return torch.zeros(len(answers))
    marks = example.anchors.to(networks.device)
    own = codec.cell_mask(mean_answer(networks, example.context, [None], marks[None]))
    columns = (marks == POSITIVE).repeat_interleave(codec.config.subframes)
    loudest = _levels(own, example.weight)[:, columns].amax()
    weight = torch.cat([one.weight for one in elsewhere])
    levels = torch.stack([_levels(codec.cell_mask(one), weight).amax() for one in answers])
    decibels = 10 * torch.log10(levels.clamp(min=1e-20) / loudest.clamp(min=1e-20))
    return (decibels - _LOUDER_DB).clamp(min=0).cpu()


def _levels(mask: Tensor, weight: Tensor) -> Tensor:
    """Energy of masked cells `(batch, bands, columns)` by columns."""
    return (mask * weight).square().sum(dim=1)


def _taken(
    codec: MelCodec, stretches: Sequence[Excerpt], answers: Sequence[Tensor], shares: Tensor
) -> tuple[Rest, ...]:
    """Stretches, and what is taken for the sound in them."""
    rests = []
    for i, stretch in enumerate(stretches):
        latents = sum(
            float(share) * one[i : i + 1] for share, one in zip(shares, answers, strict=True)
        )
        assert isinstance(latents, Tensor)
        rests.append(Rest(stretch.wave[0], codec.decode(latents, stretch.wave[None])[0, 0]))
    return tuple(rests)


def _score_db(
    networks: ModelComponents,
    codec: MelCodec,
    way: Way,
    example: Excerpt,
    exercises: list[Exercises],
) -> float:
    """How well a way does in exercises, in dB."""
    shown = example.context, example.anchors.to(networks.device)
    scores = []
    for some in exercises:
        unmarked = shown[1].new_zeros(some.context.shape[:2])
        mask = codec.cell_mask(answer_in(networks, way, shown, some.context, unmarked))
        # In bels, and lower is better.
        scores.append(-10 * float(heard_term(mask, some)))
    return sum(scores) / len(scores)


def _ratio_db(sound: Tensor, rest: Tensor) -> float:
    power, other = float(sound.square().mean()), float(rest.square().mean())
    return 10 * math.log10(max(power, 1e-20) / max(other, 1e-20))
