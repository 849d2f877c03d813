"""The benchmark: scenes through separators, scores into a summary with intervals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from soundsift.checkpoints import default_judge
from soundsift.config import SAMPLE_RATE
from soundsift.errors import SoundsiftError
from soundsift.evaluation import baselines, metrics, report
from soundsift.evaluation.baselines import Query, Samples, Separate
from soundsift.evaluation.scenes import (
    GROUP_KINDS,
    SECONDS,
    SUITES,
    Benchmark,
    BenchmarkScene,
    Suite,
    digest,
)
from soundsift.evaluation.speed import measure_speed
from soundsift.evaluation.summary import correlation_figure
from soundsift.evaluation.unseen_prompts import UNSEEN_PROMPTS, check_unseen
from soundsift.prompts import Prompt
from soundsift.separation.judges import open_judge
from soundsift.version import __version__

Row = dict[str, Any]
#: A judge's overall rating of a mixture's target by a phrase.
Rate = Callable[[Samples, Samples, str], float]
Progress = Callable[[str, float], None]

#: An absent sound's output should lie this far below the mixture, in dB.
ABSENT_DB = 15.0
#: A present sound's output should lie within so many dB of the target's level.
LEVEL_DB = 3.0
#: Ways of asking for the target.
PROMPTS = ("text", "paraphrase", "span", "both")
_UNSEEN_SCENES = 6
_NOT_SCORES = frozenset({"number", "group", "sources", "alone"})


def run_benchmark(
    bank: Path,
    out: Path,
    model: str | Path = "default",
    adapter: Path | None = None,
    preset: str = "standard",
    suite: str = "strangers",
    scenes: int | None = None,
    with_baselines: bool = True,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Score a model on the scenes of a suite and write the report.

    Args:
        bank: the sound bank's folder.
        out: where `benchmark.json`, `benchmark.md`, `benchmark.png` and `scenes.json` go.
        model: as for `soundsift.load`.
        adapter: as for `soundsift.load`.
        preset: draft, standard or best.
        suite: key of `scenes.SUITES`.
        scenes: number of scenes, at least 4 and at most all; for a quick look.
        with_baselines: also run other packages' separators on the same scenes.
        progress: called with the present step and the fraction of it that is done.
        overwrite: whether files that exist may be replaced.

    Returns:
        What `benchmark.json` holds.

    Raises:
        SoundsiftError: if the bank, the model or the preset cannot be used, or the report cannot be
            written.
    """
    tell = progress or (lambda _what, _fraction: None)
    count = _count(scenes, suite)
    report.ensure_free(out, overwrite)
    check_unseen()
    ours, codec = baselines.open_model(model, preset, adapter)
    drawn = Benchmark(Path(bank), suite)
    others: dict[str, Separate] = {
        "ceiling": baselines.codec_ceiling(codec),
        "ideal_mask": baselines.ideal_ratio_mask,
    }
    missing: dict[str, str] = {}
    if with_baselines:
        found, missing = baselines.installed()
        others |= found
    rate = default_rate() if default_judge.is_there() else None
    rows, listing = [], []
    for number in range(count):
        tell("scenes", number / count)
        scene = drawn.scene(number)
        rows.append(score_scene(scene, ours, others, rate))
        listing.append(scene.describe() | {"scores": _scores(rows[-1])})
    unseen = []
    # A quick look asks each unseen prompt of fewer scenes too.
    each = max(1, round(_UNSEEN_SCENES * count / SUITES[suite].scenes))
    prompts = UNSEEN_PROMPTS if SUITES[suite].trained else {}
    for index, (prompt, concept) in enumerate(prompts.items()):
        tell("unseen prompts", index / len(prompts))
        unseen.append(_score_unseen(drawn, ours, prompt, concept, each))
    tell("speed", 0.0)
    results = {
        "soundsift": __version__,
        "model": str(model),
        "adapter": None if adapter is None else str(adapter),
        "preset": preset,
        "suite": suite,
        "scenes": _about_scenes(bank, SUITES[suite], listing),
        "groups": summarise(rows),
        "unseen": unseen,
        "unseen_mean": _interval(
            [value for entry in unseen for value in entry["improvements"]],
        ),
        "speed": measure_speed(model, preset, adapter),
        "missing": missing,
    }
    tell("speed", 1.0)
    report.write_report(results, listing, out, overwrite)
    return results


def default_rate() -> Rate:
    """The default judge's overall rating."""
    judge = open_judge()

    def rate(mixture: Samples, target: Samples, phrase: str) -> float:
        return judge.score(mixture, target, SAMPLE_RATE, Prompt(phrase)).overall

    return rate


