"""True ratings of a separation, from its stems. docs/judge-and-spans.md gives the formulas.

An estimate e is compared with the target s and the rest n of the mixture in cells of 128 mel bands
and 40 ms. In each cell e = g s + h n + a, with g and h from least squares and limited to 0 to 1.

| rating | from | 1 | 5 |
|---|---|---|---|
| recall | share of the target's energy that is kept, sum(g^2 |s|^2) / sum(|s|^2) | 0 | 1 |
| precision | dB of what is kept over what has leaked, sum(g^2 |s|^2) / sum(h^2 |n|^2) | -5 | 20 |
| faithfulness | dB of what is explained over the rest, sum(|e|^2 - |a|^2) / sum(|a|^2) | 0 | 20 |
| overall | dB of SI-SDR improvement of the waves | -5 | 20 |

Ratings are linear between.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from soundsift.evaluation.metrics import si_sdr_improvement
from soundsift.models.mel_codec import MelCodec

_LEAST = 1e-12


@dataclass(frozen=True)
class TrueRatings:
    """Ratings from 1 to 5.

    Attributes:
        overall, recall, precision, faithfulness: the ratings.
        improvement: SI-SDR improvement in dB.
    """

    overall: float
    recall: float
    precision: float
    faithfulness: float
    improvement: float


def true_ratings(codec: MelCodec, estimate: Tensor, target: Tensor, rest: Tensor) -> TrueRatings:
    """Rate an estimate.

    Args:
        codec: gives the cells.
        estimate: `(samples,)` at the codec's rate.
        target: the same, the sound asked for.
        rest: the same, everything else.
    """
    e, s, n = (codec.spectrum(wave) for wave in (estimate, target, rest))
    ee, ss, nn = (codec.cross_energy(part, part) for part in (e, s, n))
    es, en, sn = (codec.cross_energy(*pair) for pair in ((e, s), (e, n), (s, n)))
    determinant = (ss * nn - sn.square()).clamp(min=_LEAST) + 1e-3 * ss * nn
    g = ((es * nn - en * sn) / determinant).clamp(0, 1)
    h = ((en * ss - es * sn) / determinant).clamp(0, 1)
    # Where one of the two is silent, the other explains the cell alone.
    only_s, only_n = nn < 1e-6 * ss, ss < 1e-6 * nn
    g = torch.where(only_s, (es / ss.clamp(min=_LEAST)).clamp(0, 1), g).masked_fill(only_n, 0.0)
    h = torch.where(only_n, (en / nn.clamp(min=_LEAST)).clamp(0, 1), h).masked_fill(only_s, 0.0)
    kept, leaked = (g.square() * ss).sum(), (h.square() * nn).sum()
    explained = g.square() * ss + h.square() * nn + 2 * g * h * sn
    artefact = (ee - 2 * (g * es + h * en) + explained).clamp(min=0).sum()
    mixture = target + rest
    improvement = si_sdr_improvement(estimate, target, mixture)
    return TrueRatings(
        overall=_rating(improvement, -5.0, 20.0),
        recall=_rating(float(kept / ss.sum().clamp(min=_LEAST)), 0.0, 1.0),
        precision=_rating(_ratio_db(kept, leaked), -5.0, 20.0),
        faithfulness=_rating(_ratio_db(explained.clamp(min=0).sum(), artefact), 0.0, 20.0),
        improvement=improvement,
    )


def _ratio_db(part: Tensor, other: Tensor) -> float:
    return float(10 * torch.log10((part + _LEAST) / (other + _LEAST)))


def _rating(value: float, worst: float, best: float) -> float:
    return 1.0 + 4.0 * min(1.0, max(0.0, (value - worst) / (best - worst)))
