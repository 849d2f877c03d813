"""SpanIoU: does the output sound where the target is heard, and nowhere else?

The arithmetic of SAM Audio's release (arXiv 2512.18099): the output is silent where its level in
every window of 250 ms, moved by 10 ms, stays at or below -40 dB relative to its loudest window of
250 ms (moved by 100 ms), at 24 kHz. What remains is compared with the given spans.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soundsift.audio import resample
from soundsift.evaluation.item import Samples, Scores
from soundsift.spans import Span

_RATE = 24_000
_WINDOW_MS, _PEAK_HOP_MS, _HOP_MS = 250, 100, 10
_SILENCE_DB = -40.0

Times = list[tuple[float, float]]


def heard_spans(wave: Samples, sample_rate: int) -> Times:
    """When an output sounds.

    Args:
        wave: `(C, N)`; channels are averaged in energy.
        sample_rate: in Hz.

    Returns:
        (start, end) in seconds, in order; empty for silence.
    """
    given = resample(wave, sample_rate, _RATE).astype(np.float64)
    per_ms = _RATE // 1000
    length = round(1000 * wave.shape[1] / sample_rate)
    energy = np.square(given[:, : length * per_ms]).mean(axis=0)
    energy = np.pad(energy, (0, length * per_ms - len(energy)))
    total = np.concatenate([[0.0], np.cumsum(energy.reshape(length, per_ms).mean(axis=1))])
    last = length - _WINDOW_MS
    if total[-1] <= 0:
        return []
    if last < 0:  # shorter than one window: no part of it counts as silent
        return [(0.0, length / 1000)]
    starts = np.arange(last + 1)
    power = (total[starts + _WINDOW_MS] - total[starts]) / _WINDOW_MS
    quietest = power[::_PEAK_HOP_MS].max() * 10 ** (_SILENCE_DB / 10)
    tried = sorted({*range(0, last + 1, _HOP_MS), last})
    silent = np.zeros(length, bool)
    for start in tried:
        if power[start] <= quietest:
            silent[start : start + _WINDOW_MS] = True
    edges = np.flatnonzero(np.diff(np.concatenate([[1], silent.astype(int), [1]])))
    return [(a / 1000, b / 1000) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def span_scores(found: Times, given: Sequence[Span]) -> Scores:
    """`span_iou`, `span_recall` and `span_precision`, each 0 to 1.

    Args:
        found: when the output sounds.
        given: when the target is heard; negative spans are ignored. Spans of one list must not
            overlap.
    """
    truth = [(span.start, span.end) for span in given if span.positive]
    shared = sum(max(0.0, min(b, d) - max(a, c)) for a, b in found for c, d in truth)
    length_found, length_truth = (sum(b - a for a, b in spans) for spans in (found, truth))
    union = length_found + length_truth - shared
    return {
        "span_iou": shared / union if union > 0 else 0.0,
        "span_recall": shared / length_truth if length_truth > 0 else 0.0,
        "span_precision": shared / length_found if length_found > 0 else 0.0,
    }
