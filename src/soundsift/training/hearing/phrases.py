"""Phrases of all concepts and groups, and which sound answers which phrase.

Shapes: K concepts, P phrases, W width of the text encoder's states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soundsift.checkpoints.minilm import TextEncoder
from soundsift.data.bank import Bank, Clip
from soundsift.data.captions import GROUPS
from soundsift.data.scenes import alike

#: What a phrase says of a source.
DIFFERENT, SAME, UNCLEAR = 0, 1, 2


@dataclass(frozen=True)
class Phrases:
    """All phrases of a bank.

    Attributes:
        texts: the phrases.
        meanings: number of each phrase's meaning: a concept's, or that of a group behind them.
        of_meaning: numbers of the phrases of each meaning; of a concept, its name first.
        relation: `(meanings, K)`: `SAME`, `DIFFERENT` or `UNCLEAR`.
        concepts: numbers of the concepts.
        names: of all meanings.
    """

    texts: list[str]
    meanings: NDArray[np.int64]
    of_meaning: list[NDArray[np.int64]]
    relation: NDArray[np.int8]
    concepts: dict[str, int]
    names: list[str]

    def draw(self, meaning: int, rng: np.random.Generator) -> int:
        """Number of a phrase of a meaning; a concept's name comes more often than any other."""
        own = self.of_meaning[meaning]
        named = meaning < len(self.concepts) and rng.random() < 0.3
        return int(own[0] if named else own[rng.integers(len(own))])


def all_phrases(bank: Bank, kept: Sequence[str] = ()) -> Phrases:
    """The phrases of a bank's concepts and groups.

    Args:
        bank: whose clips' captions.
        kept: phrases to leave out, for measuring phrasings that were never trained on.
    """
    clips: dict[str, Clip] = {}
    for clip in sorted(bank.clips, key=lambda clip: clip.concept):
        clips.setdefault(clip.concept, clip)
    out = set(kept)
    texts: list[str] = []
    of_meaning: list[NDArray[np.int64]] = []
    groups = [g for g in GROUPS if any(g in clip.groups for clip in clips.values())]
    sayings = [clip.captions for clip in clips.values()] + [GROUPS[g] for g in groups]
    for captions in sayings:
        own = [text for number, text in enumerate(captions) if number == 0 or text not in out]
        of_meaning.append(np.arange(len(texts), len(texts) + len(own)))
        texts += own
    relation = np.zeros((len(sayings), len(clips)), np.int8)
    for column, clip in enumerate(clips.values()):
        for row, other in enumerate(clips.values()):
            if row == column:
                relation[row, column] = SAME
            elif alike(clip, other):
                relation[row, column] = UNCLEAR
        for row, group in enumerate(groups, len(clips)):
            if group in clip.groups:
                relation[row, column] = SAME
            elif _may_hold(clip.kind, group):
                relation[row, column] = UNCLEAR
    return Phrases(
        texts,
        np.repeat(np.arange(len(of_meaning)), [len(own) for own in of_meaning]),
        of_meaning,
        relation,
        {name: number for number, name in enumerate(clips)},
        [*clips, *groups],
    )


#: Groups of what a whole track may hold.
_OF_MUSIC = frozenset({
    "singing", "voice", "drums", "percussion", "strings", "brass", "woodwind", "keyboard", "guitar",
    "bass", "synth",
})  # fmt: skip


def _may_hold(kind: str, group: str) -> bool:
    """Whether a sound of a kind may fairly be called by a group that it is not listed under."""
    if group == "music":
        return kind in ("music", "instrument", "singing")
    if group == "speech":
        return kind == "singing"
    return kind == "music" and group in _OF_MUSIC


def phrase_states(texts: Sequence[str], text: TextEncoder) -> Tensor:
    """Mean of each phrase's token states `(P, 1, W)`, as one token for the network."""
    return torch.stack([text.encode(phrase).mean(dim=0) for phrase in texts])[:, None]


def prior_offsets(phrases: Phrases, concepts: NDArray[np.int64], strength: float) -> Tensor:
    """What is added to the logits while training, per meaning.

    A sound that is frequent in training is found likely everywhere. The frequency goes into this
    offset instead, and without the offset rare sounds are as likely as frequent ones (Menon et
    al., Long-tail learning via logit adjustment, ICLR 2021).

    Args:
        phrases: all phrases.
        concepts: of all sources that scenes are mixed from, -1 for what no phrase names.
        strength: 0 for none, 1 for all of it.
    """
    counts = np.bincount(concepts[concepts >= 0], minlength=len(phrases.concepts))
    frequency = (phrases.relation == SAME) @ counts / max(1, len(concepts))
    logarithms = np.log(np.maximum(frequency, 1 / max(1, len(concepts))))
    offsets = strength * (logarithms - logarithms.mean())
    return torch.from_numpy(offsets.astype(np.float32))
