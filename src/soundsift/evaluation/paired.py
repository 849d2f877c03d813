"""Paired comparison of two systems on the items that both have finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soundsift.errors import SoundsiftError
from soundsift.evaluation.results import Results

_RESAMPLES = 10_000


@dataclass(frozen=True)
class Difference:
    """One score of two systems, item by item.

    Attributes:
        score: its name.
        items: how many have it in both.
        first, second: means.
        mean: of first minus second.
        low, high: 95 % bootstrap interval of the mean difference.
        p_value: two-sided, by random exchange of the systems within items.
        wins: share of items on which the first is higher; ties count half.
    """

    score: str
    items: int
    first: float
    second: float
    mean: float
    low: float
    high: float
    p_value: float
    wins: float


def compare(
    first: Results, second: Results, scores: Sequence[str] | None = None, seed: int = 0
) -> list[Difference]:
    """Compare two systems on the same suite.

    Args:
        first: results.
        second: results of the same suite with the same settings.
        scores: names; by default all that both have.
        seed: of the resampling.

    Raises:
        SoundsiftError: the results are of different suites or share no score.
    """
    for key in ("suite", "settings"):
        if first.run[key] != second.run[key]:
            raise SoundsiftError(
                f"{first.folder} and {second.folder} have different {key}: {first.run[key]!r} and "
                f"{second.run[key]!r}. Compare results of the same suite and settings."
            )
    rows = {row["id"]: row["scores"] for row in first.done}
    both = [(rows[row["id"]], row["scores"]) for row in second.done if row["id"] in rows]
    ranked = {*first.ranked_by, *second.ranked_by}
    shared = sorted({name for one, two in both for name in one.keys() & two.keys()})
    names = [name for name in scores or shared if name.partition("_")[0] not in ranked]
    differences = [found for name in names if (found := _difference(name, both, seed))]
    if not differences:
        raise SoundsiftError(
            f"{first.folder} and {second.folder} share no item with {', '.join(names) or 'scores'}."
        )
    return differences


def _difference(
    name: str, both: Sequence[tuple[dict[str, float | None], dict[str, float | None]]], seed: int
) -> Difference | None:
    values = [(one.get(name), two.get(name)) for one, two in both]
    pairs = np.array([v for v in values if None not in v], dtype=np.float64).reshape(-1, 2)
    if not len(pairs):
        return None
    gaps = pairs[:, 0] - pairs[:, 1]
    rng = np.random.default_rng(seed)
    means = gaps[rng.integers(len(gaps), size=(_RESAMPLES, len(gaps)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    signs = rng.choice([-1.0, 1.0], size=(_RESAMPLES, len(gaps)))
    # Rounding must not make an exchange that changes nothing less extreme than the data.
    extreme = np.abs((signs * gaps).mean(axis=1)) >= abs(gaps.mean()) * (1 - 1e-12)
    return Difference(
        score=name,
        items=len(gaps),
        first=float(pairs[:, 0].mean()),
        second=float(pairs[:, 1].mean()),
        mean=float(gaps.mean()),
        low=float(low),
        high=float(high),
        p_value=float((1 + extreme.sum()) / (1 + _RESAMPLES)),
        wins=float(((gaps > 0) + 0.5 * (gaps == 0)).mean()),
    )
