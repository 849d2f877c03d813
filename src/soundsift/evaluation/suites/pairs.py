"""Pairs of clips at 0 dB (`soundsift.evaluation.pairs`) as a suite for any system.

Every pair makes two items, one for each clip.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from soundsift.config import SAMPLE_RATE
from soundsift.data.spans import active_spans
from soundsift.errors import SoundsiftError
from soundsift.evaluation.item import Ask, Figure, Item, Scored, Suite
from soundsift.evaluation.pairs import PAIRS, draw_pair, find_classes
from soundsift.evaluation.reference_scores import NAMES, score_item
from soundsift.evaluation.summary import score_figures
from soundsift.spans import Span

NAME = "pairs"


def open_suite(folder: Path | None, subset: str | None = None) -> Suite:
    """Pairs of clips of a folder of classes.

    Args:
        folder: `FOLDER/CLASS NAME/*.wav`.
        subset: none exist.

    Raises:
        SoundsiftError: there are not two classes with audio files.
    """
    if folder is None or subset is not None:
        raise SoundsiftError(
            f"--suite {NAME} takes a folder with one subfolder of clips for each class, and no "
            "--subset."
        )
    classes = find_classes(folder)
    drawn = lru_cache(maxsize=1)(lambda number: draw_pair(classes, number))
    by_id = {
        f"{number:04d}{side}": (number, "ab".index(side))
        for number in range(PAIRS)
        for side in "ab"
    }

    def load(item_id: str) -> Item:
        number, own = by_id[item_id]
        waves, names = drawn(number)
        heard = [span for span in active_spans(waves[own], SAMPLE_RATE) if span[1] > span[0]]
        return Item(
            id=item_id,
            mixture=waves.sum(axis=0, keepdims=True),
            sample_rate=SAMPLE_RATE,
            asks=(Ask("target", names[own]),),
            references={"target": waves[own : own + 1], "other": waves[1 - own : 2 - own]},
            group=names[own],
            heard=tuple(Span(start, end) for start, end in heard),
            extra={"other_text": names[1 - own]},
        )

    return Suite(NAME, tuple(by_id), load, score_item, summarise, {"files": _digest(classes)})


def summarise(rows: Sequence[Scored]) -> dict[str, Figure]:
    """Means over all clips of all pairs."""
    return score_figures(rows, NAMES)


def _digest(classes: dict[str, list[Path]]) -> str:
    """Of the names and sizes of all clips."""
    lines = [f"{name}/{p.name} {p.stat().st_size}" for name, ps in classes.items() for p in ps]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