def score_scene(
    scene: BenchmarkScene,
    ours: Separate,
    others: dict[str, Separate],
    rate: Rate | None = None,
) -> Row:
    """All figures of one scene.

    Args:
        scene: the scene.
        ours: the separator that answers prompts.
        others: those that it is compared with; one called `deepfilternet` hears only scenes whose
            target is speech.
        rate: rates outputs without the right answer; None for no ratings.

    Returns:
        Improvements of SI-SDR in dB by prompt and separator; for every prompt also `PROMPT_sdr`,
        the improvement of SDR, `PROMPT_level`, the output's level against the target's, and
        `PROMPT_near`, 1 if that is within `LEVEL_DB`, else 0; `input`, `selectivity`, `absent`; and
        if rated, `text_rating`, and `swap`, by how much the rating of the output by text is higher
        with its own caption than with that of the other source.
    """
    mixture, stems = scene.mixture, scene.scene.stems
    target, other = stems[:1], stems[1:2]
    heard = {
        "text": ours(mixture, Query(scene.text)),
        "paraphrase": ours(mixture, Query(scene.paraphrase)),
        "span": ours(mixture, Query(None, scene.spans)),
        "both": ours(mixture, Query(scene.text, scene.spans)),
    }
    heard |= {
        name: separate(mixture, Query(scene.text, scene.spans, target))
        for name, separate in others.items()
        if name != "deepfilternet" or scene.group == "speech"
    }
    row: Row = {name: _improvement(wave, target, mixture) for name, wave in heard.items()}
    row["both_minus_text"] = row["both"] - row["text"]
    if "deepfilternet" in row:
        row["text_minus_deepfilternet"] = row["text"] - row["deepfilternet"]
    swapped = ours(mixture, Query(scene.other))
    row["selectivity"] = (
        metrics.preference(heard["text"][0], target[0], other[0])
        + metrics.preference(swapped[0], other[0], target[0])
    ) / 2
    if rate is not None:
        row["text_rating"] = rate(mixture, heard["text"], scene.text)
        row["swap"] = row["text_rating"] - rate(mixture, heard["text"], scene.other)
    silence = ours(mixture, Query(scene.absent))
    row["absent"] = metrics.attenuation_db(silence[0], mixture[0])
    row["input"] = metrics.si_sdr(mixture[0], target[0])
    for prompt in PROMPTS:
        row[f"{prompt}_sdr"] = metrics.sdr_improvement(heard[prompt][0], target[0], mixture[0])
        level = -metrics.attenuation_db(heard[prompt][0], target[0])
        row[f"{prompt}_level"], row[f"{prompt}_near"] = level, float(abs(level) <= LEVEL_DB)
    kinds = [source.clip.kind for source in scene.scene.sources[1:]]
    return row | {
        "number": scene.number,
        "group": scene.group,
        "sources": 1 + scene.others,
        # Whether keeping all speech is the right answer, which DeepFilterNet does.
        "alone": scene.group == "speech" and "speech" not in kinds,
    }


def summarise(rows: list[Row]) -> dict[str, dict[str, Any]]:
    """Means with intervals per group of targets, per number of sources, and in total.

    Args:
        rows: from `score_scene`.
    """
    parts: dict[str, Callable[[Row], bool]] = {
        group: lambda row, group=group: row["group"] == group  # type: ignore[misc]
        for group in GROUP_KINDS
    }
    parts |= {
        "speech, no other speech": lambda row: row["alone"],
        "2 sources": lambda row: row["sources"] == 2,
        "3 sources": lambda row: row["sources"] == 3,
        "total": lambda _: True,
    }
    return {name: _summary([row for row in rows if fits(row)]) for name, fits in parts.items()}


def _summary(rows: list[Row]) -> dict[str, Any]:
    # Only what was measured on every scene: a mean over some would look comparable to the others.
    measured = [_scores(row).keys() for row in rows]
    names = sorted(set.intersection(*map(set, measured)) - {"absent"}) if rows else []
    summary: dict[str, Any] = {"count": len(rows)}
    summary |= {name: _interval([row[name] for row in rows]) for name in names}
    if "text_rating" in names:
        scored = [{"scores": row} for row in rows]
        summary["rating_correlation"] = asdict(correlation_figure(scored, "text_rating", "text"))
    levels = [row["absent"] for row in rows]
    summary["absent"] = {
        "median": round(float(np.median(levels)), 2) if levels else None,
        "share": _interval([float(level >= ABSENT_DB) for level in levels]),
    }
    return summary


def _score_unseen(
    drawn: Benchmark, ours: Separate, prompt: str, concept: str, most: int
) -> dict[str, Any]:
    """How well a prompt that training never used is understood, on scenes of its concept."""
    gains: list[float] = []
    known: list[float] = []
    if concept in drawn.concepts:
        for number in range(most):
            scene = drawn.scene_of(concept, number)
            mixture, target = scene.mixture, scene.scene.stems[:1]
            for values, text in ((gains, prompt), (known, scene.text)):
                values.append(_improvement(ours(mixture, Query(text)), target, mixture))
    return {
        "prompt": prompt,
        "concept": concept,
        "scenes": len(gains),
        "improvement": round(float(np.mean(gains)), 2) if gains else None,
        # What the canonical caption reaches on the same scenes.
        "canonical": round(float(np.mean(known)), 2) if known else None,
        "improvements": [round(gain, 2) for gain in gains],
    }


def _improvement(wave: Samples, target: Samples, mixture: Samples) -> float:
    return metrics.si_sdr_improvement(wave[0], target[0], mixture[0])


def _scores(row: Row) -> dict[str, float]:
    return {name: round(value, 3) for name, value in row.items() if name not in _NOT_SCORES}


def _interval(values: list[float], digits: int = 3) -> dict[str, float | int | None]:
    # JSON has no NaN.
    return {
        name: None if np.isnan(value) else round(value, digits)
        for name, value in asdict(metrics.bootstrap_mean(values)).items()
    }


def _count(wanted: int | None, suite: str) -> int:
    if suite not in SUITES:
        raise SoundsiftError(f"Unknown suite {suite!r}: expected one of {', '.join(SUITES)}.")
    most = SUITES[suite].scenes
    if wanted is not None and not 4 <= wanted <= most:
        raise SoundsiftError(f"{wanted} scenes were asked for. Use 4 (one per group) to {most}.")
    return most if wanted is None else wanted


def _about_scenes(bank: Path, suite: Suite, listing: list[dict[str, Any]]) -> dict[str, Any]:
    found = digest(listing)
    manifest = hashlib.sha256((Path(bank) / "manifest.jsonl").read_bytes()).hexdigest()
    return {
        "count": len(listing),
        "seconds": SECONDS,
        "digest": found,
        "published": found == suite.digest,
        "manifest_sha256": manifest,
    }
