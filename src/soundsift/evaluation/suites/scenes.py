"""Our scenes (`soundsift.evaluation.scenes`) as a suite for any system."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from soundsift.config import SAMPLE_RATE
from soundsift.evaluation.item import Ask, Figure, Item, Scored, Suite
from soundsift.evaluation.reference_scores import NAMES, score_item
from soundsift.evaluation.scenes import SUITES, Benchmark
from soundsift.evaluation.summary import score_figures
from soundsift.fingerprint import file_digest


def open_suite(bank: Path, name: str, prompts: str = "text") -> Suite:
    """The scenes of a suite.

    Args:
        bank: folder of the sound bank.
        name: `strangers`, `familiar` or `stranger-validation`.
        prompts: what systems are told: `text`, `span` or `both`.

    Raises:
        SoundsiftError: the bank is not there, or lacks clips for the suite.
    """
    drawn = Benchmark(bank, name)
    by_id = {f"{number:04d}": number for number in range(SUITES[name].scenes)}
    kept = lru_cache(maxsize=1)(drawn.scene)

    def load(item_id: str) -> Item:
        scene = kept(by_id[item_id])
        stems = scene.scene.stems
        return Item(
            id=item_id,
            mixture=scene.mixture,
            sample_rate=SAMPLE_RATE,
            asks=(
                Ask(
                    "target",
                    None if prompts == "span" else scene.text,
                    () if prompts == "text" else scene.spans,
                ),
            ),
            probes=(Ask("other", scene.other), Ask("absent", scene.absent)),
            references={"target": stems[:1], "other": stems[1:2]},
            group=scene.group,
            heard=scene.spans,
            speech=scene.group == "speech",
        )

    settings = {"prompts": prompts, "bank": file_digest(bank / "manifest.jsonl")}
    return Suite(name, tuple(by_id), load, score_item, summarise, settings)


def summarise(rows: Sequence[Scored]) -> dict[str, Figure]:
    """Means over all scenes."""
    return score_figures(rows, NAMES)
