"""Two sounds by this package's own generators: a table without any data.

It shows that everything runs, and how figures look. It says little about quality: the default model
was trained on other sounds of the same generators. Seeds of the suite are not among training's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from soundsift.config import SAMPLE_RATE
from soundsift.data.procedural.render import VARIANTS, render
from soundsift.data.procedural.table import SOUNDS
from soundsift.data.spans import active_spans
from soundsift.evaluation.item import Ask, Figure, Item, Samples, Scored, Suite
from soundsift.evaluation.reference_scores import NAMES, score_item
from soundsift.evaluation.summary import score_figures
from soundsift.spans import Span

NAME = "procedural"
ITEMS = 200
_SECONDS = 5.0
_SEED = 20261127
#: Generators draw their sound from (name, variant); training has the variants from 0 on.
_FIRST_VARIANT = 1000


def open_suite() -> Suite:
    """Two sounds of different concepts at equal energy, of five seconds each."""
    assert _FIRST_VARIANT >= VARIANTS
    by_id = {f"{number:04d}": number for number in range(ITEMS)}

    def load(item_id: str) -> Item:
        waves, names = _draw(by_id[item_id])
        heard = [span for span in active_spans(waves[0], SAMPLE_RATE) if span[1] > span[0]]
        return Item(
            id=item_id,
            mixture=waves.sum(axis=0, keepdims=True),
            sample_rate=SAMPLE_RATE,
            asks=(Ask("target", names[0]),),
            probes=(Ask("other", names[1]),),
            references={"target": waves[:1], "other": waves[1:]},
            heard=tuple(Span(start, end) for start, end in heard),
        )

    return Suite(NAME, tuple(by_id), load, score_item, summarise)


def summarise(rows: Sequence[Scored]) -> dict[str, Figure]:
    """Means over all items."""
    return score_figures(rows, NAMES)


@lru_cache(maxsize=1)
def _draw(number: int) -> tuple[Samples, tuple[str, str]]:
    rng = np.random.default_rng((_SEED, number))
    while True:
        first, second = (list(SOUNDS)[int(i)] for i in rng.permutation(len(SOUNDS))[:2])
        if SOUNDS[first].concept != SOUNDS[second].concept:
            break
    waves = np.zeros((2, round(_SECONDS * SAMPLE_RATE)), np.float32)
    for wave, name in zip(waves, (first, second), strict=True):
        sound = render(name, _FIRST_VARIANT + number)[: len(wave)]
        start = int(rng.integers(len(wave) - len(sound) + 1))
        wave[start : start + len(sound)] = sound
        wave *= np.float32(np.sqrt(10.0 / np.square(wave, dtype=np.float64).sum()))
    return waves, (SOUNDS[first].concept, SOUNDS[second].concept)
