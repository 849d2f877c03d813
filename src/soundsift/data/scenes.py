"""Scenes drawn on the fly from the sound bank, and what a user might ask of them.

A scene is 1 to 4 sources at random levels, onsets and rooms; a query names one of them, a group of
them or a sound that is not there, by a phrase, by spans, or both. Scene number i of a seed is
always the same scene, so a data position is an integer.

Shapes: K sources, N samples.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from soundsift.data import effects
from soundsift.data.bank import SAMPLE_RATE, Bank, Clip
from soundsift.data.captions import GROUPS
from soundsift.data.spans import draw_example, draw_spans
from soundsift.prompts import Span

Samples = NDArray[np.float32]

#: One clip of these fills the scene; the others are events.
_CONTINUOUS = frozenset({"music", "ambience"})
#: Sounds of one of these groups are told apart even if they share it.
_DISTINCT_WITHIN = frozenset({
    "speech", "voice", "animal", "bird",
    "music", "strings", "brass", "woodwind", "keyboard", "guitar", "drums", "percussion",
})  # fmt: skip


class SceneConfig(BaseModel):
    """The law that scenes are drawn from.

    Attributes:
        source_counts: probability of 1, 2, 3 and 4 sources.
        kind_weights: how often each kind of sound is drawn.
        offset_db: the most that two sources' levels differ.
        speed, equaliser, band_limit, damage, room: probability of each augmentation, per source.
        absent: probability that a query names a sound that is not there.
        group: probability that a query names a group.
        drop_text, drop_spans: probability that a condition is withheld (never both).
        p_inline_example: probability that spans mark one moment as an example of the target, which
            may be heard elsewhere too.
        p_example_prompt: probability that every query of a scene comes with an example from another
            part of the scene (`soundsift.data.example_prompts`); scenes of 4 s and more.
        p_transient: probability that a source of such a scene begins late or ends early.
        p_wide_context: probability that such an example shows more of what surrounds the mark.
        p_same_clip: probability that a sound other than speech recurs as the same clip, not as
            another clip of its concept.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source_counts: tuple[float, float, float, float] = (0.06, 0.5, 0.32, 0.12)
    kind_weights: dict[str, float] = {
        "speech": 0.24,
        "singing": 0.02,
        "music": 0.12,
        "instrument": 0.24,
        "effect": 0.32,
        "ambience": 0.06,
    }
    offset_db: float = 15.0
    speed: float = 0.5
    equaliser: float = 0.5
    band_limit: float = 0.15
    damage: float = 0.08
    room: float = 0.3
    absent: float = 0.08
    group: float = 0.2
    drop_text: float = 0.3
    drop_spans: float = 0.5
    p_inline_example: float = 0.0
    p_example_prompt: float = 0.0
    p_transient: float = 0.4
    p_wide_context: float = 0.0
    p_same_clip: float = 0.5


@dataclass(frozen=True)
class Source:
    """A sound in a scene: a clip of its concept, and its wave `(N,)` as it is heard."""

    clip: Clip
    wave: Samples


@dataclass(frozen=True)
class Scene:
    """Sources and their sum."""

    sources: tuple[Source, ...]

    @property
    def stems(self) -> Samples:
        """Waves of the sources `(K, N)`; they add up to the mixture."""
        return np.stack([source.wave for source in self.sources])


@dataclass(frozen=True)
class Query:
    """What is asked of a scene.

    Attributes:
        text: the phrase, or None.
        spans: where the target is (or is not) heard; may be empty.
        targets: indices of the sources that answer it; empty if the sound is absent.
        example: whether the spans are an example, and the target may be heard elsewhere too.
        parts: what of the scene it is about, (start, end) in latent frames; of two parts the first
            is an example and only the second is to be answered. Empty: the whole scene.
    """

    text: str | None
    spans: tuple[Span, ...]
    targets: tuple[int, ...]
    example: bool = False
    parts: tuple[tuple[int, int], ...] = ()

    def target(self, stems: Samples) -> Samples:
        """The right answer `(N,)`: silence if the sound is absent."""
        if not self.targets:
            return np.zeros_like(stems[0])
        wanted: Samples = stems[list(self.targets)].sum(axis=0)
        return wanted


