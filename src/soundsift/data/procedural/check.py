"""Compares procedural sound with recordings, by features of spectrum, modulation and decay.

    python -m soundsift.data.procedural.check --bank bank --out table.md

For each generator: which recorded concepts are most like it, and at what rank its own comes. The
measure is that of recordings themselves: each is looked for among those of other sources. Only
training clips are read.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import stft

from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Bank, Clip
from soundsift.data.captions import Rules, load_rules
from soundsift.data.procedural.render import SOURCE, render
from soundsift.data.procedural.table import SOUNDS

Features = NDArray[np.float64]

_SECONDS = 6
#: Recordings are often one event: what is compared is the loudest part of this length.
_PART_SECONDS = 1.5
_WINDOW, _HOP = 2048, 480
_FRAME_RATE = SAMPLE_RATE / _HOP
_BANDS = 32
_LOW_HERTZ, _HIGH_HERTZ = 40.0, 10_000.0
_FLOOR_DB = 60.0
_MODULATION_HERTZ = (1, 2, 4, 8, 16, 32, 50)
_ROUGHNESS_HERTZ = (40, 70, 120, 200, 350)
_KINDS = ("effect", "ambience", "instrument")
_SHRINKAGE = 0.3
_NEIGHBOURS = 3


def mel_bands() -> NDArray[np.float64]:
    """Triangular filters of equal width in mel: `(bands, bins)`."""
    low, high = (float(2595 * np.log10(1 + f / 700)) for f in (_LOW_HERTZ, _HIGH_HERTZ))
    edges = np.linspace(low, high, _BANDS + 2)
    hertz = 700 * (10 ** (edges / 2595) - 1)
    bins = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
    rising = (bins - hertz[:-2, None]) / (hertz[1:-1] - hertz[:-2])[:, None]
    falling = (hertz[2:, None] - bins) / (hertz[2:] - hertz[1:-1])[:, None]
    triangles: NDArray[np.float64] = np.clip(np.minimum(rising, falling), 0, None) + 1e-6
    return triangles


_MEL = mel_bands()


def features(wave: NDArray[np.float32]) -> Features:
    """Features of the loudest 1.5 s of a mono sound at 48 kHz, independent of its level.

    Returns:
        `(features,)`: the mean spectrum in 32 mel bands, its variation over time, flatness and
        peakedness, the modulation spectrum from 1 to 350 Hz, and how fast the level falls.
    """
    part = loudest_part(wave)
    _, _, spectrum = stft(part, nperseg=_WINDOW, noverlap=_WINDOW - _HOP, boundary=None)
    power = np.abs(spectrum) ** 2
    level = 10 * np.log10(power.sum(axis=0) + 1e-12)
    level = np.maximum(level - level.max(), -_FLOOR_DB)
    active = level > -30
    bands = _MEL @ power
    mean = 10 * np.log10(bands[:, active].mean(axis=1) + 1e-12)
    shape = np.maximum(mean - mean.max(), -_FLOOR_DB)
    decibels = np.maximum(10 * np.log10(bands + 1e-12) - mean.max(), -_FLOOR_DB)
    variation = decibels.std(axis=1).reshape(8, -1).mean(axis=1)
    inner = power[2 : int(_HIGH_HERTZ / SAMPLE_RATE * _WINDOW), active] + 1e-12
    flat = 10 * np.log10(np.exp(np.log(inner).mean(axis=0)) / inner.mean(axis=0))
    peaked = 10 * np.log10(inner.max(axis=0) / np.median(inner, axis=0))
    tonal = [flat.mean(), flat.std(), peaked.mean(), peaked.std()]
    slow = _modulation(np.sqrt(power.sum(axis=0)), _FRAME_RATE, _MODULATION_HERTZ)
    block = SAMPLE_RATE // 1000
    fast_envelope = np.abs(part[: len(part) // block * block]).reshape(-1, block).mean(axis=1)
    fast = _modulation(fast_envelope, 1000.0, _ROUGHNESS_HERTZ)
    steps = np.diff(level)
    falls, rises = steps[steps < -0.2], steps[steps > 0.2]
    decay = [
        level.mean(),
        float(np.median(level)),
        float(np.percentile(level, 10)),
        float(-np.median(falls)) if len(falls) else 0.0,
        float(np.percentile(rises, 95)) if len(rises) else 0.0,
    ]
    groups = (shape, variation, np.array(tonal), slow, fast, np.array(decay))
    return np.concatenate([np.asarray(g) for g in groups])


def loudest_part(wave: NDArray[np.float32]) -> Features:
    """The loudest 1.5 s of the first six seconds; shorter sounds are followed by silence."""
    size = round(_PART_SECONDS * SAMPLE_RATE)
    whole = wave[: _SECONDS * SAMPLE_RATE].astype(np.float64)
    if len(whole) <= size:
        return np.pad(whole, (0, size - len(whole)))
    energy = np.concatenate([[0.0], np.cumsum(whole**2)])
    start = int(np.argmax(energy[size:] - energy[:-size]))
    return whole[start : start + size]


def _modulation(envelope: Features, rate: float, edges: tuple[float, ...]) -> Features:
    """Level in dB of the envelope's spectrum between neighbouring edges, beside its mean."""
    centred = (envelope - envelope.mean()) * np.hanning(len(envelope))
    power = np.abs(np.fft.rfft(centred)) ** 2
    hertz = np.fft.rfftfreq(len(envelope), 1 / rate)
    total = float(np.sum((envelope * np.hanning(len(envelope))) ** 2)) * len(envelope) / 2 + 1e-12
    parts = [power[(hertz >= a) & (hertz < b)].sum() for a, b in pairwise(edges)]
    levels: Features = np.maximum(10 * np.log10(np.array(parts) / total + 1e-9), -_FLOOR_DB)
    return levels


