"""Scenes drawn from the sound bank, and queries about them.

A scene is one to six sources at random levels, onsets and distances, often over a bed of ambience
or noise; a query names one source, a group of sources or an absent sound by a phrase, by spans, or
both. Seed and number decide a scene, so a data position is an integer.

Shapes: K sources, N samples.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from soundsift.config import SAMPLE_RATE
from soundsift.data import effects
from soundsift.data.arrangement import arrange
from soundsift.data.bank import Bank, Clip
from soundsift.data.captions import GROUPS
from soundsift.data.drawn import DrawnScene, DrawnSource, Edge, Piece, Stretch
from soundsift.data.places import Place, places
from soundsift.data.rendering import BankSamples, render, render_source
from soundsift.data.scene import MeasuredScene, Query, Scene, Source, heard_in
from soundsift.data.scene_config import SceneConfig
from soundsift.data.spans import draw_example, draw_spans
from soundsift.spans import Span

#: Asked for where no sound of the bank is surely absent.
ANY_ABSENT = "dinosaur roaring"
#: Level of a source in dB full scale, on average.
_LEVEL_DB = -26.0
#: Sounds of one of these groups can be told apart even if they share it.
_DISTINCT_WITHIN = frozenset({
    "speech", "voice", "animal", "bird",
    "music", "strings", "brass", "woodwind", "keyboard", "guitar", "drums", "percussion",
})  # fmt: skip
#: Who plays in a band: concepts or groups of each part, and the probability that it is there.
_BAND: tuple[tuple[frozenset[str], float], ...] = (
    (frozenset({"drum beat"}), 0.9),
    (frozenset({"bass"}), 0.85),
    (frozenset({"guitar"}), 0.85),
    (frozenset({"keyboard", "strings", "synth", "brass", "woodwind"}), 0.75),
    (frozenset({"singing"}), 0.6),
)


class SceneGenerator:
    """Draws scenes and queries from a bank.

    Args:
        bank: the clips to draw from.
        config: probabilities and ranges.
        seed: decides a scene together with its number.
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
        self._parts = [
            [n for n in self._names if part & {n, *asked_groups(self._clips[n][0])}]
            for part, _ in _BAND
        ]
        self._samples = BankSamples(bank)

    def rng(self, number: int) -> np.random.Generator:
        """The random numbers that belong to scene `number`."""
        return np.random.default_rng((self.seed, number))

    def scene(self, rng: np.random.Generator, seconds: float) -> Scene:
        """Draw a scene of so many seconds, and render it on the processor."""
        return self.rendered(self.draw(rng, seconds))

    def draw(self, rng: np.random.Generator, seconds: float) -> DrawnScene:
        """Draw a scene of so many seconds, without its sound."""
        samples = round(seconds * SAMPLE_RATE)
        config = self.config
        counts = _normalised(list(config.source_counts))
        count = 1 + int(rng.choice(len(counts), p=counts))
        band = config.p_band and any(self._parts) and rng.random() < config.p_band
        clips = self._draw_band(rng) if band else self._draw_clips(count, rng)
        sources = [self._source(clip, samples, rng, len(clips) > 1) for clip in clips]
        if config.p_bed and rng.random() < config.p_bed:
            sources += self._bed(clips, samples, rng)
        recorded = config.p_microphone and rng.random() < config.p_microphone
        microphone = effects.draw_microphone(rng) if recorded else None
        return DrawnScene(samples, tuple(sources), microphone)

    def rendered(self, drawn: DrawnScene) -> Scene:
        """The sound of a drawn scene."""
        waves = render([drawn], self._samples).numpy()
        pairs = zip(drawn.sources, waves, strict=True)
        return Scene(tuple(Source(source.clip, wave, source.named) for source, wave in pairs))

    def single(self, rng: np.random.Generator, seconds: float) -> Source:
        """Draw one sound with its effects."""
        samples = round(seconds * SAMPLE_RATE)
        source = self._source(self._draw_clip(rng), samples, rng, False)
        return Source(source.clip, render_source(source, samples, self._samples).numpy())

    def noise(self, rng: np.random.Generator, seconds: float) -> Source:
        """Draw synthetic noise."""
        samples = round(seconds * SAMPLE_RATE)
        source = self._noise(self.bank.clips[0], _LEVEL_DB, samples, rng)
        return Source(source.clip, render_source(source, samples, self._samples).numpy(), False)

    def query(
        self, scene: MeasuredScene, rng: np.random.Generator, favourite: int | None = None
    ) -> Query:
        """Draw a query about a scene.

        Args:
            scene: the scene.
            rng: random numbers.
            favourite: index of the source to ask for, unless the sound is to be absent; any if
                None.
        """
        if rng.random() < self.config.absent:
            return Query(self._absent_phrase(scene, rng), (), ())
        wanted = int(rng.choice(scene.named)) if favourite is None else favourite
        clip = scene.sources[wanted].clip
        targets: tuple[int, ...] = (wanted,)
        phrase = draw_phrase(clip, rng)
        groups = asked_groups(clip)
        if groups and rng.random() < self.config.group:
            group = str(rng.choice(groups))
            phrase = str(rng.choice(GROUPS[group]))
            targets = tuple(i for i in scene.named if group in asked_groups(scene.sources[i].clip))
        with_text = rng.random() >= self.config.drop_text
        with_spans = rng.random() >= self.config.drop_spans or not with_text
        spans: tuple[Span, ...] = ()
        example = with_spans and rng.random() < self.config.p_inline_example
        if with_spans:
            active = heard_in(scene, targets)
            duration = scene.samples / SAMPLE_RATE
            spans = draw_example(active, rng) if example else draw_spans(active, duration, rng)
        return Query(phrase if with_text or not spans else None, spans, targets, example)

    def _draw_clips(self, count: int, rng: np.random.Generator) -> list[Clip]:
        """Draw clips that a prompt can tell apart; fewer than `count` if too few are found."""
        clips = [self._draw_clip(rng)]
        together = [place for place in places().values() if place.hears(clips[0])]
        place: Place | None = None
        if count > 1 and self.config.p_company and together:
            place = together[int(rng.integers(len(together)))]
            if rng.random() >= self.config.p_company:
                place = None
        for _ in range(11):
            if len(clips) == count:
                break
            clip = self._draw_clip(rng) if place is None else self._draw_company(place, rng)
            if not any(alike(clip, other) for other in clips):
                clips.append(clip)
        return clips

    def _draw_band(self, rng: np.random.Generator) -> list[Clip]:
        """The clips of a band: at least one part of `_BAND`, each by one voice."""
        clips: list[Clip] = []
        while not clips:
            for names, (_, probability) in zip(self._parts, _BAND, strict=True):
                if rng.random() >= probability or not names:
                    continue
                clip = self._draw_any(names, rng)
                if not any(alike(clip, other) for other in clips):
                    clips.append(clip)
        return clips

    def _draw_any(self, names: list[str], rng: np.random.Generator) -> Clip:
        """A clip of one of some concepts, each as often as any other."""
        clips = self._clips[names[int(rng.integers(len(names)))]]
        return clips[int(rng.integers(len(clips)))]

    def _draw_clip(self, rng: np.random.Generator) -> Clip:
        kind = self._kinds[int(rng.choice(len(self._kinds), p=self._kind_weights))]
        names = self._concepts[kind]
        clips = self._clips[names[int(rng.choice(len(names), p=self._weights[kind]))]]
        return clips[int(rng.integers(len(clips)))]

    def _draw_company(self, place: Place, rng: np.random.Generator) -> Clip:
        """A clip heard at a place, of a kind as frequent as elsewhere."""
        for _ in range(20):
            clip = self._draw_clip(rng)
            if place.hears(clip):
                break
        return clip

    def _bed(self, clips: list[Clip], samples: int, rng: np.random.Generator) -> list[DrawnSource]:
        """A bed under the sources: ambience or music unlike any of them, or noise; one or none."""
        config = self.config
        level = _LEVEL_DB + rng.uniform(*config.bed_db)
        music = config.p_music_bed and rng.random() < config.p_music_bed
        names = self._concepts.get("music" if music else "ambience", [])
        if not names or (not music and rng.random() < config.p_noise_bed):
            return [self._noise(clips[0], level, samples, rng)]
        for _ in range(4):
            clip = self._draw_any(names, rng)
            if not any(alike(clip, other) for other in clips):
                pieces, edge = self._place(clip, samples, rng)
                return [DrawnSource(clip, level, pieces, edge=edge)]
        return []

    def _noise(
        self, like: Clip, level: float, samples: int, rng: np.random.Generator
    ) -> DrawnSource:
        # Named by no query: the words for it would fit many an ambience too.
        clip = replace(like, concept="background noise", kind="ambience", groups=())
        clip = replace(clip, captions=("background noise",))
        noise = effects.draw_noise(samples, rng)
        return DrawnSource(clip, level, noise=noise, named=False)

    def _absent_phrase(self, scene: MeasuredScene, rng: np.random.Generator) -> str:
        """A phrase for a sound unlike any in the scene: no shared group, no instrument by music."""
        for _ in range(20):
            clip = self._clips[str(rng.choice(self._names))][0]
            if not any(_related(clip, source.clip) for source in scene.sources):
                return str(rng.choice(clip.captions))
        return ANY_ABSENT

    def _source(
        self, clip: Clip, samples: int, rng: np.random.Generator, several: bool
    ) -> DrawnSource:
        pieces, edge = self._place(clip, samples, rng)
        config = self.config
        far = bool(config.p_far) and rng.random() < config.p_far
        filters = effects.draw_filters(
            rng,
            equaliser=rng.random() < config.equaliser,
            band_limit=rng.random() < config.band_limit,
            room=rng.random() < config.room,
            far=far,
        )
        damage = effects.draw_damage(rng) if rng.random() < config.damage else None
        slow = config.p_slow_gain and rng.random() < config.p_slow_gain
        slow_gain = effects.draw_slow_gain(rng) if slow else ()
        # Each level within half the offset of the middle: no two differ by more than the whole.
        level = _LEVEL_DB + rng.uniform(-config.offset_db / 2, config.offset_db / 2)
        if several and config.p_quiet and rng.random() < config.p_quiet:
            level -= rng.uniform(*config.quiet_db)
        return DrawnSource(
            clip,
            level,
            pieces,
            edge=edge,
            filters=filters,
            damage=damage,
            slow_gain=slow_gain,
        )

    def _place(
        self, clip: Clip, samples: int, rng: np.random.Generator
    ) -> tuple[tuple[Piece, ...], Edge | None]:
        """Lay the clip, and others of its voice or concept, out in time."""
        # The same speed for all clips of a source: a voice keeps its pitch.
        speed = effects.draw_speed(rng) if rng.random() < self.config.speed else 1.0
        longest = int(samples * max(speed, 1.0)) + 1

        def sound(which: Clip) -> Stretch:
            start = int(rng.integers(max(1, which.samples - longest)))
            return Stretch(which, start, min(longest, which.samples - start), speed)

        siblings = self._voices[clip.concept, clip.speaker]
        if clip.kind != "speech" and len(siblings) < 2:
            siblings = self._clips[clip.concept]
        return arrange(clip, siblings, samples, sound, self.config.p_same_clip, rng)


def draw_phrase(clip: Clip, rng: np.random.Generator) -> str:
    """A caption of a clip, the canonical one more often than any other."""
    return clip.captions[0] if rng.random() < 0.4 else str(rng.choice(clip.captions))


def asked_groups(clip: Clip) -> tuple[str, ...]:
    """The groups whose words ask for a clip: who asks for the guitar does not mean the bass."""
    return tuple(name for name in clip.groups if name != "guitar" or "bass" not in clip.groups)


def alike(first: Clip, second: Clip) -> bool:
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
    if alike(first, second) or set(first.groups) & set(second.groups):
        return True
    return {first.kind, second.kind} <= {"speech", "singing"} or "crowd" in {
        *first.groups,
        *second.groups,
    }


def _normalised(weights: list[float]) -> NDArray[np.float64]:
    values = np.asarray(weights, dtype=np.float64)
    normalised: NDArray[np.float64] = values / values.sum()
    return normalised