class SceneGenerator:
    """Draws scenes and queries from a bank.

    Args:
        bank: the clips to draw from.
        config: the law.
        seed: with a scene's number, decides everything about it.
    """

    def __init__(self, bank: Bank, config: SceneConfig, seed: int = 0) -> None:
        self.bank, self.config, self.seed = bank, config, seed
        self._clips: dict[str, list[Clip]] = defaultdict(list)
        self._voices: dict[tuple[str, str], list[Clip]] = defaultdict(list)
        for clip in bank.clips:
            self._clips[clip.concept].append(clip)
            self._voices[clip.concept, clip.speaker].append(clip)
        self._concepts: dict[str, list[str]] = defaultdict(list)
        for name, clips in self._clips.items():
            self._concepts[clips[0].kind].append(name)
        # Frequent concepts come more often, but by the root of their number only.
        self._weights = {
            kind: _normalised([len(self._clips[n]) ** 0.5 for n in names])
            for kind, names in self._concepts.items()
        }
        self._kinds = [k for k in config.kind_weights if k in self._concepts]
        self._kind_weights = _normalised([config.kind_weights[k] for k in self._kinds])
        self._names = sorted(self._clips)

    def rng(self, number: int) -> np.random.Generator:
        """The random numbers that belong to scene `number`."""
        return np.random.default_rng((self.seed, number))

    def scene(self, rng: np.random.Generator, seconds: float) -> Scene:
        """Draw a scene of so many seconds."""
        samples = round(seconds * SAMPLE_RATE)
        count = 1 + int(rng.choice(4, p=_normalised(list(self.config.source_counts))))
        clips: list[Clip] = []
        for _ in range(12):
            clip = self._draw_clip(rng)
            if not any(_alike(clip, other) for other in clips):
                clips.append(clip)
            if len(clips) == count:
                break
        return Scene(tuple(self._source(clip, samples, rng) for clip in clips))

    def query(self, scene: Scene, rng: np.random.Generator, favourite: int | None = None) -> Query:
        """Draw a question about a scene.

        Args:
            scene: the scene.
            rng: random numbers.
            favourite: source to ask for, unless the sound is to be absent; any if None.
        """
        if rng.random() < self.config.absent:
            return Query(self._absent_phrase(scene, rng), (), ())
        wanted = int(rng.integers(len(scene.sources))) if favourite is None else favourite
        clip = scene.sources[wanted].clip
        targets: tuple[int, ...] = (wanted,)
        phrase = draw_phrase(clip, rng)
        if clip.groups and rng.random() < self.config.group:
            group = str(rng.choice(clip.groups))
            phrase = str(rng.choice(GROUPS[group]))
            targets = tuple(
                i for i, source in enumerate(scene.sources) if group in source.clip.groups
            )
        with_text = rng.random() >= self.config.drop_text
        with_spans = rng.random() >= self.config.drop_spans or not with_text
        spans: tuple[Span, ...] = ()
        example = with_spans and rng.random() < self.config.p_inline_example
        if with_spans:
            wave = scene.stems[list(targets)].sum(axis=0)
            spans = (draw_example if example else draw_spans)(wave, SAMPLE_RATE, rng)
        return Query(phrase if with_text or not spans else None, spans, targets, example)

    def _draw_clip(self, rng: np.random.Generator) -> Clip:
        kind = self._kinds[int(rng.choice(len(self._kinds), p=self._kind_weights))]
        names = self._concepts[kind]
        clips = self._clips[names[int(rng.choice(len(names), p=self._weights[kind]))]]
        return clips[int(rng.integers(len(clips)))]

    def _absent_phrase(self, scene: Scene, rng: np.random.Generator) -> str:
        """A phrase for a sound unlike any in the scene: no shared group, no instrument by music."""
        for _ in range(20):
            clip = self._clips[str(rng.choice(self._names))][0]
            if not any(_related(clip, source.clip) for source in scene.sources):
                return str(rng.choice(clip.captions))
        return "dinosaur roaring"

    def _source(self, clip: Clip, samples: int, rng: np.random.Generator) -> Source:
        wave = self._place(clip, samples, rng)
        config = self.config
        wave = effects.shape(
            wave,
            rng,
            equaliser=rng.random() < config.equaliser,
            band_limit=rng.random() < config.band_limit,
            room=rng.random() < config.room,
        )
        if rng.random() < config.damage:
            wave = effects.damage(wave, rng)
        # Each level within half the offset of the middle: no two differ by more than the whole.
        wanted = -26.0 + rng.uniform(-config.offset_db / 2, config.offset_db / 2)
        gain = 10 ** ((wanted - _active_level_db(wave)) / 20)
        return Source(clip, wave * np.float32(gain))

    def _place(self, clip: Clip, samples: int, rng: np.random.Generator) -> Samples:
        """Lay the clip, and others of its voice or concept, out in time."""
        out = np.zeros(samples, np.float32)
        # The same speed for all clips of a source: a voice keeps its pitch.
        speed = effects.draw_speed(rng) if rng.random() < self.config.speed else 1.0
        longest = int(samples * max(speed, 1.0)) + 1

        def sound(which: Clip) -> Samples:
            start = int(rng.integers(max(1, which.samples - longest)))
            return effects.change_speed(self.bank.audio(which, start, longest), speed)

        first = sound(clip)
        if clip.kind in _CONTINUOUS or len(first) > 0.7 * samples:
            _lay_continuous(out, first, rng)
            return out
        siblings = self._voices[clip.concept, clip.speaker]
        if clip.kind != "speech" and len(siblings) < 2:
            siblings = self._clips[clip.concept]
        if clip.kind == "speech":
            gaps, keep = (0.05, 0.7), 0.85
        elif clip.kind == "instrument":
            gaps, keep = (0.0, 0.5), 0.85
        else:
            gaps, keep = (0.1, 2.0), 0.65
        at = int(rng.uniform(0, 0.6 if clip.kind == "effect" else 0.3) * samples)
        wave = first
        while at < samples:
            end = min(samples, at + len(wave))
            out[at:end] += wave[: end - at]
            if rng.random() > keep:
                break
            at = end + int(rng.uniform(*gaps) * SAMPLE_RATE)
            same = clip.kind != "speech" and rng.random() < self.config.p_same_clip
            wave = first if same else sound(siblings[int(rng.integers(len(siblings)))])
        return out


