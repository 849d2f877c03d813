"""A mark in one place that steers all windows: the marked moment goes along with them.

A span is cut to the windows that it touches; a mark in the first minute tells a window in the
fourth nothing. So the marked moment is put in front of every window without a mark, and what the
network answers there is thrown away. The window's own frames are OPEN: the network was trained to
look for the sound of the example in them.

Where the user has given no name, phrases that lift the same out of the moment
(`soundsift.separation.naming`) help: windows can be asked with the example alone, with a phrase
beside it, and by a phrase alone. Which of these ways work is tried on exercises
(`soundsift.separation.trials`), and the answers of the best are averaged. Before it is asked, the
network may practise on such exercises (`soundsift.separation.adaptation`).

Only for models that know this kind of frame, and whose one evaluation is their mean answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from soundsift.models.codec import frame_rate
from soundsift.models.components import ModelComponents
from soundsift.prompts import OPEN, POSITIVE, Prompt, frame_anchors
from soundsift.separation.adaptation import FRAMES_A_STEP, adapt
from soundsift.separation.asking import longest_mark
from soundsift.separation.codec_rate import AnyRecording, latent_frames, parts_of
from soundsift.separation.excerpts import analyse
from soundsift.separation.naming import nearest_phrases
from soundsift.separation.plan import Plan
from soundsift.separation.trials import Moment, try_ways
from soundsift.separation.wanted import Reference, Way

#: Marked frames of a reference, and frames shown on either side of them, at most.
LONGEST_MARK, AROUND = 51, 37

#: Marked frames that exercises are made of at most.
_LONGEST_PRACTISED = 150

#: For exercises so many windows of so many frames at most (10 s) are looked at, within so many (10
#: minutes): what lies further off would take longer to read than it is worth.
_WINDOWS, _LONGEST_WINDOW, _NEAR = 10, 250, 15_000

#: For the time left: in how many ways windows are asked by a mark without a name, and frames of
#: windows that are read, answered and written while these ways are found.
_WAYS, _FRAMES_TO_TRY = 5, 25_000

#: From stretches of a recording, in order, to their samples at the codec's rate, each
#: `(1, channels, samples)`.
Reader = Callable[[Sequence[tuple[int, int]]], Iterator[Tensor]]


def can_refer(networks: ModelComponents) -> bool:
    """Whether a model's marks can steer windows that they don't touch."""
    return networks.prediction == "data" and networks.field.config.anchor_count > OPEN


def find_reference(
    networks: ModelComponents,
    recording: AnyRecording,
    prompt: Prompt,
    plan: Plan,
    report: Callable[[float], None],
) -> Reference | None:
    """A marked moment for the windows that no mark touches; None if there are no such windows.

    Args:
        networks: the model.
        recording: what is to be separated.
        prompt: what is marked of it, and its name if that is known.
        plan: how it is worked through.
        report: called with the fraction done; an exception that it raises stops the search.
    """
    if not _refers(networks, recording, prompt, plan):
        return None
    frames = latent_frames(networks.codec, recording)
    read = partial(parts_of, networks, recording)
    return make_reference(networks, read, prompt, frames, plan, report)


def preparation(
    networks: ModelComponents, recording: AnyRecording, prompts: Sequence[Prompt], plan: Plan
) -> float:
    """About what share of the whole work it is to find the references of all prompts, 0 to 1."""
    windows = plan.layout.count(latent_frames(networks.codec, recording))
    before, after = 0.0, 0.0
    for prompt in prompts:
        ways = 1
        if not prompt.text and _refers(networks, recording, prompt, plan):
            ways = _WAYS
            before += _FRAMES_TO_TRY + plan.practice * FRAMES_A_STEP
        after += windows * plan.layout.length * len(plan.evaluations) * ways
    return before / max(1.0, before + after)


def _refers(networks: ModelComponents, recording: AnyRecording, prompt: Prompt, plan: Plan) -> bool:
    """Whether there is a mark, and windows that it may not touch."""
    marked = any(span.positive for span in prompt.spans)
    frames = latent_frames(networks.codec, recording)
    return can_refer(networks) and marked and plan.layout.count(frames) > 1


@torch.inference_mode()
def make_reference(
    networks: ModelComponents,
    read: Reader,
    prompt: Prompt,
    frames: int,
    plan: Plan,
    report: Callable[[float], None],
) -> Reference | None:
    """Find the marked moment that is to stand for all of them, and analyse it.

    Args:
        networks: the model, for which `can_refer` holds.
        read: the mixture; asked once.
        prompt: what is marked, and its name if that is known.
        frames: latent frames of the recording.
        plan: how the recording is worked through.
        report: called with the fraction done.

    Returns:
        None if there is no positive span.
    """
    size = networks.codec.samples_per_frame
    # Around the mark frames stay unmarked, not OPEN: that shows what is not wanted.
    anchors = torch.from_numpy(frame_anchors(prompt.spans, frames, frame_rate(networks.codec)))
    stretch = marked_stretch(anchors)
    if stretch is None:
        return None
    if prompt.text:
        # Then there is no phrase to be found, and little that practice could add.
        (wave,) = read([(stretch[0] * size, stretch[1] * size)])
        example = analyse(networks.codec, wave, anchors[slice(*stretch)])
        return Reference(stretch[0], example.context, example.anchors, (Way(prompt.text),))
    whole = marked_stretch(anchors, AROUND, _LONGEST_PRACTISED) or stretch
    others = unmarked_windows(anchors, min(plan.layout.length, _LONGEST_WINDOW))
    order = sorted({stretch, whole, *others})
    waves = read([(start * size, end * size) for start, end in order])
    found = {
        (start, end): analyse(networks.codec, wave, anchors[start:end])
        for (start, end), wave in zip(order, waves, strict=True)
    }
    example, elsewhere = found[stretch], [found[other] for other in others]
    ways: tuple[Way, ...] = (Way(None),)
    for name in nearest_phrases(networks, example):
        ways = (*ways, Way(name), Way(name, example=False))
    practice = plan.practice
    share = _FRAMES_TO_TRY / (_FRAMES_TO_TRY + practice * FRAMES_A_STEP)

    def tried(fraction: float) -> None:
        report(share * fraction)

    def practised(fraction: float) -> None:
        report(share + (1 - share) * fraction)

    moment = Moment(example, found[whole])
    trial = try_ways(networks, moment, elsewhere, ways, plan.seed, tried)
    if trial is None:
        return Reference(stretch[0], example.context, example.anchors, (Way(None),))
    field = adapt(networks, trial.material, example, trial.ways, practice, plan.seed, practised)
    return Reference(stretch[0], example.context, example.anchors, trial.ways, field)


def unmarked_windows(anchors: Tensor, length: int) -> list[tuple[int, int]]:
    """Some windows that no mark of the sound touches, spread over a recording or its beginning.

    Args:
        anchors: `(frames,)`, of the whole recording.
        length: of a window, in frames.

    Returns:
        (start, end) of each in frames, in order; none if every window is touched.
    """
    # Without the last frame, which may be cut short.
    last = max(0, min(len(anchors) - 1, _NEAR) - length)
    starts = sorted({round(i * last / (_WINDOWS - 1)) for i in range(_WINDOWS)})
    windows = [(start, start + length) for start in starts]
    return [(a, b) for a, b in windows if not (anchors[a:b] == POSITIVE).any()]


def marked_stretch(
    anchors: Tensor, around: int = AROUND, longest: int = LONGEST_MARK
) -> tuple[int, int] | None:
    """The longest marked moment, or its beginning, with a little around it.

    Args:
        anchors: `(frames,)`, of the whole recording.
        around: frames on either side, at most.
        longest: marked frames, at most.

    Returns:
        (start, end) in frames; None if nothing is positive.
    """
    mark = longest_mark(anchors)
    if mark is None:
        return None
    start, end = mark
    end = min(end, start + longest)
    return max(0, start - around), min(len(anchors), end + around)
