"""How windows join, and how far a mark reaches, on five-minute recordings.

    python benchmarks/joining.py BANK [--model default] [--split validation] [--scenes 20]
        [--first 0] [--only joining|reach] [--spans-only] [--ways WAY ...] [--preset standard]

One line a recording, then means with 95 % bootstrap intervals, and how much of the gain by marks
everywhere one mark gives. Choose on "validation", report on "test".
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

import soundsift
from soundsift.config import SAMPLE_RATE
from soundsift.errors import SoundsiftError
from soundsift.evaluation.long_recordings import SECONDS, LongScene, LongScenes, seam_si_sdr
from soundsift.evaluation.metrics import bootstrap_mean, bootstrap_share, si_sdr_improvement
from soundsift.separation.request import window_layout
from soundsift.separation.separator import Separator

#: By text: the ways to join, and what is said about windows.
JOININGS: dict[str, dict[str, object]] = {
    "multi-diffusion": {},
    "chunks": {"windowing": "chunks"},
    "one-shot": {"windowing": "one-shot"},
}


def seams(separator: Separator, seconds: float) -> list[float]:
    """Where the chunks of a recording meet, in seconds."""
    codec = separator.model.codec
    rate = codec.sample_rate / codec.samples_per_frame
    layout = window_layout("chunks", None, None, separator.config, rate)
    windows = list(layout.windows(lambda wanted: min(wanted, round(seconds * rate))))
    # The last chunk reaches back over the one before; it takes over where that one ends.
    return [window.stop / rate for window in windows[:-1]]


def joining(
    separator: Separator, scene: LongScene, ways: list[str], preset: str
) -> dict[str, float]:
    """SI-SDR at the seams (absolute) and gain over the whole of each way to join."""
    places = seams(separator, scene.mixture.shape[1] / SAMPLE_RATE)
    row = {}
    for way in ways:
        found = separator.separate(
            scene.mixture,
            sample_rate=SAMPLE_RATE,
            text=scene.text,
            preset=preset,
            **JOININGS[way],  # type: ignore[arg-type]
        ).target
        row[f"{way}, whole"] = _gain(scene, found)
        row[f"{way}, seams"] = seam_si_sdr(found[0], scene.target[0], places)
    if {"multi-diffusion", "chunks"} <= set(ways):
        for part in ("whole", "seams"):
            row[f"gain over chunks, {part}"] = (
                row[f"multi-diffusion, {part}"] - row[f"chunks, {part}"]
            )
    return row


def reach(separator: Separator, scene: LongScene, with_text: bool, preset: str) -> dict[str, float]:
    """Gains by marks everywhere and by one in the first minute, without and with text."""
    row = {}
    ways = [("", None), ("text and ", scene.text)] if with_text else [("", None)]
    for name, text in ways:
        for marks, spans in (("everywhere", scene.spans), ("one", (scene.first_span,))):
            result = separator.separate(
                scene.mixture,
                sample_rate=SAMPLE_RATE,
                text=text,
                spans=spans,
                preset=preset,
                seed=0,
            )
            row[f"{name}{marks}"] = _gain(scene, result.target)
    return row


def _gain(scene: LongScene, found: np.ndarray) -> float:
    return si_sdr_improvement(found[0], scene.target[0], scene.mixture[0])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank", type=Path)
    parser.add_argument("--model", default="default", help="its name or folder")
    parser.add_argument("--split", default="validation", choices=("validation", "test"))
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="number of the first recording")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--only", choices=("joining", "reach"))
    parser.add_argument("--spans-only", action="store_true", help="reach without text")
    parser.add_argument("--ways", nargs="+", default=list(JOININGS), choices=list(JOININGS))
    parser.add_argument("--preset", default="standard")
    asked = parser.parse_args()
    separator = soundsift.load(asked.model)
    drawn = LongScenes(asked.bank, asked.split)
    rows: dict[str, list[float]] = defaultdict(list)
    for number in range(asked.first, asked.first + asked.scenes):
        scene = drawn.scene(number, asked.seconds)
        row = {}
        try:
            if asked.only != "reach":
                row |= joining(separator, scene, asked.ways, asked.preset)
        except ValueError:
            print(f"{number}: the target is silent at every seam")
        if asked.only != "joining":
            row |= reach(separator, scene, not asked.spans_only, asked.preset)
        for name, value in row.items():
            rows[name].append(value)
        shown = ", ".join(f"{name} {value:.1f}" for name, value in row.items())
        print(f"{number} {scene.text} in {' and '.join(scene.background)}: {shown}", flush=True)
    for name, values in rows.items():
        mean = bootstrap_mean(values)
        print(f"{name:32} {mean.mean:6.2f} ({mean.low:.2f} to {mean.high:.2f}), {mean.count}")
    for name in ("", "text and "):
        if f"{name}one" in rows:
            share, low, high = bootstrap_share(rows[f"{name}one"], rows[f"{name}everywhere"])
            given = f"{share:.0%} ({low:.0%} to {high:.0%})"
            print(f"{name}one mark gives {given} of {name}marks everywhere")


if __name__ == "__main__":
    try:
        main()
    except SoundsiftError as error:
        raise SystemExit(str(error)) from error
