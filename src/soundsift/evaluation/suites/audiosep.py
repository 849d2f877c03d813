"""AudioSep's six test lists (arXiv 2308.05037).

AudioSet, AudioCaps, VGGSound, MUSIC, Clotho and ESC-50.

`FOLDER` is the folder `evaluation` of AudioSep's repository with the published mixtures:
`metadata/NAME_eval.csv` and `data/NAME/`. Everything is mono at 32 kHz; SDR *improvement* stands
beside *absolute* SI-SDR. ESC-50, AudioCaps, Clotho and VGGSound give means over items; MUSIC the
mean of its ten instruments' means; AudioSet the mean of 527 classes' medians of ten items each.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soundsift.errors import SoundsiftError
from soundsift.evaluation.item import Ask, Figure, Item, Outputs, Scored, Scores, Suite
from soundsift.evaluation.suites.published import (
    audiosep_sdr,
    audiosep_si_sdr,
    load_mono,
    need_files,
    need_folder,
    pick_subset,
)
from soundsift.evaluation.summary import class_mean_figure, score_figures

NAME = "audiosep"
SOURCE = "AudioSep's repository (Audio-AGI/AudioSep, section Benchmark evaluation)"
SAMPLE_RATE = 32_000
LISTS = ("audioset", "audiocaps", "vggsound", "music", "clotho", "esc50")
_PER_CLASS = 10
_KEYS = ("sdr_i", "si_sdr")


@dataclass(frozen=True)
class _Line:
    mixture: Path
    source: Path
    text: str
    group: str


def open_suite(folder: Path | None, subset: str | None = None) -> Suite:
    """Read one list, or all six, and check that the files are there.

    Args:
        folder: `evaluation` of AudioSep's repository, data included.
        subset: one of `LISTS`; None for all.

    Raises:
        SoundsiftError: files are missing, or a list has another form.
    """
    root = need_folder(folder, NAME, SOURCE)
    chosen = pick_subset(subset, LISTS, NAME)
    lines = {
        f"{name}-{key}": line
        for name in ([chosen] if chosen else LISTS)
        for key, line in _lines(root, name)
    }
    need_files([path for x in lines.values() for path in (x.mixture, x.source)], NAME, SOURCE)

    def load(item_id: str) -> Item:
        line = lines[item_id]
        return Item(
            id=item_id,
            mixture=load_mono(line.mixture, SAMPLE_RATE)[None],
            sample_rate=SAMPLE_RATE,
            asks=(Ask("target", line.text),),
            references={"target": load_mono(line.source, SAMPLE_RATE)[None]},
            group=f"{item_id.partition('-')[0]}/{line.group}",
        )

    name = f"{NAME}/{chosen}" if chosen else NAME
    return Suite(name, tuple(lines), load, score, summarise, headline=_KEYS)


def score(item: Item, outputs: Outputs) -> Scores:
    """`sdr_i` and absolute `si_sdr` of an item, in dB."""
    target, output = item.references["target"][0], outputs["target"].mean(axis=0)
    return {
        "sdr_i": audiosep_sdr(target, output) - audiosep_sdr(target, item.mixture[0]),
        "si_sdr": audiosep_si_sdr(target, output),
    }


def summarise(rows: Sequence[Scored]) -> dict[str, Figure]:
    """The published mean of every list that occurs, as `LIST_sdr_i` and `LIST_si_sdr`."""
    figures: dict[str, Figure] = {}
    for name in LISTS:
        part = [row for row in rows if row["group"].startswith(f"{name}/")]
        if not part:
            continue
        if name == "music":
            found = {key: class_mean_figure(part, key) for key in _KEYS}
        elif name == "audioset":
            found = {key: class_mean_figure(part, key, _median) for key in _KEYS}
        else:
            found = score_figures(part, _KEYS)
        figures |= {f"{name}_{key}": figure for key, figure in found.items()}
    return figures


def _median(drawn: np.ndarray) -> np.ndarray:
    return np.asarray(np.median(drawn, axis=-1))


def _lines(root: Path, name: str) -> Iterator[tuple[str, _Line]]:
    sounds = root / "data" / name
    if name == "audioset":
        yield from _audioset(root, sounds)
        return
    path = root / "metadata" / f"{name}_eval.csv"
    need_files([path], NAME, SOURCE)
    with path.open(newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    for number, row in enumerate(row for row in rows if row):
        try:
            if name == "vggsound":
                _, mixture, source, text, *_ = row
                yield f"{number:05d}", _Line(sounds / mixture, sounds / source, text, "")
            else:
                index, text, *_ = row
                line = _Line(
                    sounds / f"mixture-{index}.wav",
                    sounds / f"segment-{index}.wav",
                    text,
                    text if name == "music" else "",
                )
                yield index, line
        except ValueError:
            raise SoundsiftError(
                f"{path}: row {number + 2} has {len(row)} columns, which is too few. Fetch the "
                "list again."
            ) from None


def _audioset(root: Path, sounds: Path) -> Iterator[tuple[str, _Line]]:
    """The first ten mixtures of every class, whose folder is `class_id=NUMBER`."""
    path = root / "metadata" / "class_labels_indices.csv"
    need_files([path], NAME, SOURCE)
    with path.open(newline="", encoding="utf-8") as file:
        labels = [row["display_name"] for row in csv.DictReader(file)]
    for number, label in enumerate(labels):
        folder = need_folder(sounds / f"class_id={number}", f"{NAME}/audioset", SOURCE)
        matches = (re.fullmatch(r"(.*),(?:mixture|source)\.wav", p.name) for p in folder.iterdir())
        names = sorted({match.group(1) for match in matches if match})
        for index, stem in enumerate(names[:_PER_CLASS]):
            yield (
                f"{number:03d}-{index}",
                _Line(folder / f"{stem},mixture.wav", folder / f"{stem},source.wav", label, label),
            )
