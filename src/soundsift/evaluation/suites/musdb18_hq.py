"""MUSDB18-HQ's test set with museval's SDR (BSS Eval v4): four stems by text.

`FOLDER/test/TRACK/{mixture,vocals,drums,bass,other}.wav`, stereo at 44.1 kHz. SDR is taken in
windows of one second; a window in which any of the stems or outputs is silent does not count. The
figure of a track is the median over windows, that of a system the median over tracks.

In BSS Eval v4's "images" form, SDR is the plain ratio of the stem's energy to that of the
difference, both channels together: the distortion filters concern ISR, SIR and SAR only, which are
not reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from soundsift.audio import read
from soundsift.errors import SoundsiftError
from soundsift.evaluation.item import Ask, Figure, Item, Outputs, Samples, Scored, Scores, Suite
from soundsift.evaluation.suites.published import need_files, need_folder, pick_subset
from soundsift.evaluation.summary import median_figure

NAME = "musdb18-hq"
SOURCE = "zenodo.org/records/3338373 (musdb18hq.zip)"
#: Prompts of the stems, by file name.
PROMPTS = {"vocals": "vocals", "drums": "drums", "bass": "bass", "other": "other instruments"}
_WINDOW_SECONDS = 1


def open_suite(folder: Path | None, subset: str | None = None) -> Suite:
    """List the tracks and check that every stem is there.

    Args:
        folder: holds `test` (and `train`).
        subset: `test`, the default, or `train`.

    Raises:
        SoundsiftError: files are missing.
    """
    root = need_folder(folder, NAME, SOURCE)
    part = pick_subset(subset, ("test", "train"), NAME) or "test"
    tracks = need_folder(root / part, NAME, SOURCE)
    paths = {track.name: track for track in sorted(tracks.iterdir()) if track.is_dir()}
    if not paths:
        raise SoundsiftError(
            f"{tracks}: there are no tracks. Get the data of {NAME} from {SOURCE}."
        )
    wanted = [f"{name}.wav" for name in ("mixture", *PROMPTS)]
    need_files([track / name for track in paths.values() for name in wanted], NAME, SOURCE)

    def load(item_id: str) -> Item:
        mixture = read(paths[item_id] / "mixture.wav", allow_silence=True)
        stems = {
            name: read(paths[item_id] / f"{name}.wav", allow_silence=True).samples
            for name in PROMPTS
        }
        return Item(
            id=item_id,
            mixture=mixture.samples,
            sample_rate=mixture.sample_rate,
            asks=tuple(Ask(name, text) for name, text in PROMPTS.items()),
            references=stems,
        )

    name = NAME if part == "test" else f"{NAME}/{part}"
    headline = tuple(f"{stem}_sdr" for stem in PROMPTS)
    return Suite(name, tuple(paths), load, score, summarise, headline=headline, assign=by_name)


def by_name(item: Item, stems: Outputs) -> Outputs:
    """The stems of a system without prompts whose names are those of MUSDB18's.

    Raises:
        ValueError: there are none.
    """
    found = {ask.name: stems[ask.name] for ask in item.asks if ask.name in stems}
    if not found:
        raise ValueError(f"none of the stems {', '.join(stems)} is called {', '.join(PROMPTS)}")
    return found


def score(item: Item, outputs: Outputs) -> Scores:
    """`STEM_sdr` of every stem that has an output: the median over windows, in dB."""
    names = [name for name in PROMPTS if name in outputs]
    references = np.stack([item.references[name] for name in names])
    estimates = np.stack([outputs[name] for name in names])
    windows = windowed_sdr(references, estimates, _WINDOW_SECONDS * item.sample_rate)
    scores: Scores = {}
    for name, values in zip(names, windows, strict=True):
        heard = values[~np.isnan(values)]
        scores[f"{name}_sdr"] = float(np.median(heard)) if heard.size else None
    return scores


def windowed_sdr(
    references: Samples, estimates: Samples, window: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Museval's SDR in windows that follow each other.

    Args:
        references: `(S, C, N)`, S stems.
        estimates: the same shape.
        window: samples of a window; what is left at the end does not count, unless the track is
            shorter than one window.

    Returns:
        `(S, windows)` in dB; NaN where a stem or an output is silent, infinite where an output is
        exact.
    """
    stems, channels, samples = references.shape
    if samples < window:
        window = samples
    count = samples // window
    shape = (stems, channels, count, window)
    wanted, found = (
        np.asarray(x[:, :, : count * window], np.float64).reshape(shape)
        for x in (references, estimates)
    )
    energy = np.square(wanted).sum(axis=(1, 3))
    error = np.square(found - wanted).sum(axis=(1, 3))
    with np.errstate(divide="ignore", invalid="ignore"):
        sdr = np.where(error == 0, np.inf, 10 * np.log10(energy / error))
    # museval sums the channels before it asks whether a window is silent.
    silent = [np.all(x.sum(axis=1) == 0, axis=-1).any(axis=0) for x in (wanted, found)]
    sdr[:, silent[0] | silent[1]] = np.nan
    return sdr


def summarise(rows: Sequence[Scored]) -> dict[str, Figure]:
    """The median over tracks of every stem's SDR."""
    return {
        f"{name}_sdr": median_figure([row["scores"].get(f"{name}_sdr") for row in rows])
        for name in PROMPTS
    }
