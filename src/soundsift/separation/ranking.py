"""Candidates: several noises for one prompt, of which the best result is returned.

After arXiv 2512.18099 and the authors' code, a candidate's score is 5 x CLAP similarity + 1 x the
judge's overall rating where there is a text. Where spans were given by hand, SpanIoU is added with
a weight of 1, which is our choice. Predicted spans don't count: they come from the same text.

All candidates are sampled as one batch from one encoding of the mixture, and kept as latents. For
the ranking only targets are decoded, in stretches of 30 s whose scores are averaged; then the stems
of the best one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from soundsift.models.components import ModelComponents
from soundsift.models.waveform_codec import ConsistentCodec
from soundsift.sampling.buffers import SlidingBuffer
from soundsift.separation.codec_input import AnyRecording, codec_waves, latent_frames
from soundsift.separation.pipeline import sample_latents
from soundsift.separation.request import SeparationRequest, candidate_seed
from soundsift.separation.span_iou import STEPS_PER_SECOND, span_iou
from soundsift.spans import Span

CLAP_WEIGHT, JUDGE_WEIGHT, SPAN_IOU_WEIGHT = 5.0, 1.0, 1.0

#: Frames that are ranked together at most: 30 s.
_STRETCH = 750

#: Share of the progress that sampling takes, and that ranking has reached when it ends.
_SAMPLED, _RANKED = 0.8, 0.98


@dataclass(frozen=True)
class CandidateScores:
    """Scores of one candidate; None for those that do not apply to the prompt.

    Attributes:
        clap: cosine of target and phrase, -1 to 1.
        overall, recall, precision, faithfulness: the judge's ratings, 1 to 5.
        span_iou: agreement with the given spans, 0 to 1.
    """

    clap: float | None = None
    overall: float | None = None
    recall: float | None = None
    precision: float | None = None
    faithfulness: float | None = None
    span_iou: float | None = None

    @property
    def score(self) -> float:
        """The weighted sum that candidates are ranked by."""
        weighted = (
            (CLAP_WEIGHT, self.clap),
            (JUDGE_WEIGHT, self.overall),
            (SPAN_IOU_WEIGHT, self.span_iou),
        )
        return sum(weight * value for weight, value in weighted if value is not None)

    def described(self, seed: int) -> dict[str, Any]:
        """The same for settings files, with the seed that gives the candidate."""
        scores = {name: value for name, value in asdict(self).items() if value is not None}
        rounded = {name: round(value, 4) for name, value in scores.items()}
        return {"seed": seed, "score": round(self.score, 4)} | rounded


@torch.inference_mode()
def choose_candidates(
    recording: AnyRecording, request: SeparationRequest, report: Callable[[float], None]
) -> SeparationRequest:
    """Sample all candidates of a request, and choose the best for each prompt.

    Args:
        recording: the mixture.
        request: with the number of candidates; with one, it is returned as it is.
        report: called with the fraction done, 0 to 1.

    Returns:
        The request with the latents of the chosen candidates. Each prompt's settings list the
        `candidates` with their scores, and the seeds of those chosen, one per phrase, as
        `chosen_seeds`.

    Raises:
        SoundsiftError: a ranker is not on this machine, or damaged.
    """
    count, model = request.candidates, request.model
    if count == 1:
        return request
    assert model.rankers is not None
    model.rankers.check()
    latents = _sample(recording, request, report)  # (prompts, candidates, rows, frames, channels)
    seeds = [candidate_seed(request.plan.seed, number) for number in range(count)]
    # The settings of the prompt that each phrase belongs to.
    owners = [index for index, size in enumerate(request.sizes) for _ in range(size)]
    chosen, settings = [], [dict(own) for own in request.settings]
    for index, (inputs, owner) in enumerate(zip(request.prompts, owners, strict=True)):
        own = settings[owner]
        spans = () if own["spans_predicted"] else inputs.prompt.spans
        scores = _rank(model, recording, latents[index], inputs.prompt.text, spans)
        best = max(range(count), key=lambda number: scores[number].score)
        chosen.append(latents[index, best])
        phrase = {} if request.sizes[owner] == 1 else {"text": inputs.prompt.text}
        described = [phrase | one.described(seed) for one, seed in zip(scores, seeds, strict=True)]
        own["candidates"] = [*own.get("candidates", ()), *described]
        own["chosen_seeds"] = [*own.get("chosen_seeds", ()), seeds[best]]
        done = (index + 1) / len(request.prompts)
        report(_SAMPLED + done * (_RANKED - _SAMPLED))
    return replace(request, settings=settings, latents=torch.cat(chosen))


def _sample(
    recording: AnyRecording, request: SeparationRequest, report: Callable[[float], None]
) -> Tensor:
    """Latents of all candidates, `(prompts, candidates, rows, frames, 2 * latent_channels)`."""
    model, count = request.model, request.candidates
    windows = request.plan.layout.count(latent_frames(model.codec, recording))
    total, done = windows * len(request.plan.evaluations), 0

    def advance(evaluated: int) -> None:
        nonlocal done
        done += evaluated
        report(_SAMPLED * min(1.0, done / total))

    report(0.0)
    drawn = [
        replace(inputs, candidate=number) for inputs in request.prompts for number in range(count)
    ]
    waves = codec_waves(model, recording)
    latents = torch.cat(list(sample_latents(model, waves, drawn, request.plan, advance)), dim=1)
    return latents.reshape(len(request.prompts), count, -1, *latents.shape[1:])


def _rank(
    model: ModelComponents,
    recording: AnyRecording,
    latents: Tensor,
    phrase: str | None,
    spans: Sequence[Span],
) -> list[CandidateScores]:
    """Scores of candidates `(candidates, rows, frames, 2 * latent_channels)` of one prompt."""
    rankers = model.rankers
    assert rankers is not None
    count, steps = len(latents), model.codec.sample_rate // STEPS_PER_SECOND
    sums: dict[str, Tensor] = {}
    energies: list[Tensor] = []
    samples = 0
    for mixture, targets in _stretches(model, latents, codec_waves(model, recording)):
        length = len(mixture)
        samples += length
        if phrase:
            ratings = rankers.ratings(mixture, targets, phrase)
            own = {"clap": rankers.similarity(targets, phrase)} | vars(ratings)
            for name, values in own.items():
                sums[name] = sums.get(name, torch.zeros(count)) + length * values.float().cpu()
        padded = torch.nn.functional.pad(targets.cpu(), (0, -length % steps))
        energies.append(padded.reshape(count, -1, steps).square().sum(dim=-1))
    means = {name: values / samples for name, values in sums.items()}
    heard = torch.cat(energies, dim=-1).double().numpy()
    marked = any(span.positive for span in spans)
    return [
        CandidateScores(
            **{name: float(values[number]) for name, values in means.items()},
            span_iou=span_iou(heard[number], spans) if marked else None,
        )
        for number in range(count)
    ]


def _stretches(
    model: ModelComponents, latents: Tensor, waves: Iterator[Tensor]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Stretches of equal length, of 30 s at most: the mixture and every candidate's target.

    Args:
        model: its codec decodes.
        latents: `(candidates, rows, frames, 2 * latent_channels)`.
        waves: the mixture at the codec's rate, in pieces `(1, channels, samples)`.

    Yields:
        The mixture `(samples,)` and the targets `(candidates, samples)`, mono.
    """
    codec, frames = model.codec, latents.shape[2]
    if isinstance(codec, ConsistentCodec):
        codec = codec.uniting(())  # a phrase at a time
    size, margin = codec.samples_per_frame, codec.stems_margin
    mixture = SlidingBuffer(waves, dim=-1)
    parts = -(-frames // _STRETCH)
    edges = [round(part * frames / parts) for part in range(parts + 1)]
    for start, stop in pairwise(edges):
        left, right = max(0, start - margin), min(frames, stop + margin)
        wave = mixture.read(left * size, right * size)
        own = slice((start - left) * size, (stop - left) * size)
        targets = [codec.targets(one[:, left:right], wave)[0, :, own] for one in latents]
        yield wave[0, :, own].mean(dim=0), torch.stack(targets).mean(dim=1)
        mixture.discard(max(0, stop - margin) * size)
