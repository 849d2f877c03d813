"""Scores of a separation by the default model's judge, stretch by stretch, at any length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from soundsift.audio.resampling import resample
from soundsift.config import DefaultJudgeConfig
from soundsift.models.components import TextEncoder
from soundsift.models.default_judge import (
    RATINGS,
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

#: A target or residual with less than this share of the mixture's energy is silent: nothing was
#: separated, and the overall rating is at most that of the mixture itself.
_SILENCE, _UNCHANGED = 1e-6, 1.8


@dataclass(frozen=True)
class Judgement:
    """Scores of a separation.

    Attributes:
        overall: 1 (5 dB worse than the mixture, or more) to 5 (20 dB better).
        recall: how much of the wanted sound is there, 1 to 5.
        precision: absence of other sounds, 1 to 5.
        faithfulness: absence of artefacts, 1 to 5.
        poor: whether the result is probably no better than the recording itself.
    """

    overall: float
    recall: float
    precision: float
    faithfulness: float
    poor: bool

    def described(self) -> dict[str, Any]:
        """The same for settings files and JSON."""
        return {name: round(getattr(self, name), 2) for name in RATINGS} | {"poor": self.poor}


@dataclass(frozen=True)
class ResultJudge:
    """The judge with everything that it needs.

    Attributes:
        codec: the default model's.
        config: windows and thresholds.
        network: the judge itself.
        hearing: hears windows of target and residual.
        text: encodes phrases.
        references: `(R, dim)`, the hearing network's embeddings of kinds of sound.
    """

    codec: MelCodec
    config: DefaultJudgeConfig
    network: DefaultJudge
    hearing: HearingNetwork
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
        self._judge, self._rate = judge, sample_rate
        self._size = round(judge.config.stretch_seconds * sample_rate)
        self._held: list[np.ndarray] = []
        self._length = 0
        #: Energies of mixture, target and residual.
        self._sums: tuple[float, ...] = (0.0, 0.0, 0.0)
        self._found: list[tuple[float, Tensor]] = []
        self._inverted = prompt.inverted
        self._phrases = _phrases(judge, prompt)

    def add(self, mixture: np.ndarray, target: np.ndarray) -> None:
        """Add a block of both, `(channels, samples)`."""
        # Of everything but a sound, what is rated is the sound.
        named = mixture - target if self._inverted else target
        self._held.append(np.stack([mixture, named]))
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
        energies = torch.tensor([energy for energy, _ in self._found], dtype=torch.float64)
        weights = (energies + 1e-9) / (energies + 1e-9).sum()
        means = torch.stack([ratings for _, ratings in self._found]).T @ weights.float()
        overall, recall, precision, faithfulness = means.clamp(1, 5).tolist()
        mixture, *stems = self._sums
        if min(stems) <= _SILENCE * mixture:
            overall = min(overall, _UNCHANGED)
        poor = overall < self._judge.config.poor
        return Judgement(overall, recall, precision, faithfulness, poor)

    def _judge_first(self, samples: int) -> None:
        whole = self._held[0] if len(self._held) == 1 else np.concatenate(self._held, axis=-1)
        stretch, rest = whole[..., :samples], whole[..., samples:]
        parts = stretch[0], stretch[1], stretch[0] - stretch[1]
        sums = [float(np.square(part, dtype=np.float64).sum()) for part in parts]
        self._sums = tuple(a + b for a, b in zip(self._sums, sums, strict=True))
        self._held, self._length = [rest.copy()] if rest.shape[-1] else [], rest.shape[-1]
        self._found.append(self._of(stretch))

    @torch.inference_mode()
    def _of(self, stretch: np.ndarray) -> tuple[float, Tensor]:
        """Energy of the target, and ratings, of `(2, channels, samples)`."""
        judge, codec = self._judge, self._judge.codec
        device = judge.network.mean.device
        mixture, target = (
            torch.from_numpy(resample(wave, self._rate, codec.sample_rate)).to(device)
            for wave in stretch
        )
        of = cells(codec, mixture, target)
        evidence = self._hear(target, mixture - target, of.target.sum(dim=0))
        ratings: Tensor = judge.network(torch.cat([statistics(of), evidence]))
        return float(np.square(stretch[1], dtype=np.float64).sum()), ratings.cpu()

    def _hear(self, target: Tensor, residual: Tensor, frames: Tensor) -> Tensor:
        judge, config = self._judge, self._judge.config
        length = min(config.window_frames, len(frames))
        starts = loudest_windows(frames, config.windows, length)
        energies = [window_energy(judge.codec, w, starts, length) for w in (target, residual)]
        heard = judge.hearing.embed_frames(judge.codec.detail_context(torch.cat(energies)))
        own, left = heard.float().chunk(2)
        return hearing_evidence(judge.hearing, own, left, self._phrases, judge.references)


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
        prompts: what was asked for.
        settings: those of each result.
        sample_rate: in Hz.
    """
    sessions = [judge.session(prompt, sample_rate) for prompt in prompts]
    for mixture, stems in results:
        for session, own in zip(sessions, stems, strict=False):
            session.add(mixture, own[0])
        yield mixture, stems
    for session, noted in zip(sessions, settings, strict=False):
        noted["judge"] = session.finish().described()


def _phrases(judge: ResultJudge, prompt: Prompt) -> Tensor | None:
    """The hearing network's embeddings of the phrases, `(phrases, dim)`; None without any."""
    phrases = [part.text for part in prompt.parts() if part.text]
    if not phrases:
        return None
    states, mask = judge.text.encode_batch(list(phrases))
    assert states is not None
    assert mask is not None
    with torch.inference_mode():
        return judge.hearing.embed_phrases(states, mask)
