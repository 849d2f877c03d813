"""A sound named in words is looked for twice: the second time it is also known by how it sounds.

In a recording of many windows each is asked the same words and has to find out for itself what they
mean here. So a first pass finds the clearest moment of the sound, loud and with little beside it,
and in the second it goes along with every window as an example, as a marked moment does
(`soundsift.separation.references`). Windows then agree on which dog is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from soundsift.prompts import Span
from soundsift.separation.along import stems_along
from soundsift.separation.codec_rate import AnyRecording, latent_frames, waves_of
from soundsift.separation.networks import Networks
from soundsift.separation.plan import Plan
from soundsift.separation.references import AROUND, LONGEST, can_refer, find_reference
from soundsift.separation.sharing import shared
from soundsift.separation.track import Track
from soundsift.separation.wanted import Wanted

#: Frames of a moment, at most: with what is shown beside it, it fills a reference.
_MOMENT = LONGEST - 2 * AROUND
#: Heard is what lies within so much of the loudest frame's energy, and is so much of the mixture's.
_LOUD, _SHARE = 0.01, 0.25
#: Frames of a pause within a moment, at most.
_PAUSE = 5
#: In what was found: half of an answer is that by words alone, for it may be another sound.
_TRUST = 0.5
#: The first pass's part of the work: the second answers every window twice.
FIRST_LOOK = 1 / 3


def can_look_again(
    networks: Networks, recording: AnyRecording, wanted: Sequence[Wanted], plan: Plan
) -> bool:
    """Whether a first pass can help: windows share an answer, and some sound has words alone."""
    several = plan.layout.count(latent_frames(networks.codec, recording)) > 1
    joined = several and not plan.apart
    return joined and can_refer(networks) and any(_by_text_alone(own) for own in wanted)


def with_examples(
    networks: Networks,
    recording: AnyRecording,
    wanted: Sequence[Wanted],
    plan: Plan,
    report: Callable[[float], None],
) -> list[Wanted]:
    """The prompts, those of text alone with an example that a first pass has found.

    Args:
        networks: the model.
        recording: what is to be separated.
        wanted: the prompts.
        plan: how to go about both passes.
        report: called with the fraction of the first pass that is done, 0 to 1.
    """
    total = plan.layout.count(latent_frames(networks.codec, recording)) * len(plan.evaluations)
    done = 0

    def advance(evaluated: int) -> None:
        nonlocal done
        done += evaluated
        report(min(1.0, done / total))

    places = [place for place, own in enumerate(wanted) if _by_text_alone(own)]
    waves = waves_of(networks, recording)
    asked = [wanted[place] for place in places]
    known = list(wanted)
    for place, moment in zip(
        places, clearest_moments(networks, waves, asked, plan, advance), strict=True
    ):
        if moment is not None:
            reference = find_reference(networks, recording, (moment,), plan)
            known[place] = replace(wanted[place], reference=reference, trust=_TRUST)
    return known


def _by_text_alone(wanted: Wanted) -> bool:
    prompt = wanted.prompt
    return prompt.text is not None and not prompt.spans and prompt.visual is None


@torch.inference_mode()
def clearest_moments(
    networks: Networks,
    waves: Iterator[Tensor],
    wanted: Sequence[Wanted],
    plan: Plan,
    advance: Callable[[int], None],
) -> list[Span | None]:
    """Separate a recording to find out where each sound is heard best.

    Args:
        networks: the model.
        waves: the mixture at the codec's rate, in pieces `(1, channels, samples)`.
        wanted: the prompts.
        plan: how to go about it.
        advance: called with the number of windows just evaluated.

    Returns:
        For each prompt a moment of up to 2 s; None where it is heard nowhere clearly.
    """
    size = networks.codec.samples_per_frame
    ahead, beside = shared(waves, 2)
    mixture = Track(beside, dim=-1)
    targets, mixtures, start = [], [], 0
    for stems in stems_along(networks, ahead, wanted, plan, advance):
        end = start + stems.shape[-1]
        targets.append(_energies(stems[:, 0], size))
        mixtures.append(_energies(mixture.part(start, end), size))
        mixture.forget(end)
        start = end
    whole = torch.cat(mixtures, dim=-1)[0]
    rate = networks.codec.sample_rate / size
    moments = [clearest(target, whole) for target in torch.cat(targets, dim=-1)]
    return [None if m is None else Span(m[0] / rate, m[1] / rate) for m in moments]


def clearest(target: Tensor, mixture: Tensor) -> tuple[int, int] | None:
    """Where a sound is loud, with little beside it.

    Args:
        target: energies `(frames,)` of what was found.
        mixture: of everything.

    Returns:
        First frame and the one after the last; None if it is nowhere a quarter of what is heard.
    """
    share = (target / mixture.clamp(min=1e-12)).clamp(max=1.0)
    heard = (target > _LOUD * target.max()) & (share > _SHARE)
    # Amplitudes, or one bang would outweigh a sentence.
    worth = (target * share * heard).sqrt()
    length = min(_MOMENT, len(worth))
    sums = functional.pad(worth.double().cumsum(0), (1, 0))
    begin = int((sums[length:] - sums[:-length]).argmax())
    frames = [begin + i for i in heard[begin : begin + length].nonzero().flatten().tolist()]
    runs: list[list[int]] = []
    for frame in frames:
        if not runs or frame - runs[-1][-1] > _PAUSE:
            runs.append([])
        runs[-1].append(frame)
    if not runs:
        return None
    longest = max(runs, key=len)
    return longest[0], longest[-1] + 1


def _energies(wave: Tensor, size: int) -> Tensor:
    """Of each frame: `(items, channels, samples)` to `(items, frames)`, on the CPU."""
    padded = functional.pad(wave, (0, -wave.shape[-1] % size))
    frames = padded.reshape(*padded.shape[:2], -1, size)
    return frames.square().sum(dim=(1, 3)).cpu()
