"""DCASE 2024 task 9, language-queried audio source separation: the synthetic validation set.

`FOLDER/lass_synthetic_validation.csv` with the columns `source,noise,snr,caption`, and the sounds
in `FOLDER/lass_validation/ID.wav`. Everything is mono at 16 kHz. The noise is scaled to the SNR,
and a mixture that would clip is scaled, with its source, by 0.9 over its peak, as in the
baseline's evaluator: SDR and its improvement, and absolute SI-SDR, as means over all items.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from soundsift.errors import SoundsiftError
from soundsift.evaluation.item import Ask, Figure, Item, Outputs, Samples, Scored, Scores, Suite
from soundsift.evaluation.suites.published import (
    audiosep_sdr,
    audiosep_si_sdr,
    load_mono,
    need_files,
    need_folder,
)
from soundsift.evaluation.summary import score_figures

NAME = "dcase2024-task9"
SOURCE = "zenodo.org/records/10886481 (lass_validation) and the challenge's baseline repository"
SAMPLE_RATE = 16_000
_LIST, _SOUNDS = "lass_synthetic_validation.csv", "lass_validation"
_COLUMNS = ["source", "noise", "snr", "caption"]


def open_suite(folder: Path | None, subset: str | None = None) -> Suite:
    """Read the list and check that all sounds are there.

    Args:
        folder: holds the list and the folder of sounds.
        subset: none exist.

    Raises:
        SoundsiftError: files are missing, or the list has other columns.
    """
    if subset is not None:
        raise SoundsiftError(f"{NAME} has no subsets. Leave out --subset.")
    root = need_folder(folder, NAME, SOURCE)
    need_files([root / _LIST], NAME, SOURCE)
    with (root / _LIST).open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    if [name.strip() for name in head] != _COLUMNS:
        raise SoundsiftError(
            f"{root / _LIST}: the columns are {','.join(head)}. Expected {','.join(_COLUMNS)}."
        )
    rows = [row for row in rows if row]
    sounds = root / _SOUNDS
    names = sorted({name for row in rows for name in row[:2]})
    need_files([sounds / f"{name}.wav" for name in names], NAME, SOURCE)
    by_id = {f"{number:04d}": row for number, row in enumerate(rows)}

    def load(item_id: str) -> Item:
        source, noise, snr, caption = by_id[item_id]
        target, mixture = mix(
            load_mono(sounds / f"{source}.wav", SAMPLE_RATE),
            load_mono(sounds / f"{noise}.wav", SAMPLE_RATE),
            int(snr),
        )
        return Item(
            id=item_id,
            mixture=mixture[None],
            sample_rate=SAMPLE_RATE,
            asks=(Ask("target", caption),),
            references={"target": target[None]},
        )

    return Suite(NAME, tuple(by_id), load, score, summarise, headline=("sdr", "sdr_i", "si_sdr"))


def mix(source: Samples, noise: Samples, snr_db: float) -> tuple[Samples, Samples]:
    """Scale the noise to an SNR and add it.

    Args:
        source: `(N,)`.
        noise: `(N,)`.
        snr_db: power of the source over that of the noise, in dB.

    Returns:
        The source and the mixture, both `(N,)`, both scaled if the mixture would clip.

    Raises:
        SoundsiftError: the lengths differ.
    """
    if source.shape != noise.shape:
        raise SoundsiftError(
            f"{NAME}: source and noise have {len(source)} and {len(noise)} samples, but must have "
            "equal lengths. Fetch the sounds again."
        )
    wanted = np.mean(source**2) / 10 ** (snr_db / 10)
    mixture = source + noise * np.sqrt(wanted / np.mean(noise**2))
    peak = np.abs(mixture).max()
    gain = np.float32(0.9 / peak if peak > 1 else 1.0)
    return source * gain, (mixture * gain).astype(np.float32)


def score(item: Item, outputs: Outputs) -> Scores:
    """`sdr`, `sdr_i` and absolute `si_sdr` of an item, in dB."""
    target, output = item.references["target"][0], outputs["target"].mean(axis=0)
    sdr = audiosep_sdr(target, output)
    return {
        "sdr": sdr,
        "sdr_i": sdr - audiosep_sdr(target, item.mixture[0]),
        "si_sdr": audiosep_si_sdr(target, output),
    }


def summarise(rows: Sequence[Scored]) -> dict[str, Figure]:
    """Means over all items."""
    return score_figures(rows, ("sdr", "sdr_i", "si_sdr"))
