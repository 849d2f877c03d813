"""Batches for the hearing network: scenes mixed from rendered sources, phrases, who is heard when.

Shapes: B scenes, S moments, T latent frames, P phrases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soundsift.config import FRAME_RATE
from soundsift.training.hearing.config import MixingConfig
from soundsift.training.hearing.phrases import SAME, UNCLEAR, Phrases
from soundsift.training.hearing.sources import RenderedSources, audible_frames

#: A source this far below a frame's sum is not heard; between the two it is unclear.
_HEARD, _INAUDIBLE = 10.0**-2.0, 10.0**-3.5
#: Random shares of negatives: the rest are concepts drawn evenly.
_SHARE_OF_GROUPS = 0.1
#: Parts of a source that are tried until it is heard in one.
_ATTEMPTS = 6

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class HearingBatch:
    """Scenes and phrases.

    Attributes:
        energies: `(B, S, bands)`.
        phrases: numbers of the phrases `(P,)`.
        heard: `(B, T, P)`, 0 or 1.
        counted: `(B, T, P)`, bool: False where it is not clear what is right.
    """

    energies: Tensor
    phrases: Tensor
    heard: Tensor
    counted: Tensor


@dataclass(frozen=True)
class MixedScenes:
    """Scenes before phrases are asked.

    Attributes:
        energies: `(B, S, bands)`.
        parts: energies of the frames of their sources, 0 where there are fewer `(B, K, T)`.
        concepts: the sources' concepts `(B, K)`, -1 for what no phrase names.
    """

    energies: Floats
    parts: Floats
    concepts: NDArray[np.int64]


class HearingBatches:
    """Batch number i of a run is always the same.

    Args:
        sources: rendered sources.
        phrases: all phrases.
        law: how scenes are mixed.
        scenes: B.
        negatives: phrases drawn at random; None for one of every concept and group.
        subframes: moments of a latent frame.
        seed: decides a batch together with its number.

    Attributes:
        concepts: of all sources `(N,)`, -1 for what no phrase names.
    """

    def __init__(
        self,
        sources: RenderedSources,
        phrases: Phrases,
        law: MixingConfig,
        scenes: int,
        negatives: int | None,
        subframes: int,
        seed: int,
    ) -> None:
        self.sources, self.phrases, self.law = sources, phrases, law
        self.scenes, self.negatives, self.subframes, self.seed = scenes, negatives, subframes, seed
        clips = sources.clips
        self.concepts = np.array(
            [-1 if clip is None else phrases.concepts[clip.concept] for clip in clips]
        )
        self._beds = np.flatnonzero(
            [clip is None or clip.kind == "ambience" for clip in clips],
        )
        self._named = np.flatnonzero([clip is not None for clip in clips])
        self._counts = np.array(law.counts) / sum(law.counts)

    def __getitem__(self, number: int) -> HearingBatch:
        mixed = self.mixed(number)
        return self.asked(mixed, np.random.default_rng((self.seed, 1, number)))

    def mixed(self, number: int) -> MixedScenes:
        """The scenes of a batch."""
        rng = np.random.default_rng((self.seed, number))
        drawn = [self._scene(rng) for _ in range(self.scenes)]
        most = max(len(concepts) for _, _, concepts in drawn)
        parts = np.zeros((len(drawn), most, drawn[0][1].shape[1]), np.float32)
        concepts = np.full((len(drawn), most), -1)
        for row, (_, own, which) in enumerate(drawn):
            parts[row, : len(own)] = own
            concepts[row, : len(which)] = which
        return MixedScenes(np.stack([mixture for mixture, _, _ in drawn]), parts, concepts)

    def asked(self, mixed: MixedScenes, rng: np.random.Generator) -> HearingBatch:
        """Scenes with phrases and what is right about them."""
        meanings = self._meanings(mixed.concepts, rng)
        chosen = np.array([self.phrases.draw(m, rng) for m in meanings])
        relation = self.phrases.relation[meanings]
        pairs = [
            answers(parts, concepts, relation)
            for parts, concepts in zip(mixed.parts, mixed.concepts, strict=True)
        ]
        return HearingBatch(
            torch.from_numpy(mixed.energies),
            torch.from_numpy(chosen),
            torch.from_numpy(np.stack([heard for heard, _ in pairs])),
            torch.from_numpy(np.stack([counted for _, counted in pairs])),
        )

    def _scene(self, rng: np.random.Generator) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """A mixture `(S, bands)`, energies of its sources' frames `(K, T)`, their concepts."""
        law = self.law
        count = 1 + int(rng.choice(len(self._counts), p=self._counts))
        chosen = list(rng.choice(self._named, count, replace=False))
        decibels = list(rng.uniform(-law.offset_db / 2, law.offset_db / 2, count))
        if count > 1:
            for number in range(count):
                if rng.random() < law.p_quiet:
                    decibels[number] -= rng.uniform(*law.quiet_db)
        if rng.random() < law.p_bed:
            chosen.append(int(rng.choice(self._beds)))
            decibels.append(rng.uniform(*law.bed_db))
        mixture: Floats | None = None
        parts = []
        for number, level in zip(chosen, decibels, strict=True):
            energies, frames = self._part(number, rng)
            active = frames[frames > 0.0]
            gain = 10 ** (level / 10) / max(float(active.mean()) if len(active) else 0.0, 1e-12)
            parts.append(frames * np.float32(gain))
            mixture = energies * np.float32(gain) if mixture is None else mixture + energies * gain
        assert mixture is not None
        bands = mixture.shape[1]
        tilt = rng.uniform(-law.tilt_db, law.tilt_db) / 10 * np.linspace(-0.5, 0.5, bands)
        if rng.random() < law.p_narrow:
            cut = int(rng.uniform(0.45, 0.9) * bands)
            tilt[cut:] -= 4.0
        coloured = mixture * (10.0**tilt).astype(np.float32)
        return coloured.astype(np.float32), np.stack(parts), self.concepts[chosen]

    def _part(self, number: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """A part of a source `(S, bands)` in which it is heard, and energies of its frames."""
        whole: Floats = 10.0 ** self.sources.energies[number].astype(np.float32)
        length = min(round(self.law.seconds * FRAME_RATE), len(whole) // self.subframes)
        every = audible_frames(whole, self.subframes)
        starts = len(every) - length + 1
        for _ in range(_ATTEMPTS):
            start = int(rng.integers(starts))
            if every[start : start + length].any():
                break
        moments = slice(start * self.subframes, (start + length) * self.subframes)
        return whole[moments], every[start : start + length]

    def _meanings(self, concepts: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """What the batch's phrases mean: what is there, its groups, and others at random."""
        relation, known = self.phrases.relation, len(self.phrases.concepts)
        meanings = len(relation)
        if self.negatives is None:
            return np.arange(meanings)
        there = {int(c) for c in concepts.flat if c >= 0}
        groups = set()
        for concept in sorted(there):
            own = known + np.flatnonzero(relation[known:, concept] == SAME)
            if len(own):
                groups.add(int(rng.choice(own)))
        others = set()
        for _ in range(self.negatives):
            wide = rng.random() < _SHARE_OF_GROUPS
            others.add(int(rng.integers(known, meanings) if wide else rng.integers(known)))
        return np.array(sorted(there | groups | others))


def answers(
    parts: Floats, concepts: NDArray[np.int64], relation: NDArray[np.int8]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Which phrase is heard in which frame.

    Args:
        parts: energies of a scene's sources in its frames `(K, T)`.
        concepts: the sources' concepts `(K,)`, -1 for what no phrase names.
        relation: of the phrases to all concepts `(P, concepts)`.

    Returns:
        `(T, P)` of 0 and 1, and whether each is clear.
    """
    total = parts.sum(axis=0)
    loud = (parts > total * _HEARD) & (parts > 0.0)
    faint = (parts > total * _INAUDIBLE) & ~loud
    own = np.where(concepts >= 0, relation[:, np.maximum(concepts, 0)], 0)
    same, unclear = own == SAME, own == UNCLEAR
    heard = _any(loud, same)
    doubt = _any(faint, same) | _any(loud | faint, unclear)
    return heard.astype(np.float32), heard | ~doubt


def _any(sources: NDArray[np.bool_], phrases: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether any source `(K, T)` of those that a phrase `(P, K)` fits is there: `(T, P)`."""
    fits: NDArray[np.bool_] = sources.T.astype(np.float32) @ phrases.T.astype(np.float32) > 0
    return fits
