"""Suites: sets of mixtures with their published arithmetic, one a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from soundsift.errors import SoundsiftError
from soundsift.evaluation.item import Figure, Scored, Suite
from soundsift.evaluation.scenes import SUITES as SCENES
from soundsift.evaluation.suites import (
    audiosep,
    dcase2024_task9,
    folder,
    fuss,
    musdb18_hq,
    pairs,
    podcasts,
    procedural,
    sam_audio_bench,
    scenes,
    songs,
)

_OF_DATA = (audiosep, dcase2024_task9, folder, fuss, musdb18_hq, pairs, sam_audio_bench)
#: Suites of the user's data: from a folder and a subset.
OPENERS: dict[str, Callable[[Path | None, str | None], Suite]] = {
    module.NAME: module.open_suite for module in _OF_DATA
}
#: Long recordings of the sound bank.
_OF_BANK = {podcasts.NAME: podcasts.open_suite, songs.NAME: songs.open_suite}
_SUMMARIES: dict[str, Callable[[Sequence[Scored]], dict[str, Figure]]] = {
    module.NAME: module.summarise for module in (*_OF_DATA, podcasts, procedural, songs)
}
NAMES = (*SCENES, *_OF_BANK, procedural.NAME, *OPENERS)


def open_suite(
    name: str,
    data: Path | None = None,
    subset: str | None = None,
    bank: Path = Path("bank"),
    prompts: str = "text",
) -> Suite:
    """Open a suite and check that its data is there.

    Args:
        name: one of `NAMES`.
        data: folder of the user's data.
        subset: part of the suite, where it has parts.
        bank: folder of the sound bank, for our scenes.
        prompts: what systems are told of our scenes: `text`, `span` or `both`.

    Raises:
        SoundsiftError: the suite or the subset doesn't exist, or data is missing.
    """
    if name in OPENERS:
        return OPENERS[name](data, subset)
    if name not in NAMES:
        raise SoundsiftError(f"Unknown suite {name!r}. Use one of {', '.join(NAMES)}.")
    if data is not None or subset is not None:
        raise SoundsiftError(f"--suite {name} takes neither a folder nor --subset.")
    if name == procedural.NAME:
        return procedural.open_suite()
    if name in _OF_BANK:
        return _OF_BANK[name](bank)
    return scenes.open_suite(bank, name, prompts)


def summariser(name: str) -> Callable[[Sequence[Scored]], dict[str, Figure]]:
    """The published arithmetic of a suite, from rows that are finished.

    Args:
        name: of the suite, with or without its subset.

    Raises:
        SoundsiftError: there is no such suite.
    """
    suite = name.partition("/")[0]
    if suite in SCENES:
        return scenes.summarise
    if suite not in _SUMMARIES:
        raise SoundsiftError(f"Unknown suite {name!r}. Use one of {', '.join(NAMES)}.")
    return _SUMMARIES[suite]
