"""FUSS, Free Universal Sound Separation: one to four sounds of any kind, without names.

`FOLDER/eval_example_list.txt`: per line the mixture and its sources, separated by tabs, relative to
`FOLDER`; mono at 16 kHz. The arithmetic is the DCASE 2020 baseline's: the mixture is the sum of the
sources; SI-SNR per source; a pair counts if its output lies less than 20 dB below the quietest
source; single sources give SI-SNR, the others its improvement; and the shares of mixtures with too
few, as many and too many active outputs.

FUSS has no captions. Systems that answer prompts are told when each source is heard, and their
outputs stay with their prompts. Outputs of systems without prompts go to the sources in the order
that is best for them, as published.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundsift.data.spans import active_spans
from soundsift.errors import SoundsiftError
from soundsift.evaluation.item import Ask, Figure, Item, Outputs, Samples, Scored, Scores, Suite
from soundsift.evaluation.suites.published import (
    load_mono,
    need_files,
    need_folder,
    pick_subset,
)
from soundsift.evaluation.summary import mean_figure
from soundsift.spans import Span

NAME = "fuss"
SOURCE = "zenodo.org/records/3694384 (FUSS_ssdata.tar.gz or its reverberant version)"
SAMPLE_RATE = 16_000
SOURCES = 4
_EPSILON = 1e-8
_ACTIVE_RATIO = 0.01


def open_suite(folder: Path | None, subset: str | None = None) -> Suite:
    """Read the list of mixtures and check that all sources are there.

    Args:
        folder: `ssdata` or `ssdata_reverb`.
        subset: `eval`, the default, `validation` or `train`.

    Raises:
        SoundsiftError: files are missing, or a line has no or more than four sources.
    """
    root = need_folder(folder, NAME, SOURCE)
    part = pick_subset(subset, ("eval", "validation", "train"), NAME) or "eval"
    listing = root / f"{part}_example_list.txt"
    need_files([listing], NAME, SOURCE)
    examples: dict[str, list[Path]] = {}
    for line in listing.read_text(encoding="utf-8").splitlines():
        if not line.strip():
            continue
        mixture, *sources = line.strip().split("\t")
        if not 1 <= len(sources) <= SOURCES:
            raise SoundsiftError(
                f"{listing}: {mixture} has {len(sources)} sources. Expected 1 to {SOURCES}."
            )
        examples[Path(mixture).stem] = [root / source for source in sources]
    need_files([path for paths in examples.values() for path in paths], NAME, SOURCE)

    def load(item_id: str) -> Item:
        waves = [load_mono(path, SAMPLE_RATE) for path in examples[item_id]]
        asks = []
        for number, wave in enumerate(waves):
            heard = [s for s in active_spans(wave, SAMPLE_RATE) if s[1] > s[0]]
            spans = tuple(Span(start, end) for start, end in heard)
            if spans:
                asks.append(Ask(f"source{number}", None, spans))
        return Item(
            id=item_id,
            mixture=np.sum(waves, axis=0)[None],
            sample_rate=SAMPLE_RATE,
            asks=tuple(asks),
            references={f"source{n}": wave[None] for n, wave in enumerate(waves)},
            group=f"{len(asks)} sources" if len(asks) != 1 else "1 source",
        )

    name = NAME if part == "eval" else f"{NAME}/{part}"
    headline = ("si_snr_1", "si_snr_i_multi")
    return Suite(name, tuple(examples), load, score, summarise, headline=headline, assign=in_order)


def in_order(item: Item, stems: Outputs) -> Outputs:
    """Stems in the order of sources with the highest mean SI-SNR.

    Sources and stems are filled up to four, and to each other's number, with silence.
    """
    from scipy.optimize import linear_sum_assignment

    silence = np.zeros(item.mixture.shape[1], np.float32)
    names, targets = list(item.references), [w[0] for w in item.references.values()]
    waves = [stem.mean(axis=0) for stem in stems.values()]
    size = max(SOURCES, len(targets), len(waves))
    names += [f"extra{n}" for n in range(size - len(targets))]
    targets += [silence] * (size - len(targets))
    waves += [silence] * (size - len(waves))
    gains = np.array([[si_snr(wave, target) for wave in waves] for target in targets])
    rows, columns = linear_sum_assignment(gains, maximize=True)
    return {names[row]: waves[column][None] for row, column in zip(rows, columns, strict=True)}


def si_snr(estimate: Samples, target: Samples) -> float:
    """SI-SNR of the baseline, in dB: powers are normalised before 1e-8 is added to both.

    Args:
        estimate: `(N,)`.
        target: `(N,)`.
    """
    found, wanted = (_normalise(np.asarray(w, np.float64)) for w in (estimate, target))
    cosine = float(found @ wanted)
    signal, noise = cosine**2, float(np.square(found - cosine * wanted).sum())
    return 10 * float(np.log10((signal + _EPSILON) / (noise + _EPSILON)))


def score(item: Item, outputs: Outputs) -> Scores:
    """SI-SNR figures of one mixture.

    Returns:
        `si_snr_1` (mixtures of one source) or `si_snr_i_multi`, the mean over pairs that count;
        `si_snr_sum` and `pairs`, so that pairs of all mixtures can weigh the same; `under`, `equal`
        and `over`, 0 or 1.
    """
    active = [n for n, w in item.references.items() if np.sqrt(np.mean(np.square(w))) > 1e-8]
    powers = {name: float(np.mean(np.square(outputs[name]))) for name in outputs}
    quietest = min(float(np.mean(np.square(item.references[name]))) for name in active)
    sounding = {name for name, power in powers.items() if power > _ACTIVE_RATIO * quietest}
    pairs = [name for name in active if name in sounding]
    values = []
    for name in pairs:
        target = item.references[name][0]
        value = si_snr(outputs[name].mean(axis=0), target)
        values.append(value - (si_snr(item.mixture[0], target) if len(active) > 1 else 0.0))
    key = "si_snr_1" if len(active) == 1 else "si_snr_i_multi"
    return {
        key: float(np.mean(values)) if values else None,
        "si_snr_sum": float(np.sum(values)),
        "pairs": float(len(values)),
        "active_sources": float(len(active)),
        "under": float(len(sounding) < len(active)),
        "equal": float(len(sounding) == len(active)),
        "over": float(len(sounding) > len(active)),
    }


def summarise(rows: Sequence[Scored]) -> dict[str, Figure]:
    """Means over pairs: SI-SNR of single sources, its improvement for 2, 3, 4 and all of them."""
    figures: dict[str, Figure] = {}
    for label, counts in (
        ("si_snr_1", (1,)),
        ("si_snr_i_2", (2,)),
        ("si_snr_i_3", (3,)),
        ("si_snr_i_4", (4,)),
        ("si_snr_i_multi", (2, 3, 4)),
    ):
        part = [row["scores"] for row in rows if row["scores"]["active_sources"] in counts]
        figures[label] = _pair_mean(part)
    for key in ("under", "equal", "over"):
        figures[key] = mean_figure([row["scores"][key] for row in rows])
    return figures


def _pair_mean(scores: Sequence[Scores]) -> Figure:
    sums, pairs = (
        np.array([score[key] for score in scores], dtype=np.float64)
        for key in ("si_snr_sum", "pairs")
    )
    if not pairs.sum():
        return Figure(None, None, None, 0)
    picked = np.random.default_rng(0).integers(len(sums), size=(2000, len(sums)))
    weights = pairs[picked].sum(axis=1)
    means = sums[picked].sum(axis=1)[weights > 0] / weights[weights > 0]
    low, high = np.quantile(means, [0.025, 0.975])
    return Figure(float(sums.sum() / pairs.sum()), float(low), float(high), int(pairs.sum()))


def _normalise(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    energy = float(np.square(wave).sum())
    return wave * float(1.0 / np.sqrt(max(energy, 1e-16)))
