"""SpanIoU: how well the times at which a sound is heard agree with spans (arXiv 2512.18099).

A sound is silent where a stretch of 250 ms lies 40 dB below its loudest stretch of that length.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soundsift.spans import Span

#: Steps per second in which energies are given.
STEPS_PER_SECOND = 100
_STRETCH_STEPS = 25
_SILENCE_DB = -40.0


def heard_steps(energies: np.ndarray) -> np.ndarray:
    """The steps at which a sound is heard.

    Args:
        energies: `(steps,)`, the sound's energy in steps of 10 ms.

    Returns:
        `(steps,)`, bool.
    """
    steps = len(energies)
    size = min(_STRETCH_STEPS, steps)
    sums = np.concatenate([[0.0], np.cumsum(energies, dtype=np.float64)])
    stretches = np.maximum(sums[size:] - sums[:-size], 0.0) if steps else np.zeros(0)
    loudest = stretches.max(initial=0.0)
    if loudest <= 0.0:
        return np.zeros(steps, dtype=bool)
    silent = stretches <= loudest * 10 ** (_SILENCE_DB / 10)
    # A step is silent if any silent stretch covers it.
    edges = np.zeros(steps + 1, dtype=np.int64)
    np.add.at(edges, np.flatnonzero(silent), 1)
    np.add.at(edges, np.flatnonzero(silent) + size, -1)
    return np.asarray(np.cumsum(edges)[:steps] == 0)


def span_iou(energies: np.ndarray, spans: Sequence[Span]) -> float:
    """Intersection over union of the times at which a sound is heard and of + spans.

    Args:
        energies: `(steps,)`, the sound's energy in steps of 10 ms.
        spans: when it should be heard; the later of two overlapping spans wins.

    Returns:
        0 to 1; 1 if both are empty.
    """
    heard = heard_steps(energies)
    marked = np.zeros(len(heard), dtype=bool)
    for span in spans:
        first, stop = (round(time * STEPS_PER_SECOND) for time in (span.start, span.end))
        marked[first:stop] = span.positive
    union = int((heard | marked).sum())
    return float((heard & marked).sum() / union) if union else 1.0
