"""The benchmark's scenes: the same for everyone who has the same sound bank.

240 mixtures of 8 s from clips of the test split; every fourth asks for speech, for music, for an
instrument, for an effect (ambiences count as effects). Levels, onsets and repeats follow the law of
training scenes, but nothing is sped up, equalised, band-limited or damaged, and only every fifth
sound has a room. All sounds are of concepts that occur in training (as other recordings), so that
their words are known; sounds that one prompt could both mean never meet in a scene.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from soundsift.data.bank import SAMPLE_RATE, Bank, Clip, active_level_db
from soundsift.data.scenes import Samples, Scene, SceneConfig, SceneGenerator, Source
from soundsift.data.spans import active_spans
from soundsift.errors import SoundsiftError
from soundsift.prompts import Span

SCENES, SECONDS = 240, 8.0
#: What the four groups of targets are made of.
GROUP_KINDS: dict[str, frozenset[str]] = {
    "speech": frozenset({"speech"}),
    "music": frozenset({"music"}),
    "instrument": frozenset({"instrument"}),
    "effect": frozenset({"effect", "ambience"}),
}
#: `digest` of the 240 scenes of published figures; another bank, or version of it, makes others.
PUBLISHED_DIGEST = "aaf8bdd38eb7260a2c3af1abcced313b521c16f875a0cb10bb2c6f2ee53744af"

_SEED = 251218099
_ATTEMPTS = 200
#: A target or other source is heard for at least so long, in seconds.
_SHORTEST = 0.5
_LAW = SceneConfig(
    speed=0.0,
    equaliser=0.0,
    band_limit=0.0,
    damage=0.0,
    room=0.2,
    absent=0.0,
    group=0.0,
    drop_text=0.0,
)
_COUNTS = {1: (1.0, 0.0, 0.0, 0.0), 2: (0.0, 1.0, 0.0, 0.0)}
#: Names so wide that they fit other sounds of their kind too.
_WIDE = frozenset({"drum beat", "electronic drum", "electronic percussion"})
_VOICES = frozenset({"man speaking", "woman speaking"})


@dataclass(frozen=True)
class BenchmarkScene:
    """A scene and what is asked of it.

    Attributes:
        number: which scene it is.
        group: key of `GROUP_KINDS` that the target belongs to.
        scene: its sources, the target first.
        text: the target's canonical caption.
        paraphrase: another of its captions, drawn by chance.
        spans: where the target is heard, exactly.
        other: canonical caption of the second source.
        absent: a caption of a sound unlike any in the scene.
    """

    number: int
    group: str
    scene: Scene
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
    """Draws the benchmark's scenes; number i is always the same.

    Args:
        folder: the sound bank.

    Raises:
        SoundsiftError: if the bank is not there, or has no test clips for one of the groups.
    """

    def __init__(self, folder: Path) -> None:
        trained = {clip.concept for clip in Bank(folder).clips}
        self._bank = Bank(folder, ("test",))
        self._bank.clips = [clip for clip in self._bank.clips if clip.concept in trained]
        self.concepts = {clip.concept for clip in self._bank.clips}
        self._others = {n: self._generator(lambda _: True, n, folder) for n in (1, 2)}
        self._absent = SceneGenerator(self._bank, _LAW.model_copy(update={"absent": 1.0}))
        self._targets = {
            group: self._generator(lambda clip, kinds=kinds: clip.kind in kinds, 1, folder, group)  # type: ignore[misc]
            for group, kinds in GROUP_KINDS.items()
        }

    def scene(self, number: int) -> BenchmarkScene:
        """Scene `number`: groups take turns, then two and three sources do."""
        group = list(GROUP_KINDS)[number % 4]
        others = 1 + number // 4 % 2
        return self._draw(number, group, self._targets[group], others, (_SEED, 0, number))

    def scene_of(self, concept: str, number: int) -> BenchmarkScene:
        """Scene `number` of two sources, the target of a given concept among `concepts`."""
        target = self._generator(lambda clip: clip.concept == concept, 1, self._bank.folder)
        kind = next(clip.kind for clip in self._bank.clips if clip.concept == concept)
        group = next((g for g, kinds in GROUP_KINDS.items() if kind in kinds), kind)
        key = int.from_bytes(hashlib.sha256(concept.encode()).digest()[:4])
        return self._draw(number, group, target, 1, (_SEED, 1, key, number))

    def _generator(
        self,
        choose: Callable[[Clip], bool],
        sources: int,
        folder: Path,
        group: str | None = None,
    ) -> SceneGenerator:
        part = copy.copy(self._bank)
        part.clips = [clip for clip in self._bank.clips if choose(clip)]
        if not part.clips:
            sounds = f"{group} " if group else ""
            raise SoundsiftError(
                f"{folder}: the bank has no {sounds}clips for testing whose kind of sound is "
                "also in training; a bank as `soundsift data build` makes it was expected."
            )
        return SceneGenerator(part, _LAW.model_copy(update={"source_counts": _COUNTS[sources]}))

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
            if len(rest) == others and _fit(scene):
                break
        else:
            raise SoundsiftError(
                f"{self._bank.folder}: no scene {number} with a target of group {group} can be "
                "drawn; a bank with more kinds of sound was expected."
            )
        clip = wanted[0].clip
        spans = [s for s in active_spans(wanted[0].wave, SAMPLE_RATE) if s[1] > s[0]]
        return BenchmarkScene(
            number=number,
            group=group,
            scene=scene,
            text=clip.captions[0],
            paraphrase=str(rng.choice(clip.captions[1:] or clip.captions)),
            spans=tuple(Span(round(start, 2), round(end, 2)) for start, end in spans),
            other=rest[0].clip.captions[0],
            absent=self._absent.query(scene, rng).text or "",
        )


def confusable(first: Clip, second: Clip) -> bool:
    """Whether a prompt for the one might fairly be answered with the other.

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
    """A fingerprint of what scenes are made of and what is asked of them.

    Levels stay out: another processor may round them differently.
    """
    lines = []
    for scene in scenes:
        clips = [[s["package"], s["path"], s["concept"]] for s in scene["sources"]]
        asked = [scene[k] for k in ("number", "text", "paraphrase", "spans", "other", "absent")]
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
    kept = ("package", "path", "licence", "concept", "kind", "speaker", "offset", "samples")
    energy = float(np.square(source.wave, dtype=np.float64).mean())
    return {name: clip[name] for name in kept} | {
        "clip_level_db": source.clip.level_db,
        "scene_level_db": round(active_level_db(source.wave), 1),
        "mean_level_db": round(10 * float(np.log10(energy + 1e-12)), 1),
        "spans": [[round(a, 2), round(b, 2)] for a, b in active_spans(source.wave, SAMPLE_RATE)],
    }
