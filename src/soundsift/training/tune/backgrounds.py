"""The sounds that a tuned sound is mixed with, each with its name.

They come from the sound bank if there is one, else from the generators of procedural sound that
come with the package, and from the user's own recordings without the sound.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from soundsift.checkpoints.minilm import TextEncoder
from soundsift.data.bank import Bank, Clip, Samples
from soundsift.data.captions import GROUPS, load_rules
from soundsift.data.decoding import condition
from soundsift.data.procedural.render import LICENCE, SOURCE, render
from soundsift.data.procedural.table import SOUNDS
from soundsift.training.tune.recordings import TunedClip, clip_in_memory

#: Source of the user's own backgrounds.
OWN = "own background"
#: Variants of each generator for training, and the one for the check.
_VARIANTS, _CHECKED_VARIANT = (0, 1), 2
#: A sound whose name is this close to the caption is not mixed with it: cosine of mean embeddings.
_SAME_MEANING = 0.65
_CAPTIONS_COMPARED = 2


class TuningBank(Bank):
    """Recordings of a sound and backgrounds, in memory or in a sound bank.

    Args:
        waves: clips with their waves.
        bank: more clips, with their samples on disk.
    """

    def __init__(self, waves: Iterable[tuple[Clip, Samples]], bank: Bank | None = None) -> None:
        self.folder = Path() if bank is None else bank.folder
        pairs = list(waves)
        # As in a sound bank: half of the memory, and of what a new process is sent.
        self.waves = {clip.shard: np.round(wave * 32767.0).astype(np.int16) for clip, wave in pairs}
        self.clips = [clip for clip, _ in pairs] + ([] if bank is None else bank.clips)
        self._bank = bank

    def part(self, clips: Sequence[Clip]) -> TuningBank:
        """The same bank with only some of its clips."""
        part = copy.copy(self)
        part.clips = list(clips)
        return part

    def pcm(self, clip: Clip, start: int, end: int, keep: bool = True) -> NDArray[np.int16]:
        """See `Bank.pcm`."""
        wave = self.waves.get(clip.shard)
        if wave is not None:
            return wave[start:end]
        assert self._bank is not None
        return self._bank.pcm(clip, start, end, keep)


def find_backgrounds(
    bank: Path | None,
    own: Sequence[tuple[str, Samples]],
    held_out: bool,
    on_clip: Callable[[int, int], None] = lambda *_: None,
) -> TuningBank:
    """Sounds to mix a tuned sound with.

    Args:
        bank: a sound bank; None for procedural sound.
        own: the user's recordings without the sound, by name. They are heard, and no query names
            them.
        held_out: whether those for the check are wanted, of which training hears none.
        on_clip: called with the number of clips that are there, and that of all.

    Raises:
        SoundsiftError: the bank is not there.
    """
    if bank is not None:
        clips = Bank(bank, ("validation",) if held_out else ("train",))
        return TuningBank(_pieces(own, held_out), clips)
    variants = (_CHECKED_VARIANT,) if held_out else _VARIANTS
    jobs = [(name, variant) for name in SOUNDS for variant in variants]
    pairs = []
    rules = load_rules()
    for number, (name, variant) in enumerate(jobs, start=1):
        on_clip(number, len(jobs))
        wave = condition(render(name, variant))
        if wave is None:
            continue
        concept = rules.concepts[SOUNDS[name].concept]
        clip = clip_in_memory(
            f"{name}/{variant}", concept.name, concept.kind, wave, source=SOURCE, licence=LICENCE
        )
        pairs.append((replace(clip, groups=concept.groups, captions=concept.captions), wave))
    return TuningBank([*pairs, *_pieces(own, held_out)])


def without_meaning(bank: TuningBank, captions: Iterable[str], text: TextEncoder) -> list[Clip]:
    """The clips of a bank that none of some captions could mean.

    Args:
        bank: the bank.
        captions: phrases for the tuned sound.
        text: encodes phrases.
    """
    wanted = torch.stack([_meaning(text, caption) for caption in captions])
    text.encode_ahead(name for clip in bank.clips for name in clip.captions[:_CAPTIONS_COMPARED])
    close: dict[str, bool] = {}
    for clip in bank.clips:
        if clip.concept not in close:
            meanings = [_meaning(text, name) for name in clip.captions[:_CAPTIONS_COMPARED]]
            close[clip.concept] = bool(meanings) and bool(
                (torch.stack(meanings) @ wanted.T).max() >= _SAME_MEANING
            )
    return [clip for clip in bank.clips if not close[clip.concept]]


def other_phrases(captions: Iterable[str], text: TextEncoder) -> list[str]:
    """The names of all sounds in the caption rules and of their groups but those of a tuned sound.

    Args:
        captions: phrases for the tuned sound.
        text: encodes phrases.
    """
    wanted = torch.stack([_meaning(text, caption) for caption in captions])
    names = [*load_rules().concepts, *(phrases[0] for phrases in GROUPS.values())]
    text.encode_ahead(names)
    return [
        name
        for name in sorted(set(names))
        if float((wanted @ _meaning(text, name)).max()) < _SAME_MEANING
    ]


def tuned_bank(clips: Sequence[TunedClip], backgrounds: TuningBank) -> TuningBank:
    """A bank of a tuned sound and its backgrounds."""
    return TuningBank([(one.clip, one.wave) for one in clips], backgrounds)


def _meaning(text: TextEncoder, phrase: str) -> Tensor:
    return functional.normalize(text.encode(phrase).mean(dim=0), dim=0)


def _pieces(own: Sequence[tuple[str, Samples]], held_out: bool) -> list[tuple[Clip, Samples]]:
    """The user's own backgrounds; of each recording, the last quarter is for the check."""
    pairs = []
    for name, wave in own:
        cut = len(wave) * 3 // 4
        part = wave[cut:] if held_out else wave[:cut]
        clip = clip_in_memory(name, f"background of {name}", "ambience", part, source=OWN)
        pairs.append((replace(clip, captions=("background noise",)), part))
    return pairs
