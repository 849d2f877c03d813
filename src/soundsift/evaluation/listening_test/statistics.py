"""Statistics of ratings and choices: crossed resampling, Bradley-Terry, agreement, correlation.

Listeners and items are both samples: another panel and other recordings would give other means. The
intervals resample both, independently (the pigeonhole bootstrap of Owen, 2007), and take Student's
t with the degrees of freedom of whichever there are fewer of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]

RESAMPLES = 2000
_SEED = 0


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval.

    Attributes:
        value: None if there is no data.
        low: end of the interval; None if there is too little data for one.
        high: other end.
        count: number of answers that it rests on.
    """

    value: float | None
    low: float | None
    high: float | None
    count: int

    def as_dict(self, digits: int = 4) -> dict[str, Any]:
        """For JSON."""
        return {
            name: round(value, digits) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


class Crossed:
    """Sums of values over listeners and items, and over resamples of both.

    Args:
        listeners: all listeners.
        items: all items.
        seed: seed of the resampling.
    """

    def __init__(self, listeners: Sequence[str], items: Sequence[str], seed: int = _SEED) -> None:
        self._listeners = {name: n for n, name in enumerate(listeners)}
        self._items = {name: n for n, name in enumerate(items)}
        rng = np.random.default_rng(seed)
        self._listener_weights = _weights(len(listeners), rng)
        self._item_weights = _weights(len(items), rng)
        sizes = [size for size in (len(listeners), len(items)) if size > 1]
        smallest = min(sizes, default=1)
        # The bootstrap's variance is that of n, not n - 1.
        self._factor = (
            float(stats.t.ppf(0.975, smallest - 1)) * (smallest / (smallest - 1)) ** 0.5
            if smallest > 1
            else None
        )

    def table(self, rows: Iterable[tuple[str, str, float]]) -> Array:
        """Sum of values by listener and item, `(listeners, items)`.

        Args:
            rows: listener, item, value.
        """
        sums = np.zeros((len(self._listeners), len(self._items)))
        for listener, item, value in rows:
            sums[self._listeners[listener], self._items[item]] += value
        return sums

    def resampled(self, table: Array) -> Array:
        """Sum of a table in every resample, `(RESAMPLES,)`."""
        inner = self._listener_weights @ table
        return np.asarray(np.einsum("bi,bi->b", inner, self._item_weights))

    def mean(self, rows: Sequence[tuple[str, str, float]], low: float, high: float) -> Estimate:
        """Mean of values with its interval.

        Args:
            rows: listener, item, value.
            low: least possible value, at which the interval ends.
            high: greatest possible value.
        """
        if not rows:
            return Estimate(None, None, None, 0)
        sums = self.table(rows)
        counts = self.table((listener, item, 1.0) for listener, item, _ in rows)
        wholes = self.resampled(counts)
        drawn = self.resampled(sums)[wholes > 0] / wholes[wholes > 0]
        return self.interval(float(sums.sum() / counts.sum()), drawn, len(rows), low, high)

    def interval(
        self, value: float, drawn: Array, count: int, low: float = -np.inf, high: float = np.inf
    ) -> Estimate:
        """A figure with the interval that its values in the resamples give."""
        if self._factor is None or len(drawn) < 2:
            return Estimate(value, None, None, count)
        wide = self._factor * float(np.std(drawn))
        return Estimate(value, max(low, value - wide), min(high, value + wide), count)


def bradley_terry(wins: Array) -> Array:
    """Scale values whose differences are the log-odds of being preferred.

    Maximum likelihood by Newton's method, with half a win added in each direction to every pair of
    systems that was compared, so that a system that always wins stays on the scale.

    Args:
        wins: `(..., systems, systems)`, how often the first was preferred to the second.

    Returns:
        `(..., systems)`, with mean 0.
    """
    compared = (wins + np.swapaxes(wins, -1, -2)) > 0
    won = wins + 0.5 * compared
    pairs = won + np.swapaxes(won, -1, -2)
    count = wins.shape[-1]
    scale = np.zeros(wins.shape[:-1])
    for _ in range(50):
        odds = 1 / (1 + np.exp(scale[..., None, :] - scale[..., :, None]))
        gradient = won.sum(-1) - (pairs * odds).sum(-1)
        curvature = pairs * odds * (1 - odds)
        hessian = np.eye(count) * curvature.sum(-1)[..., None] - curvature
        # The common level is free: this fixes its mean at 0. The ridge keeps apart systems finite.
        hessian = hessian + 1.0 / count + 1e-9 * np.eye(count)
        step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
        scale = scale + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-9:
            break
    return np.asarray(scale - scale.mean(-1, keepdims=True))


def krippendorff_alpha(ratings: Mapping[Hashable, Sequence[float]]) -> float | None:
    """Krippendorff's alpha for interval data; for two categories the same as for nominal data.

    Args:
        ratings: of each unit; units with fewer than two are left out.

    Returns:
        1 for perfect agreement, 0 for that of chance; None without two different ratings.
    """
    units = [np.asarray(values, dtype=float) for values in ratings.values() if len(values) > 1]
    if not units:
        return None
    pooled = np.concatenate(units)
    expected = 2 * np.square(pooled - pooled.mean()).sum() / (len(pooled) - 1)
    if expected == 0:
        return None
    observed = sum(
        2 * len(unit) * np.square(unit - unit.mean()).sum() / (len(unit) - 1) for unit in units
    )
    return float(1 - observed / len(pooled) / expected)


def share(hits: int, count: int) -> Estimate:
    """A share with Wilson's interval."""
    if count == 0:
        return Estimate(None, None, None, 0)
    found = stats.binomtest(hits, count).proportion_ci(method="wilson")
    return Estimate(hits / count, float(found.low), float(found.high), count)


def correlations(points: Sequence[tuple[str, float, float]]) -> dict[str, Estimate]:
    """Pearson's and Spearman's correlation, with intervals from resampled items.

    Args:
        points: item, one value, other value; an item has a point for each of its systems.

    Returns:
        `pearson` and `spearman`; no value for fewer than three points, or where all are equal.
    """
    nothing = Estimate(None, None, None, len(points))
    if len(points) < 3:
        return {"pearson": nothing, "spearman": nothing}
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for number, (item, _, _) in enumerate(points):
        groups[item].append(number)
    x, y = (np.array([point[n] for point in points], dtype=float) for n in (1, 2))
    drawn = _weights(len(groups), np.random.default_rng(_SEED))
    weights = np.zeros((RESAMPLES, len(points)))
    for number, members in enumerate(groups.values()):
        weights[:, members] = drawn[:, [number]]
    found = {}
    for name, (one, other) in {
        "pearson": (x, y),
        "spearman": (stats.rankdata(x), stats.rankdata(y)),
    }.items():
        value = _weighted_correlation(np.ones((1, len(points))), one, other)[0]
        resampled = _weighted_correlation(weights, one, other)
        resampled = resampled[np.isfinite(resampled)]
        if not np.isfinite(value):
            found[name] = nothing
        elif len(groups) < 3 or len(resampled) < RESAMPLES / 2:
            found[name] = Estimate(float(value), None, None, len(points))
        else:
            low, high = np.quantile(resampled, [0.025, 0.975])
            found[name] = Estimate(float(value), float(low), float(high), len(points))
    return found


def _weighted_correlation(weights: Array, x: Array, y: Array) -> Array:
    total = weights.sum(1, keepdims=True)
    x = x - (weights @ x)[:, None] / total
    y = y - (weights @ y)[:, None] / total
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(
            (weights * x * y).sum(1) / np.sqrt((weights * x * x).sum(1) * (weights * y * y).sum(1))
        )


def _weights(count: int, rng: np.random.Generator) -> Array:
    """How often each of so many is drawn, in every resample."""
    if count == 0:
        return np.zeros((RESAMPLES, 0))
    return rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(float)
