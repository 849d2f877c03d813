"""Scenes of the benchmark: fixed by a sound bank, the same on every machine.

Mixtures of 8 s whose targets are speech, music, an instrument and an effect in turn (ambiences
count as effects). Sounds that one prompt could mean both never meet in a scene. A suite says which
clips scenes are drawn from, and how:

- `strangers`: sources (packages, repositories) that nothing was trained on, over beds of ambience
  or noise, near and far, loud and quiet. Any concept may occur.
- `stranger-validation`: the same from other sources. Every choice is made on these.
- `familiar`: held-out clips of sources that training uses, of concepts that occur in training.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Bank, Clip, Samples, active_level_db
from soundsift.data.scene import Scene, Source
from soundsift.data.scene_config import SceneConfig
from soundsift.data.scenes import SceneGenerator
from soundsift.data.spans import active_spans, listed_spans
from soundsift.data.split import is_of_first_bank
from soundsift.errors import SoundsiftError
from soundsift.spans import Span

SECONDS = 8.0
#: The kinds of sound in each group of targets.
GROUP_KINDS: dict[str, frozenset[str]] = {
    "speech": frozenset({"speech"}),
    "music": frozenset({"music"}),
    "instrument": frozenset({"instrument"}),
    "effect": frozenset({"effect", "ambience"}),
}

_SEED = 251218099
_ATTEMPTS = 200
#: A target, and the other source that is asked for, are heard for at least so many seconds.
_SHORTEST = 0.5
_PLAIN = SceneConfig(
    speed=0.0,
    equaliser=0.0,
    band_limit=0.0,
    damage=0.0,
    room=0.2,
    absent=0.0,
    group=0.0,
    drop_text=0.0,
)
_LIFE = _PLAIN.model_copy(
    update={
        "offset_db": 24.0,
        "p_bed": 0.6,
        "p_slow_gain": 0.2,
        "band_limit": 0.1,
        "damage": 0.05,
        "room": 0.3,
        "p_far": 0.2,
    }
)


@dataclass(frozen=True)
class Suite:
    """A set of scenes.

    Attributes:
        split: which clips of the bank it is drawn from.
        law: how.
        scenes: how many.
        trained: whether all concepts occur in training, as other recordings.
        digest: `digest` of its scenes in published figures; another version of the bank makes
            other scenes.
    """

    split: str
    law: SceneConfig
    scenes: int
    trained: bool
    digest: str = ""


SUITES: dict[str, Suite] = {
    "strangers": Suite("stranger-test", _LIFE, 320, trained=False),
    "stranger-validation": Suite("stranger-validation", _LIFE, 200, trained=False),
    "familiar": Suite(
        "test",
        _PLAIN,
        240,
        trained=True,
        digest="4c121408bbf76f505913c622da83604177adc7864afd6e7e80c76b06a726eed6",
    ),
}

_COUNTS = {1: (1.0, 0.0, 0.0, 0.0), 2: (0.0, 1.0, 0.0, 0.0)}
#: Names so wide that they fit other sounds of their kind too.
_WIDE = frozenset({"drum beat", "electronic drum", "electronic percussion"})
_VOICES = frozenset({"man speaking", "woman speaking"})


@dataclass(frozen=True)
class BenchmarkScene:
    """A scene and what is asked of it.

    Attributes:
        number: which scene it is.
        group: the target's group, a key of `GROUP_KINDS`.
        scene: its sources, the target first.
        others: number of the other sources, a bed not counted.
        text: the target's canonical caption.
        paraphrase: another of its captions, drawn at random.
        spans: where the target is heard, exactly.
        other: canonical caption of the second source.
        absent: a caption of a sound unlike any in the scene.
    """

    number: int
    group: str
    scene: Scene
    others: int
    text: str
    paraphrase: str
    spans: tuple[Span, ...]
    other: str
    absent: str

    @property
    def mixture(self) -> Samples:
        """All sources together `(1, N)`."""
        total: Samples = self.scene.stems.sum(axis=0, keepdims=True)
        return total

    def describe(self) -> dict[str, Any]:
        """The scene in words and numbers, for the listing that comes with the results."""
        return {
            "number": self.number,
            "group": self.group,
            "text": self.text,
            "paraphrase": self.paraphrase,
            "spans": [[span.start, span.end] for span in self.spans],
            "other": self.other,
            "absent": self.absent,
            "sources": [_describe(source) for source in self.scene.sources],
        }


class Benchmark:
    """Draws the scenes of a suite; number i is always the same.

    Args:
        folder: the sound bank.
        suite: key of `SUITES`, or a suite of one's own.

    Raises:
        SoundsiftError: if the bank is not there, or lacks clips for the suite.
    """

    def __init__(self, folder: Path, suite: str | Suite = "strangers") -> None:
        self.suite = SUITES[suite] if isinstance(suite, str) else suite
        self._bank = Bank(folder, (self.suite.split,))
        if self.suite.trained:
            # Of the first bank, so that the familiar scenes stay the same whatever is added.
            known = [clip for clip in Bank(folder).clips if is_of_first_bank(clip.source)]
            trained = {clip.concept for clip in known}
            self._bank.clips = [clip for clip in self._bank.clips if clip.concept in trained]
        self.concepts = {clip.concept for clip in self._bank.clips}
        bed = self.suite.law.p_bed
        self._others = {n: self._generator(self._bank.clips, n, bed) for n in (1, 2)}
        absent = self.suite.law.model_copy(update={"absent": 1.0})
        self._absent = SceneGenerator(self._bank, absent)
        self._targets = {
            group: self._generator(
                [clip for clip in self._bank.clips if clip.kind in kinds], 1, 0.0, group
            )
            for group, kinds in GROUP_KINDS.items()
        }

    def scene(self, number: int) -> BenchmarkScene:
        """Scene `number`: groups take turns, then two and three sources do."""
        group = list(GROUP_KINDS)[number % 4]
        others = 1 + number // 4 % 2
        return self._draw(number, group, self._targets[group], others, (_SEED, 0, number))

    def scene_of(self, concept: str, number: int) -> BenchmarkScene:
        """Scene `number` of two sources, the target of a given concept among `concepts`."""
        clips = [clip for clip in self._bank.clips if clip.concept == concept]
        target = self._generator(clips, 1, 0.0)
        kind = clips[0].kind
        group = next((g for g, kinds in GROUP_KINDS.items() if kind in kinds), kind)
        key = int.from_bytes(hashlib.sha256(concept.encode()).digest()[:4])
        return self._draw(number, group, target, 1, (_SEED, 1, key, number))

    def _generator(
        self, clips: list[Clip], sources: int, p_bed: float, group: str | None = None
    ) -> SceneGenerator:
        if not clips:
            sounds = f"{group} " if group else ""
            known = " of concepts that occur in training" if self.suite.trained else ""
            raise SoundsiftError(
                f"{self._bank.folder}: the bank has no {sounds}clips{known} in its split "
                f"{self.suite.split}. Build a whole bank with `soundsift data fetch` and "
                "`soundsift data build`."
            )
        part = copy.copy(self._bank)
        part.clips = clips
        law = {"source_counts": _COUNTS[sources], "p_bed": p_bed}
        return SceneGenerator(part, self.suite.law.model_copy(update=law))

    def _draw(
        self,
        number: int,
        group: str,
        target: SceneGenerator,
        others: int,
        key: tuple[int, ...],
    ) -> BenchmarkScene:
        for attempt in range(_ATTEMPTS):
            rng = np.random.default_rng((*key, attempt))
            wanted = target.scene(rng, SECONDS).sources
            rest = self._others[others].scene(rng, SECONDS).sources
            scene = Scene(wanted + rest)
            # A bed comes after the sources.
            if len(rest) >= others and _fit(scene):
                break
        else:
            raise SoundsiftError(
                f"{self._bank.folder}: no scene {number} with a target of group {group} can be "
                "drawn. Build a bank with more kinds of sound."
            )
        clip = wanted[0].clip
        spans = [s for s in active_spans(wanted[0].wave, SAMPLE_RATE) if s[1] > s[0]]
        return BenchmarkScene(
            number=number,
            group=group,
            scene=scene,
            others=others,
            text=clip.captions[0],
            paraphrase=str(rng.choice(clip.captions[1:] or clip.captions)),
            spans=tuple(Span(round(start, 2), round(end, 2)) for start, end in spans),
            other=rest[0].clip.captions[0],
            absent=self._absent.query(scene, rng).text or "",
        )


def confusable(first: Clip, second: Clip) -> bool:
    """Whether one prompt could mean both clips.

    Stricter than training: of sounds that share a group, only a man and a woman, two instruments of
    different, narrow names and two animals may meet.
    """
    if first.concept == second.concept or set(first.captions) & set(second.captions):
        return True
    kinds = {first.kind, second.kind}
    if "music" in kinds and kinds <= {"music", "instrument", "singing"}:
        return True
    shared = set(first.groups) & set(second.groups)
    if kinds == {"speech"}:
        return {first.concept, second.concept} != _VOICES
    if kinds == {"instrument"}:
        return bool({first.concept, second.concept} & _WIDE)
    return bool(shared - {"animal"})


def digest(scenes: Iterable[dict[str, Any]]) -> str:
    """SHA-256 of the clips, spans and canonical prompts of scenes.

    Levels stay out: another processor may round them differently. So do paraphrases and absent
    phrases: they change whenever captions are added.
    """
    lines = []
    for scene in scenes:
        clips = [[s["source"], s["path"], s["concept"]] for s in scene["sources"]]
        asked = [scene[k] for k in ("number", "text", "spans", "other")]
        lines.append(json.dumps([clips, asked], ensure_ascii=False))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _fit(scene: Scene) -> bool:
    """Whether no two sources can be mistaken for one another, and the two asked for are heard."""
    if any(confusable(a.clip, b.clip) for a, b in combinations(scene.sources, 2)):
        return False
    heard = [active_spans(source.wave, SAMPLE_RATE) for source in scene.sources[:2]]
    return all(sum(end - start for start, end in spans) >= _SHORTEST for spans in heard)


def _describe(source: Source) -> dict[str, Any]:
    clip = asdict(source.clip)
    kept = ("source", "path", "licence", "concept", "kind", "speaker", "offset", "samples")
    energy = float(np.square(source.wave, dtype=np.float64).mean())
    return {name: clip[name] for name in kept} | {
        "clip_level_db": source.clip.level_db,
        "scene_level_db": round(active_level_db(source.wave), 1),
        "mean_level_db": round(10 * float(np.log10(energy + 1e-12)), 1),
        "spans": listed_spans(source.wave, SAMPLE_RATE),
    }