@dataclass
class Recordings:
    """Features of recorded clips, in units in which clips of one concept differ by about 1.

    Attributes:
        points: `(clips, features)`.
        concepts, sources: of each clip.
        centre, transform: what takes raw features to these units.
    """

    points: Features
    concepts: NDArray[np.str_]
    sources: NDArray[np.str_]
    centre: Features
    transform: Features

    def ranking(self, point: Features, without: str | None = None) -> list[str]:
        """Concepts by the mean distance of their three nearest clips, nearest first.

        Args:
            point: features in units of `points`.
            without: a source whose clips are left out.
        """
        distance = np.linalg.norm(self.points - point, axis=1)
        used = self.sources != without
        names, groups = np.unique(self.concepts[used], return_inverse=True)
        order = np.lexsort((distance[used], groups))
        groups, distance = groups[order], distance[used][order]
        firsts = np.searchsorted(groups, np.arange(len(names)))
        near = np.arange(len(groups)) - firsts[groups] < _NEIGHBOURS
        means = np.bincount(groups[near], distance[near]) / np.bincount(groups[near])
        return [str(name) for name in names[np.argsort(means)]]


def standardise(raw: Features, concepts: NDArray[np.str_], sources: NDArray[np.str_]) -> Recordings:
    """Whiten by the covariance within concepts, shrunk towards its diagonal."""
    centre, spread = raw.mean(axis=0), raw.std(axis=0) + 1e-9
    scaled = (raw - centre) / spread
    within = np.concatenate(
        [scaled[concepts == name] - scaled[concepts == name].mean(axis=0) for name in set(concepts)]
    )
    covariance = np.cov(within.T)
    covariance = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * np.diag(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance + 1e-3 * np.eye(len(covariance)))
    transform = (vectors / np.sqrt(values)) / spread[:, None]
    return Recordings((raw - centre) @ transform, concepts, sources, centre, transform)


def load_recordings(bank: Path, most: int, workers: int) -> Recordings:
    """Features of up to so many training clips of each recorded concept of two or more clips."""
    chosen: dict[str, list[Clip]] = defaultdict(list)
    clips = [
        c for c in Bank(bank).clips if c.source != SOURCE and c.kind in _KINDS and c.seconds >= 0.15
    ]
    order = np.random.default_rng(0).permutation(len(clips))
    for index in order:
        clip = clips[int(index)]
        if len(chosen[clip.concept]) < most:
            chosen[clip.concept].append(clip)
    kept = [clip for group in chosen.values() if len(group) >= 2 for clip in group]
    pieces = np.array_split(np.arange(len(kept)), max(1, workers * 8))
    jobs = [(bank, [kept[int(i)] for i in piece]) for piece in pieces if len(piece)]
    with ProcessPoolExecutor(max_workers=workers) as pool:
        raw = np.concatenate(list(pool.map(_clip_features, jobs)))
    names = np.array([clip.concept for clip in kept])
    return standardise(raw, names, np.array([clip.source for clip in kept]))


