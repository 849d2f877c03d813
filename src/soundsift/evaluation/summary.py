"""Means and medians of scores with bootstrap intervals over items, as figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from soundsift.evaluation.item import Figure, Scored

_RESAMPLES = 2000
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


def _figure(values: Sequence[float | None], statistic: Statistic, seed: int) -> Figure:
    drawn = np.array([v for v in values if v is not None and not np.isnan(v)], dtype=np.float64)
    if not drawn.size:
        return Figure(None, None, None, 0)
    picked = np.random.default_rng(seed).integers(drawn.size, size=(_RESAMPLES, drawn.size))
    low, high = np.quantile(statistic(drawn[picked]), [0.025, 0.975])
    return Figure(float(statistic(drawn)), float(low), float(high), int(drawn.size))
