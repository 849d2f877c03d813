"""Songs (`soundsift.evaluation.songs`) as a suite for any system: an item for each stem."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from soundsift.config import SAMPLE_RATE
from soundsift.evaluation.item import Ask, Figure, Item, Scored, Suite
from soundsift.evaluation.reference_scores import score_item
from soundsift.evaluation.songs import PHRASES, Songs
from soundsift.evaluation.summary import score_figures
from soundsift.fingerprint import file_digest

NAME = "songs"


def open_suite(bank: Path) -> Suite:
    """Four stems of each song.

    Args:
        bank: folder of the sound bank, with its unpacked packages.

    Raises:
        SoundsiftError: the bank lacks what songs are made of.
    """
    songs = Songs(bank)
    by_id = {f"{number:04d}-{name}": (number, name) for number in songs.numbers for name in PHRASES}
    played = lru_cache(maxsize=1)(songs.song)

    def load(item_id: str) -> Item:
        number, name = by_id[item_id]
        song = played(number)
        return Item(
            id=item_id,
            mixture=song.mixture,
            sample_rate=SAMPLE_RATE,
            asks=(Ask("target", PHRASES[name]),),
            references={"target": song.stems[name][None]},
            group=name,
            extra={"title": song.title},
        )

    settings = {"bank": file_digest(bank / "manifest.jsonl")}
    names = tuple(f"{name}_si_sdr_i" for name in PHRASES)
    return Suite(NAME, tuple(by_id), load, score_item, summarise, settings, headline=names)


def summarise(rows: Sequence[Scored]) -> dict[str, Figure]:
    """Means over all songs, together and of each stem."""
    figures = score_figures(rows, ("si_sdr_i", "sdr_i", "near"))
    for name in PHRASES:
        own = [row for row in rows if row["group"] == name]
        figures[f"{name}_si_sdr_i"] = score_figures(own, ("si_sdr_i",))["si_sdr_i"]
    return figures
