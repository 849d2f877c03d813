"""Scores of a separation by the default model's judge, stretch by stretch, at any length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from soundsift.audio.resampling import resample
from soundsift.devices import pick_dtype
from soundsift.models.components import TextEncoder
from soundsift.models.default_judge import (
    EVIDENCE,
    DefaultJudge,
    cells,
    hearing_evidence,
    loudest_windows,
    statistics,
    window_energy,
)
from soundsift.models.hearing import HearingNetwork
from soundsift.models.mel_codec import MelCodec
from soundsift.prompts import Prompt
from soundsift.spans import Span, frame_anchors

#: A stretch with less of the target's energy says nothing of its presence.
_SHARE = 1e-3


@dataclass(frozen=True)
class Judgement:
    """Scores of a separation.

    Attributes:
        overall: 1 (no better than the mixture, or worse) to 5 (20 dB better).
        recall: how much of the wanted sound is there, 1 to 5.
        precision: absence of other sounds, 1 to 5.
        faithfulness: absence of artefacts, 1 to 5.
        present: probability that the sound is in the recording; None without a phrase.
        poor: whether the result is probably no better than the recording itself.
        absent: whether the sound is probably not in the recording.
    """

    overall: float
    recall: float
    precision: float
    faithfulness: float
    present: float | None
    poor: bool
    absent: bool

    def described(self) -> dict[str, Any]:
        """The same for settings files and JSON."""
        numbers = ("overall", "recall", "precision", "faithfulness", "present")
        values = {name: getattr(self, name) for name in numbers}
        rounded = {name: None if v is None else round(v, 2) for name, v in values.items()}
        return rounded | {"poor": self.poor, "absent": self.absent}


@dataclass(frozen=True)
class ResultJudge:
    """The judge with everything that it needs.

    Attributes:
        codec: the default model's.
        network: the judge's own network.
        hearing: hears windows of the target; None if the network does without.
        text: encodes phrases.
        references: `(R, dim)`, embeddings of phrases to compare with.
    """

    codec: MelCodec
    network: DefaultJudge
    hearing: HearingNetwork | None
    text: TextEncoder
    references: Tensor

    def session(self, prompt: Prompt, sample_rate: int) -> JudgeSession:
        """Judge one separation, block by block.

        Args:
            prompt: what was asked for.
            sample_rate: of the blocks, in Hz.
        """
        return JudgeSession(self, prompt, sample_rate)

    def score(
        self, mixture: np.ndarray, target: np.ndarray, sample_rate: int, prompt: Prompt
    ) -> Judgement:
        """Judge a separation of any length, `(channels, samples)` each."""
        session = self.session(prompt, sample_rate)
        session.add(mixture, target)
        return session.finish()


class JudgeSession:
    """Judges one separation whose blocks arrive one after the other, in bounded memory.

    Args:
        judge: the judge.
        prompt: what was asked for.
        sample_rate: of the blocks, in Hz.
    """

    def __init__(self, judge: ResultJudge, prompt: Prompt, sample_rate: int) -> None:
        self._judge, self._prompt, self._rate = judge, prompt, sample_rate
        self._size = round(judge.network.config.stretch_seconds * sample_rate)
        self._held: list[np.ndarray] = []
        self._length = self._done = 0
        self._found: list[tuple[float, Tensor, float]] = []
        self._phrase = _phrase(judge, prompt)

    def add(self, mixture: np.ndarray, target: np.ndarray) -> None:
        """Add a block of both, `(channels, samples)`."""
        self._held.append(np.stack([mixture, target]))
        self._length += mixture.shape[-1]
        # The last stretch may be up to half as long again, so that none is very short.
        while self._length >= 2 * self._size:
            self._judge_first(self._size)

    def finish(self) -> Judgement:
        """The scores of all blocks; there must be at least one."""
        if self._length > 1.5 * self._size:
            self._judge_first(self._length // 2)
        if self._length:
            self._judge_first(self._length)
        energies = np.array([energy for energy, _, _ in self._found])
        weights = torch.tensor((energies + 1e-9) / (energies + 1e-9).sum(), dtype=torch.float32)
        means = torch.stack([ratings for _, ratings, _ in self._found]).T @ weights
        overall, recall, precision, faithfulness = means.clamp(1, 5).tolist()
        config = self._judge.network.config
        present = None
        if self._prompt.text:
            heard = energies >= _SHARE * energies.max()
            present = max(p for (_, _, p), counts in zip(self._found, heard, strict=True) if counts)
        absent = present is not None and present < config.present
        poor = not absent and overall < config.poor
        return Judgement(overall, recall, precision, faithfulness, present, poor, absent)

    def _judge_first(self, samples: int) -> None:
        whole = self._held[0] if len(self._held) == 1 else np.concatenate(self._held, axis=-1)
        stretch, rest = whole[..., :samples], whole[..., samples:]
        self._held, self._length = [rest.copy()] if rest.shape[-1] else [], rest.shape[-1]
        self._found.append(self._of(stretch))
        self._done += samples

    @torch.inference_mode()
    def _of(self, stretch: np.ndarray) -> tuple[float, Tensor, float]:
        """Energy, ratings and probability of presence of `(2, channels, samples)`."""
        judge, codec = self._judge, self._judge.codec
        device = judge.network.mean.device
        waves = [
            torch.from_numpy(resample(wave, self._rate, codec.sample_rate)).to(device)
            for wave in stretch
        ]
        of = cells(codec, *waves)
        frames = of.target.sum(dim=0)
        anchors = self._anchors(len(frames))
        numbers = statistics(of, anchors, bool(self._prompt.text))
        evidence = numbers.new_zeros(len(EVIDENCE))
        if judge.hearing is not None and self._phrase is not None:
            evidence = self._hear(judge.hearing, self._phrase, waves, frames)
        ratings, present = judge.network(torch.cat([numbers, evidence])[None])
        energy = float(np.square(stretch[1], dtype=np.float64).sum())
        mean: Tensor = ratings.mean(dim=0)[0]
        return energy, mean.cpu(), float(present.mean().sigmoid())

    def _hear(
        self, hearing: HearingNetwork, phrase: Tensor, waves: list[Tensor], frames: Tensor
    ) -> Tensor:
        judge, config = self._judge, self._judge.network.config
        length = min(config.window_frames, len(frames))
        starts = loudest_windows(frames, config.windows, length)
        energies = [window_energy(judge.codec, wave, starts, length) for wave in waves]
        context = judge.codec.detail_context(torch.cat(energies))
        low = pick_dtype(context.device) == torch.bfloat16
        with torch.autocast(context.device.type, torch.bfloat16, enabled=low):
            heard = hearing.embed_frames(context)
        mixture, target = heard.float().chunk(2)
        own, seen = (hearing.logits(part, phrase)[..., 0] for part in (target, mixture))
        return hearing_evidence(own, seen, hearing.logits(target, judge.references))

    def _anchors(self, frames: int) -> Tensor | None:
        """The spans of the stretch that begins after what is done."""
        if not self._prompt.spans:
            return None
        begin = self._done / self._rate
        spans = tuple(_shifted(self._prompt.spans, begin))
        return torch.from_numpy(frame_anchors(spans, frames))


def judged(
    results: Iterator[tuple[np.ndarray, np.ndarray]],
    judge: ResultJudge,
    prompts: Sequence[Prompt],
    settings: Sequence[dict[str, Any]],
    sample_rate: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pass results on, and put their ratings into their settings at the end, as `judge`.

    Args:
        results: blocks of the mixture `(channels, samples)` and of its stems `(prompts, 2,
            channels, samples)`; there may be one more for the rest.
        judge: the judge.
        prompts: what was asked for. Those whose target is everything but a sound are not rated.
        settings: those of each result.
        sample_rate: in Hz.
    """
    sessions = [
        None if prompt.inverted else judge.session(prompt, sample_rate) for prompt in prompts
    ]
    for mixture, stems in results:
        for session, own in zip(sessions, stems, strict=False):
            if session is not None:
                session.add(mixture, own[0])
        yield mixture, stems
    for session, noted in zip(sessions, settings, strict=False):
        if session is not None:
            noted["judge"] = session.finish().described()


def _shifted(spans: tuple[Span, ...], begin: float) -> Iterator[Span]:
    for span in spans:
        if span.end - begin > 1e-6:
            yield Span(max(0.0, span.start - begin), span.end - begin, span.positive)


def _phrase(judge: ResultJudge, prompt: Prompt) -> Tensor | None:
    """The hearing network's embedding of the phrase, `(1, dim)`; None without either."""
    if not prompt.text or judge.hearing is None:
        return None
    states, mask = judge.text.encode_batch([prompt.text])
    assert states is not None
    assert mask is not None
    with torch.inference_mode():
        return judge.hearing.embed_phrases(states, mask)
