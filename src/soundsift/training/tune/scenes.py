"""Scenes of a tuned sound over backgrounds, and what is asked of them.

Scene number i of a seed is always the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Clip
from soundsift.data.phrasings import variants
from soundsift.data.scene import Query, Scene, heard_in
from soundsift.data.scenes import SceneGenerator, draw_phrase
from soundsift.data.spans import draw_spans
from soundsift.models.mel_codec import MelCodec
from soundsift.prompts import Prompt
from soundsift.spans import Span
from soundsift.training.answers import encode_queries
from soundsift.training.batches import Batch
from soundsift.training.tune.backgrounds import OWN, TuningBank
from soundsift.training.tune.config import TuningConfig

#: Queries asked of each scene.
QUERIES = 3
_MOST_OTHERS = 3
#: Share of the other queries that name any sound of the caption rules, whatever the scene holds.
_ANY_PHRASE = 0.5


@dataclass
class TuningBatch:
    """Queries with their right answers.

    Attributes:
        batch: the queries.
        tuned: `(B,)`, bool: whether a query names the tuned sound. The others are to be answered
            as before.
    """

    batch: Batch
    tuned: Tensor


class SceneDrawer:
    """Draws scenes with and without a tuned sound.

    Args:
        bank: recordings of the sound and backgrounds.
        own: the recordings of the sound.
        others: the backgrounds.
        phrases: what else may be asked for; nothing that could mean the tuned sound.
        config: how.
        seed: decides a scene together with its number.
    """

    def __init__(
        self,
        bank: TuningBank,
        own: Sequence[Clip],
        others: Sequence[Clip],
        phrases: Sequence[str],
        config: TuningConfig,
        seed: int,
    ) -> None:
        self.config, self.seed = config, seed
        self._own = _generator(bank, own, config, 1, bed=False)
        self._others = [
            _generator(bank, others, config, count, bed=True)
            for count in range(1, _MOST_OTHERS + 1)
        ]
        self._phrases = list(phrases)

    def scene(self, rng: np.random.Generator, seconds: float, with_own: bool) -> Scene:
        """Draw a scene; the tuned sound comes first, if it is there."""
        count = int(rng.integers(1, _MOST_OTHERS + 1)) + (not with_own)
        others = self._others[min(count, _MOST_OTHERS) - 1].scene(rng, seconds).sources
        others = tuple(
            replace(source, named=source.named and source.clip.source != OWN) for source in others
        )
        own = self._own.scene(rng, seconds).sources if with_own else ()
        return Scene(own + others)

    def about_tuned(self, scene: Scene, rng: np.random.Generator) -> Query:
        """Ask for the tuned sound, which is the scene's first: by text, spans or both."""
        source = scene.sources[0]
        kind = rng.random()
        spans = _marks(scene, 0, rng) if kind < 0.4 else ()
        text = None if spans and kind < 0.1 else self.phrase(source.clip.concept, rng)
        return Query(text, spans, (0,))

    def about_other(self, scene: Scene, rng: np.random.Generator, with_own: bool) -> Query:
        """Ask for another sound: one of the scene, or one that is not there."""
        named = [i for i in scene.named if not (with_own and i == 0)]
        kind = rng.random()
        if not named or kind < _ANY_PHRASE:
            # Whether it is there does not matter: what was answered before is the right answer.
            return Query(str(rng.choice(self._phrases)), (), ())
        chosen = int(rng.choice(named))
        source = scene.sources[chosen]
        spans: tuple[Span, ...] = ()
        if kind < _ANY_PHRASE + 0.25:
            spans = _marks(scene, chosen, rng)
        text = None if spans and kind < _ANY_PHRASE + 0.1 else draw_phrase(source.clip, rng)
        return Query(text, spans, (chosen,))

    def queries(
        self, scene: Scene, rng: np.random.Generator, with_own: bool, captions: Sequence[str]
    ) -> tuple[list[Query], list[bool]]:
        """Three queries of a scene, and whether each names the tuned sound."""
        other = self.about_other(scene, rng, with_own)
        if with_own:
            two = [self.about_tuned(scene, rng) for _ in range(2)]
            return [*two, other], [True, True, False]
        absent = Query(self.phrase(str(rng.choice(list(captions))), rng), (), ())
        return [absent, other, self.about_other(scene, rng, False)], [True, False, False]

    def phrase(self, caption: str, rng: np.random.Generator) -> str:
        """The caption, or another way to say it."""
        others = _ways_to_ask(caption)
        if not others or rng.random() >= self.config.p_other_phrasing:
            return caption
        return str(rng.choice(others))


@cache
def _ways_to_ask(caption: str) -> list[str]:
    """Other phrases for a caption that a prompt does not read as the caption itself."""
    return [one for one in variants(caption, "effect") if Prompt(one).text == one != caption]


class TuningScenes(Dataset[TuningBatch]):
    """The batches of a tuning run.

    Args:
        drawer: draws the scenes.
        captions: phrases of the tuned recordings.
        codec: the model's codec.
    """

    def __init__(self, drawer: SceneDrawer, captions: Sequence[str], codec: MelCodec) -> None:
        self.drawer, self.captions, self.codec = drawer, list(captions), codec

    def __len__(self) -> int:
        return self.drawer.config.steps

    def __getitem__(self, number: int) -> TuningBatch:
        config = self.drawer.config
        rng = np.random.default_rng((self.drawer.seed, 1, number))
        seconds = float(rng.choice(config.seconds))
        frames = round(seconds * self.codec.config.frame_rate)
        parts, phrases, tuned = [], [], []
        for _ in range(max(1, config.frames // (frames * QUERIES))):
            with_own = rng.random() < config.p_own
            scene = self.drawer.scene(rng, seconds, with_own)
            queries, own = self.drawer.queries(scene, rng, with_own, self.captions)
            parts.append(encode_queries(self.codec, scene, queries, float(rng.normal(0, 3))))
            phrases += [query.text for query in queries]
            tuned += own
        joined = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        count = len(phrases)
        # The presets of the default model evaluate the mean, at t = 0 and without noise.
        batch = Batch(
            phrases=phrases,
            time=torch.zeros(count),
            noise=torch.zeros_like(joined["latents"]),
            share=1.0,
            **joined,
        )
        return TuningBatch(batch, torch.tensor(tuned))


def _generator(
    bank: TuningBank, clips: Sequence[Clip], config: TuningConfig, count: int, bed: bool
) -> SceneGenerator:
    law = config.scenes.model_copy(
        update={
            "source_counts": (0.0,) * (count - 1) + (1.0,),
            "p_bed": config.scenes.p_bed if bed else 0.0,
        }
    )
    return SceneGenerator(bank.part(clips), law)


def _marks(scene: Scene, index: int, rng: np.random.Generator) -> tuple[Span, ...]:
    """Mark a source of a scene as a user would."""
    return draw_spans(heard_in(scene, (index,)), scene.samples / SAMPLE_RATE, rng)