def draw_phrase(clip: Clip, rng: np.random.Generator) -> str:
    """A caption of a clip, the canonical one more often than any other."""
    return clip.captions[0] if rng.random() < 0.4 else str(rng.choice(clip.captions))


def _lay_continuous(out: Samples, wave: Samples, rng: np.random.Generator) -> None:
    """Fill from a random place in the sound; now and then let it begin or end within the scene."""
    samples = len(out)
    if len(wave) < samples:
        if rng.random() < 0.6:
            wave = np.tile(wave, -(-samples // len(wave)))
        else:
            at = int(rng.integers(samples - len(wave) + 1))
            out[at : at + len(wave)] = wave
            return
    start = int(rng.integers(len(wave) - samples + 1))
    out[:] = wave[start : start + samples]
    draw = rng.random()
    fade = SAMPLE_RATE // 10
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    if draw < 0.2:
        at = int(rng.uniform(0.1, 0.6) * samples)
        out[:at] = 0
        out[at : at + fade] *= ramp
    elif draw < 0.4:
        at = int(rng.uniform(0.4, 0.9) * samples)
        out[at:] = 0
        out[at - fade : at] *= ramp[::-1]


def _active_level_db(wave: Samples) -> float:
    """As `bank.active_level_db`, on every fourth sample: precise enough for drawing a level."""
    frame = SAMPLE_RATE // 200
    thinned = wave[::4]
    power = np.square(thinned[: len(thinned) // frame * frame].reshape(-1, frame)).mean(axis=1)
    loudest = float(power.max(initial=0.0))
    if loudest <= 0:
        return 0.0
    return float(10 * np.log10(power[power >= loudest * 1e-3].mean()))


def _alike(first: Clip, second: Clip) -> bool:
    """Whether a listener could not say which of the two a prompt means."""
    if first.concept == second.concept or set(first.captions) & set(second.captions):
        return True
    kinds = {first.kind, second.kind}
    if "music" in kinds and kinds <= {"music", "instrument", "singing"}:
        return True
    close = first.groups[:1] == second.groups[:1] != ()
    return close and first.groups[0] not in _DISTINCT_WITHIN


def _related(first: Clip, second: Clip) -> bool:
    """Whether asking for the one could fairly be answered with the other."""
    if _alike(first, second) or set(first.groups) & set(second.groups):
        return True
    return {first.kind, second.kind} <= {"speech", "singing"} or "crowd" in {
        *first.groups,
        *second.groups,
    }


def _normalised(weights: list[float]) -> NDArray[np.float64]:
    values = np.asarray(weights, dtype=np.float64)
    normalised: NDArray[np.float64] = values / values.sum()
    return normalised
