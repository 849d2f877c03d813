"""Waveform peaks: minimum and maximum samples for drawing any part at any width."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

#: Samples per stored pair: a second of 48 kHz fills a screen.
SAMPLES = 256

_STEPS = 32767


def write_peaks(path: Path, blocks: Iterable[np.ndarray]) -> None:
    """Store the peaks of a sound: int16 `(channels, 2, pairs)`.

    Args:
        path: file to write; must not exist.
        blocks: samples `(channels, samples)`, full scale ±1.
    """
    pairs: list[np.ndarray] = []
    rest: np.ndarray | None = None
    for block in blocks:
        wave = block if rest is None else np.concatenate([rest, block], axis=1)
        whole = wave.shape[1] // SAMPLES * SAMPLES
        pairs.append(_pairs(wave[:, :whole]))
        rest = wave[:, whole:].copy()
    if rest is not None and rest.shape[1]:
        pairs.append(_pairs(rest, rest.shape[1]))
    with path.open("xb") as file:
        np.save(file, np.concatenate(pairs, axis=2))


def read_peaks(
    path: Path, points: int, sample_rate: int, start: float = 0.0, end: float | None = None
) -> dict[str, Any]:
    """Read the peaks of a part, reduced to a width.

    Args:
        path: file written by `write_peaks`.
        points: number of pairs; all if there are fewer.
        sample_rate: of the sound, in Hz.
        start: start of the part in seconds; the part is widened to whole pairs.
        end: its end; that of the sound by default.

    Returns:
        `points`; `start` and `end` of the part read, in seconds; and `minimum` and `maximum`: for
        each channel a list of numbers in -1..1.
    """
    stored = np.load(path, mmap_mode="r", allow_pickle=False)
    count = stored.shape[2]
    # A little tolerance: the ends of pairs are no round numbers of seconds.
    first = min(int(start * sample_rate / SAMPLES + 1e-6), count - 1)
    last = count if end is None else math.ceil(end * sample_rate / SAMPLES - 1e-6)
    last = min(max(last, first + 1), count)
    points = min(points, last - first)
    starts = np.arange(points) * (last - first) // points
    least = np.minimum.reduceat(stored[:, 0, first:last], starts, axis=1)
    most = np.maximum.reduceat(stored[:, 1, first:last], starts, axis=1)
    return {
        "points": points,
        "start": first * SAMPLES / sample_rate,
        "end": last * SAMPLES / sample_rate,
        "minimum": np.round(least / _STEPS, 5).tolist(),
        "maximum": np.round(most / _STEPS, 5).tolist(),
    }


def _pairs(wave: np.ndarray, size: int = SAMPLES) -> np.ndarray:
    groups = wave.reshape(wave.shape[0], -1, size)
    pairs = np.stack([groups.min(axis=2, initial=1.0), groups.max(axis=2, initial=-1.0)], axis=1)
    steps: np.ndarray = np.round(np.clip(pairs, -1, 1) * _STEPS).astype(np.int16)
    return steps
