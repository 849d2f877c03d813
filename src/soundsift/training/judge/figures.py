"""How well a judge does: correlation, preference, warnings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

from soundsift.models.default_judge import EVIDENCE, STATISTICS
from soundsift.training.judge.examples import Example

#: Ways in which outputs were asked for that figures are about; `Example` explains them.
OWN = frozenset({"text", "text+", "text~", "paraphrase", "paraphrase+", "paraphrase~", "both"})
_REAL = OWN | {"span"}
_CLEAR_DB = 1.0
_SIMILARITY = len(STATISTICS) + EVIDENCE.index("margin")


def figures(
    listing: Sequence[Example], ratings: Tensor, inputs: Tensor, poor: float
) -> dict[str, Any]:
    """Figures of a judge on examples.

    Args:
        listing: what the examples are.
        ratings: `(examples, 4)`, the judge's.
        inputs: `(examples, inputs)`; the text-audio similarity is one of them.
        poor: overall rating below which a result is said to be poor.

    Returns:
        For each group and all: Spearman correlation of overall rating, and of text-audio similarity
        (of outputs asked for by text), with SI-SDR improvement; share of pairs of outputs for one
        mixture, at least 1 dB apart, in which the better is preferred; recall and precision of
        results below 0 dB.
    """
    overall, similarity = ratings[:, 0].numpy(), inputs[:, _SIMILARITY].numpy()
    groups = sorted({one.group for one in listing})
    return {
        name: _of(
            [n for n, one in enumerate(listing) if name in (one.group, "all")],
            listing, overall, similarity, poor,
        )
        for name in (*groups, "all")
    }  # fmt: skip


def _of(
    numbers: list[int],
    listing: Sequence[Example],
    overall: NDArray[np.float32],
    similarity: NDArray[np.float32],
    poor: float,
) -> dict[str, Any]:
    real = [n for n in numbers if listing[n].asked in _REAL]
    named = [n for n in real if listing[n].text]
    gain = np.array([one.ratings.improvement for one in listing])
    below, flagged = gain[named] < 0, overall[named] < poor
    hits = int((below & flagged).sum())
    return {
        "outputs": len(real),
        "correlation": _round(spearman(overall[real], gain[real])),
        "correlation_by_text": _round(spearman(overall[named], gain[named])),
        "similarity_by_text": _round(spearman(similarity[named], gain[named])),
        "preferred": _round(preferred(real, listing, overall)),
        "preferred_by_similarity": _round(preferred(named, listing, similarity)),
        "poor": int(below.sum()),
        "poor_recall": _round(hits / max(1, int(below.sum()))),
        "poor_precision": _round(hits / max(1, int(flagged.sum()))),
    }


def spearman(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Correlation of ranks; ties have their mean rank."""
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])


def preferred(
    numbers: Sequence[int], listing: Sequence[Example], scores: NDArray[np.float32]
) -> float:
    """The share of pairs of outputs for one mixture in which the better has the higher score."""
    scenes: dict[int, list[int]] = defaultdict(list)
    for number in numbers:
        scenes[listing[number].scene].append(number)
    right = pairs = 0
    for own in scenes.values():
        for first, second in combinations(own, 2):
            ahead = listing[first].ratings.improvement - listing[second].ratings.improvement
            if abs(ahead) >= _CLEAR_DB:
                pairs += 1
                right += (scores[first] > scores[second]) == (ahead > 0)
    return right / pairs if pairs else float("nan")


def _round(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 3)