def _clip_features(job: tuple[Path, list[Clip]]) -> Features:
    folder, clips = job
    bank = Bank(folder)
    return np.stack([features(bank.audio(clip, 0, _SECONDS * SAMPLE_RATE)) for clip in clips])


def _sound_features(job: tuple[str, int]) -> Features:
    name, variants = job
    return np.stack([features(render(name, variant)) for variant in range(variants)])


def reference_ranks(recordings: Recordings, most: int = 400) -> NDArray[np.int64]:
    """Rank of its own concept for so many recordings, each looked for in other sources only."""
    ranks = []
    for index in np.random.default_rng(0).permutation(len(recordings.points))[:most]:
        point = recordings.points[index]
        name, source = recordings.concepts[index], recordings.sources[index]
        elsewhere = (recordings.concepts == name) & (recordings.sources != source)
        if elsewhere.any():
            ranks.append(recordings.ranking(point, str(source)).index(str(name)) + 1)
    return np.array(ranks, dtype=np.int64)


def near(rules: Rules, one: str, other: str) -> bool:
    """Whether two concepts share a group, so that confusing them is no surprise."""
    if one not in rules.concepts or other not in rules.concepts:
        return False
    wide = {"music", "household", "animal", "machine", "effect"}
    groups = set(rules.concepts[one].groups) & set(rules.concepts[other].groups)
    return one == other or bool(groups - wide)


def report(recordings: Recordings, rules: Rules, variants: int, workers: int) -> str:
    """The table in Markdown: generator, rank of its own concept, nearest concepts, verdict."""
    reference = reference_ranks(recordings)
    usual, widest = int(np.median(reference)), int(np.percentile(reference, 75))
    concepts = len(set(recordings.concepts))
    lines = [
        f"Recordings: {len(recordings.points)} training clips of {concepts} concepts. Looked for "
        f"among other sources, a recording's own concept has a median rank of {usual} "
        f"(quartiles {int(np.percentile(reference, 25))} and "
        f"{widest}). Variants per generator: {variants}.",
        "",
        "| generator | concept | rank of own concept | nearest recorded concepts | verdict |",
        "|---|---|--:|---|---|",
    ]
    verdicts: Counter[str] = Counter()
    with ProcessPoolExecutor(max_workers=workers) as pool:
        jobs = [(name, variants) for name in SOUNDS]
        for (name, _), raw in zip(jobs, pool.map(_sound_features, jobs), strict=True):
            concept = SOUNDS[name].concept
            rankings = [
                recordings.ranking((r - recordings.centre) @ recordings.transform) for r in raw
            ]
            first = Counter(ranking[0] for ranking in rankings)
            top = Counter(c for ranking in rankings for c in ranking[:5])
            nearest = [c for c, _ in (first + Counter()).most_common(3)]
            if concept in recordings.concepts:
                rank = int(np.median([ranking.index(concept) + 1 for ranking in rankings]))
                rank_text = str(rank)
                if rank <= usual:
                    verdict = "own"
                elif any(near(rules, concept, c) for c, _ in top.most_common(3)):
                    verdict = "near"
                elif rank <= widest:
                    verdict = "within"
                else:
                    verdict = "far"
            else:
                rank_text = "no recording"
                related = any(near(rules, concept, c) for c, _ in top.most_common(3))
                verdict = "near" if related else "physics"
            verdicts[verdict] += 1
            lines.append(f"| {name} | {concept} | {rank_text} | {', '.join(nearest)} | {verdict} |")
    lines += ["", ", ".join(f"{v}: {n}" for v, n in verdicts.most_common()) + "."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bank", type=Path, default=Path("bank"), help="folder of the sound bank")
    parser.add_argument("--out", type=Path, help="file for the table; without, it is printed")
    parser.add_argument("--variants", type=int, default=10, help="variants per generator")
    parser.add_argument("--most", type=int, default=24, help="recordings per concept")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    given = parser.parse_args()
    recordings = load_recordings(given.bank, given.most, given.workers)
    table = report(recordings, load_rules(), given.variants, given.workers)
    if given.out:
        given.out.write_text(table)
    else:
        print(table)


if __name__ == "__main__":
    main()
