"""Precision of pseudo-labels on scenes whose stems are known.

python benchmarks/pseudo_labels.py bank work --scenes 50
python benchmarks/pseudo_labels.py bank work --first 24 --scenes 26

Draws scenes of the suite `stranger-validation`, runs `soundsift data pseudo-label` on their
mixtures, and compares every candidate with the true stems. A candidate is rightly named if its
phrase is a caption or a group of a sound that is there. It is right if, besides, its target is at
least 3 dB nearer to that sound (all of those sounds together) than the mixture is, by SI-SDR.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import soundfile

from soundsift.config import SAMPLE_RATE
from soundsift.data.captions import GROUPS
from soundsift.data.engine.config import FILTERS, EngineConfig
from soundsift.data.engine.filters import Filters
from soundsift.data.engine.pseudo_label import pseudo_label
from soundsift.evaluation.metrics import si_sdr
from soundsift.evaluation.scenes import Benchmark
from soundsift.listening import SoundDetector

_RIGHT_DB = 3.0
_SURE = 0.7


def main() -> None:
    parser = argparse.ArgumentParser(description="Precision of pseudo-labels on known stems.")
    parser.add_argument("bank", type=Path)
    parser.add_argument("work", type=Path, help="folder for mixtures and triplets")
    parser.add_argument("--first", type=int, default=0, help="number of the first scene")
    parser.add_argument("--scenes", type=int, default=50)
    given = parser.parse_args()
    benchmark = Benchmark(given.bank, "stranger-validation")
    mixtures = given.work / "mixtures"
    mixtures.mkdir(parents=True, exist_ok=True)
    scenes = {}
    for number in range(given.first, given.first + given.scenes):
        scene = benchmark.scene(number).scene
        path = mixtures / f"{number:03d}.wav"
        # Written once: the header of a WAV file with floats holds the time.
        if not path.exists():
            soundfile.write(path, scene.stems.sum(axis=0), SAMPLE_RATE, subtype="FLOAT")
        scenes[str(path)] = scene
    config = EngineConfig(keep_rejected=True)
    report = pseudo_label([Path(path) for path in scenes], given.work / "triplets", config)
    filters = Filters(config, SoundDetector.load())
    rows = []
    for line in (given.work / "triplets" / "excerpts.jsonl").read_text().splitlines():
        excerpt = json.loads(line)
        if excerpt["recording"] not in scenes:
            continue
        scene = scenes[excerpt["recording"]]
        for one in excerpt["candidates"]:
            named = [s.wave for s in scene.sources if s.named and names(one["phrase"], s.clip)]
            gain = None
            if named:
                target = soundfile.read(given.work / "triplets" / one["files"]["target"])[0]
                wave = np.sum(named, axis=0)
                mixture = scene.stems.sum(axis=0)
                gain = si_sdr(target, wave) - si_sdr(mixture, wave)
            failed = filters.failed(one["scores"])  # by the present thresholds
            scored = {"failed": failed, "scores": one["scores"], "gain": gain}
            rows.append(scored | {"scene": excerpt["recording"], "sure": one["confidence"]})
    print(json.dumps({"counts": report.counts, "filters": report.filters}))
    print("| candidates | number | rightly named | right | dB over the mixture, of those named |")
    print("|---|--:|--:|--:|--:|")
    table("all", rows)
    table("pass every filter", [r for r in rows if not r["failed"]])
    table("fail any filter", [r for r in rows if r["failed"]])
    table("named with 0.7 or more", [r for r in rows if r["sure"] >= _SURE])
    table("named with less", [r for r in rows if r["sure"] < _SURE])
    for name in FILTERS:
        asked = [r for r in rows if name in r["scores"]]
        if asked:
            table(f"pass {name}", [r for r in asked if name not in r["failed"]])
            table(f"fail {name}", [r for r in asked if name in r["failed"]])
    print("right: share of those that pass less share of those that fail", difference(rows))


def names(phrase: str, clip) -> bool:
    """Whether a phrase names the sound of a clip."""
    groups = [name for name in clip.groups if phrase == name or phrase in GROUPS[name]]
    return phrase == clip.concept or phrase in clip.captions or bool(groups)


def is_right(row: dict) -> bool:
    return row["gain"] is not None and row["gain"] >= _RIGHT_DB


def difference(rows: list[dict]) -> str:
    """The difference with its 95 % interval, scenes drawn with replacement."""
    rng = np.random.default_rng(0)
    scenes = sorted({row["scene"] for row in rows})
    by_scene = [[row for row in rows if row["scene"] == scene] for scene in scenes]
    drawn = []
    for _ in range(2000):
        some = [row for i in rng.integers(len(scenes), size=len(scenes)) for row in by_scene[i]]
        passed = [is_right(row) for row in some if not row["failed"]]
        failed = [is_right(row) for row in some if row["failed"]]
        if passed and failed:
            drawn.append(np.mean(passed) - np.mean(failed))
    low, middle, high = np.percentile(drawn, [2.5, 50, 97.5])
    return f"{middle:.0%} [{low:.0%}, {high:.0%}]"


def table(what: str, rows: list[dict]) -> None:
    if not rows:
        print(f"| {what} | 0 | | | |")
        return
    gains = [row["gain"] for row in rows if row["gain"] is not None]
    right = sum(map(is_right, rows))
    mean = f"{np.mean(gains):.1f}" if gains else ""
    share = f"{len(gains) / len(rows):.0%} | {right / len(rows):.0%}"
    print(f"| {what} | {len(rows)} | {share} | {mean} |")


if __name__ == "__main__":
    main()
