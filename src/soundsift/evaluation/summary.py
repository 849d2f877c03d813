"""Means and medians of scores with bootstrap intervals over items, as figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from soundsift.evaluation.item import Figure, Scored

_RESAMPLES = 2000
_LEAST_PAIRS = 4
Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def mean_figure(values: Sequence[float | None], seed: int = 0) -> Figure:
    """The mean and its 95 % bootstrap interval; None and NaN are left out."""
    return _figure(values, lambda drawn: drawn.mean(axis=-1), seed)


def median_figure(values: Sequence[float | None], seed: int = 0) -> Figure:
    """The median and its 95 % bootstrap interval; None and NaN are left out."""
    return _figure(values, lambda drawn: np.median(drawn, axis=-1), seed)


def class_mean_figure(
    rows: Sequence[Scored], key: str, inner: Statistic | None = None, seed: int = 0
) -> Figure:
    """The mean over classes of a statistic within each class.

    Items are resampled within their class.

    Args:
        rows: with `group`, the class, and `scores`.
        key: name of the score.
        inner: statistic of a class along the last axis; by default the mean.
        seed: of the resampling.
    """
    statistic = inner or (lambda drawn: drawn.mean(axis=-1))
    classes: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        value = row["scores"].get(key)
        if value is not None and not np.isnan(value):
            classes[row["group"]].append(value)
    if not classes:
        return Figure(None, None, None, 0)
    rng = np.random.default_rng(seed)
    resampled = np.zeros(_RESAMPLES)
    for name in sorted(classes):
        drawn = np.asarray(classes[name])
        resampled += statistic(drawn[rng.integers(len(drawn), size=(_RESAMPLES, len(drawn)))])
    exact = float(np.mean([statistic(np.asarray(values)) for values in classes.values()]))
    low, high = np.quantile(resampled / len(classes), [0.025, 0.975])
    return Figure(exact, float(low), float(high), len(classes))


def score_figures(rows: Sequence[Scored], keys: Sequence[str]) -> dict[str, Figure]:
    """The mean of each score over the rows that have it."""
    return {key: mean_figure([row["scores"].get(key) for row in rows]) for key in keys}


def correlation_figure(rows: Sequence[Scored], key: str, truth: str, seed: int = 0) -> Figure:
    """Spearman's correlation of a score with a true one, over the rows that have both.

    Args:
        rows: with `scores`.
        key: name of the score.
        truth: name of the true one.
        seed: of the resampling.

    Returns:
        No value with fewer than four rows, or where either score never changes.
    """
    pairs = [(row["scores"].get(key), row["scores"].get(truth)) for row in rows]
    known = np.array([pair for pair in pairs if None not in pair], dtype=np.float64).reshape(-1, 2)
    if len(known) < _LEAST_PAIRS or (np.ptp(known, axis=0) == 0).any():
        return Figure(None, None, None, len(known))
    picked = np.random.default_rng(seed).integers(len(known), size=(_RESAMPLES, len(known)))
    # Ranks anew in every sample: what is drawn twice ties with itself.
    drawn = known[picked].transpose(0, 2, 1)
    low, high = np.nanquantile(_correlations(drawn), [0.025, 0.975])
    exact = float(_correlations(known.T[None])[0])
    return Figure(exact, float(low), float(high), len(known))


def _correlations(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman's correlations of `(samples, 2, rows)`; NaN where one never changes."""
    ranks = rankdata(pairs, axis=-1)
    ranks -= ranks.mean(axis=-1, keepdims=True)
    squares = np.square(ranks).sum(axis=-1).prod(axis=-1)
    found: NDArray[np.float64] = ranks.prod(axis=1).sum(axis=-1) / np.where(
        squares > 0, np.sqrt(squares), np.nan
    )
    return found


def _figure(values: Sequence[float | None], statistic: Statistic, seed: int) -> Figure:
    drawn = np.array([v for v in values if v is not None and not np.isnan(v)], dtype=np.float64)
    if not drawn.size:
        return Figure(None, None, None, 0)
    picked = np.random.default_rng(seed).integers(drawn.size, size=(_RESAMPLES, drawn.size))
    low, high = np.quantile(statistic(drawn[picked]), [0.025, 0.975])
    return Figure(float(statistic(drawn)), float(low), float(high), int(drawn.size))
