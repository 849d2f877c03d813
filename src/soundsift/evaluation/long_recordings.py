"""Five-minute recordings in which a sound comes back again and again, for what concerns length.

Do windows join without a seam? Does a mark in the first minute reach the last? A recording is a
background of one or two sounds, the first without end, and a target that occurs 10 to 20 times,
at least twice in the first minute, by the same voice or at least of the same concept.

Recordings of the split "validation" are for choosing, those of "test" for reporting.

Shapes: N samples at 48 kHz.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Bank, Clip, Samples
from soundsift.data.spans import active_spans
from soundsift.errors import SoundsiftError
from soundsift.evaluation.laying import endless, lay_recurring, levelled
from soundsift.evaluation.metrics import si_sdr
from soundsift.evaluation.scenes import confusable
from soundsift.spans import Span

SECONDS = 300.0
#: Kinds of targets, in turn.
TARGETS = ("speech", "instrument", "effect")

_SEED = 251218100
_ATTEMPTS = 200
_OCCURRENCES = (10, 20)
#: A target's clips are at least so long, and cut off at the longest, in seconds.
_SHORTEST, _LONGEST = 0.4, 6.0
#: Different clips of a target, at most and, where a voice has them, at least.
_CLIPS, _FEW = 6, 3
_ENDLESS = frozenset({"music", "ambience"})
#: As in training: levels while a sound is heard differ by at most 15 dB.
_LEVEL_DB, _OFFSET_DB = -26.0, 7.5


@dataclass(frozen=True)
class LongScene:
    """A long recording and what is asked of it.

    Attributes:
        number: which one it is.
        kind: of the target, one of `TARGETS`.
        text: the target's canonical caption.
        background: canonical captions of the other sounds.
        mixture: all sounds together `(1, N)`.
        target: the right answer `(1, N)`.
        occurrences: (start, end) in seconds of each time that the target was laid in.
    """

    number: int
    kind: str
    text: str
    background: tuple[str, ...]
    mixture: Samples
    target: Samples
    occurrences: tuple[tuple[float, float], ...]

    @property
    def spans(self) -> tuple[Span, ...]:
        """Everywhere that the target is heard."""
        found = active_spans(self.target[0], SAMPLE_RATE)
        return tuple(Span(round(a, 2), round(b, 2)) for a, b in found if round(b, 2) > round(a, 2))

    @property
    def first_span(self) -> Span:
        """What a user would mark: the longest time that the target is heard in the first minute."""
        return max((s for s in self.spans if s.end <= 60.0), key=lambda s: s.end - s.start)


class LongScenes:
    """Draws long recordings; number i of a split is always the same.

    Args:
        folder: the sound bank.
        split: "validation" or "test".

    Raises:
        SoundsiftError: if the bank is not there, or lacks what a recording is made of.
    """

    def __init__(self, folder: Path, split: str) -> None:
        trained = {clip.concept for clip in Bank(folder).clips}
        self._bank, self._split = Bank(folder, (split,)), split
        clips = [c for c in self._bank.clips if c.concept in trained and c.seconds >= _SHORTEST]
        self._endless = [c for c in clips if c.kind in _ENDLESS and c.seconds >= 4.0]
        self._events: dict[str, dict[str, list[Clip]]] = defaultdict(lambda: defaultdict(list))
        for clip in clips:
            if clip.kind in TARGETS:
                self._events[clip.kind][clip.concept].append(clip)
        for kind in TARGETS:
            own = self._events[kind]
            self._events[kind] = {name: c for name, c in own.items() if len(c) >= _FEW}
        if not self._endless or not all(self._events[kind] for kind in TARGETS):
            raise SoundsiftError(
                f"{folder}: too few {split} clips for long recordings. Build the whole bank "
                "with `soundsift data build`."
            )

    def scene(self, number: int, seconds: float = SECONDS) -> LongScene:
        """Recording `number`: the kinds of targets take turns.

        Args:
            number: which one, from 0.
            seconds: its length; at least two occurrences end in the first minute.
        """
        kind = TARGETS[number % len(TARGETS)]
        samples = round(seconds * SAMPLE_RATE)
        for attempt in range(_ATTEMPTS):
            rng = np.random.default_rng((_SEED, number, attempt))
            own = self._clips(kind, rng)
            others = [[self._endless[int(rng.integers(len(self._endless)))]]]
            if rng.random() < 0.5:
                others.append(self._clips(str(rng.choice(TARGETS)), rng))
            sources = [own[0], *[clips[0] for clips in others]]
            if any(confusable(a, b) for i, a in enumerate(sources) for b in sources[:i]):
                continue
            target = np.zeros(samples, np.float32)
            count = int(rng.integers(*_OCCURRENCES))
            times = lay_recurring(target, self._bank, own, count, _LONGEST, rng)
            scene_target = _levelled(target, rng)
            mixture = scene_target + _levelled(endless(self._bank, others[0][0], samples, rng), rng)
            for clips in others[1:]:
                wave = np.zeros(samples, np.float32)
                count = int(rng.integers(20, 40))
                lay_recurring(wave, self._bank, clips, count, _LONGEST, rng)
                mixture += _levelled(wave, rng)
            scene = LongScene(
                number=number,
                kind=kind,
                text=own[0].captions[0],
                background=tuple(clips[0].captions[0] for clips in others),
                mixture=mixture[None],
                target=scene_target[None],
                occurrences=tuple(times),
            )
            if sum(span.end <= 60.0 for span in scene.spans) >= 2:
                return scene
        raise SoundsiftError(
            f"{self._bank.folder}: no long {self._split} recording {number} can be drawn. "
            "Use a bank with more kinds of sound."
        )

    def _clips(self, kind: str, rng: np.random.Generator) -> list[Clip]:
        """Clips of one voice, if it has several, else of one concept."""
        concepts = self._events[kind]
        clips = concepts[str(rng.choice(sorted(concepts)))]
        voice = clips[int(rng.integers(len(clips)))].speaker
        same = [clip for clip in clips if clip.speaker == voice]
        if len(same) >= _FEW:
            clips = same
        picked = rng.permutation(len(clips))[:_CLIPS]
        return [clips[int(i)] for i in picked]


def seam_si_sdr(
    estimate: Samples, target: Samples, seams: Sequence[float], around: float = 1.0
) -> float:
    """SI-SDR of the parts around some times, taken together.

    Args:
        estimate: `(N,)`.
        target: the right answer, same shape.
        seams: in seconds.
        around: length of each part in seconds, half of it before the seam.

    Raises:
        ValueError: if the target is silent at all of them.
    """
    half = round(around * SAMPLE_RATE / 2)
    places = [round(seam * SAMPLE_RATE) for seam in seams]
    parts = [slice(max(0, at - half), at + half) for at in places]
    heard, wanted = (np.concatenate([wave[part] for part in parts]) for wave in (estimate, target))
    return si_sdr(heard, wanted)


def _levelled(wave: Samples, rng: np.random.Generator) -> Samples:
    """A sound at a random level while it is heard."""
    return levelled(wave, _LEVEL_DB + rng.uniform(-_OFFSET_DB, _OFFSET_DB))
