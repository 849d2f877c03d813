"""Scores by other models and packages: CLAP, the judge, PESQ, STOI and aesthetics.

Shapes: C channels, N samples.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from soundsift.audio import resample
from soundsift.evaluation.item import Item, Outputs, Samples, Scores
from soundsift.prompts import Prompt

#: Scores of an item's main output.
Scorer = Callable[[Item, Outputs], Scores]
_AXES = ("overall", "recall", "precision", "faithfulness")
_SPEECH_RATE = 16_000
_AESTHETICS = {"CE": "enjoyment", "CU": "usefulness", "PC": "complexity", "PQ": "quality"}


def open_scorers(
    clap: str | None = None,
    judge: str | None = None,
    aesthetics: bool = False,
) -> tuple[dict[str, Scorer], dict[str, Any]]:
    """The scorers that can run.

    Args:
        clap: CLAP's folder or name, as for `checkpoints.clap.Clap`; None for no CLAP.
        judge: `default`, a judge's folder or name, as for `separation.judges.open_judge`; None for
            none.
        aesthetics: whether Audiobox Aesthetics, if installed, rates the outputs.

    Returns:
        Scorers by name, and what identifies each.

    Raises:
        SoundsiftError: weights are missing or damaged.
    """
    scorers: dict[str, Scorer] = {}
    about: dict[str, Any] = {}
    if clap is not None:
        scorers["clap"], about["clap"] = clap_scorer(clap), clap
    if judge is not None:
        scorers["judge"], about["judge"] = judge_scorer(judge), judge
    if _installed("pesq"):
        scorers["pesq"], about["pesq"] = pesq, version("pesq")
    if _installed("pystoi"):
        scorers["stoi"], about["stoi"] = stoi, version("pystoi")
    if aesthetics:
        scorers["aesthetics"] = aesthetics_scorer()
        about["aesthetics"] = version("audiobox_aesthetics")
    return scorers, about


def clap_scorer(model: str | Path) -> Scorer:
    """`clap`: cosine of output and prompt; `clap_swap`: minus the cosine with the other's name.

    Raises:
        SoundsiftError: weights are missing or damaged.
    """
    from soundsift.checkpoints.clap import Clap

    network = Clap(model)

    def score(item: Item, outputs: Outputs) -> Scores:
        text = _text(item)
        if text is None:
            return {}
        wave = torch.from_numpy(_mono(outputs["target"], item.sample_rate, network.sample_rate))
        own = float(network.similarity(wave[None], text)[0])
        scores: Scores = {"clap": own}
        if other := _other_text(item):
            scores["clap_swap"] = own - float(network.similarity(wave[None], other)[0])
        return scores

    return score


def judge_scorer(model: str | Path) -> Scorer:
    """`judge_AXIS`, 1 to 5 on four axes, and `judge_swap`.

    The last is `overall` with the own prompt minus `overall` with the name of the other sound,
    after SepGen: selectivity without a right answer.

    Raises:
        SoundsiftError: weights are missing or damaged.
    """
    from soundsift.separation.judges import open_judge

    judge = open_judge(model)

    def score(item: Item, outputs: Outputs) -> Scores:
        text = _text(item)
        if text is None:
            return {}
        pair = item.mixture, outputs["target"], item.sample_rate
        found = judge.score(*pair, Prompt(text))
        scores: Scores = {f"judge_{axis}": getattr(found, axis) for axis in _AXES}
        if other := _other_text(item):
            scores["judge_swap"] = found.overall - judge.score(*pair, Prompt(other)).overall
        return scores

    return score


def pesq(item: Item, outputs: Outputs) -> Scores:
    """`pesq`: wide-band PESQ at 16 kHz (package `pesq`), for speech with a right answer."""
    pair = _speech_pair(item, outputs, _SPEECH_RATE)
    if pair is None:
        return {}
    package = importlib.import_module("pesq")
    try:
        return {"pesq": float(package.pesq(_SPEECH_RATE, *pair, "wb"))}
    except package.PesqError:  # no speech found: there is no value
        return {"pesq": None}


def stoi(item: Item, outputs: Outputs) -> Scores:
    """`stoi`: short-time objective intelligibility, 0 to 1 (package `pystoi`), for speech."""
    pair = _speech_pair(item, outputs, _SPEECH_RATE)
    if pair is None or not pair[1].any():
        return {}
    package = importlib.import_module("pystoi")
    return {"stoi": float(package.stoi(*pair, _SPEECH_RATE))}


def aesthetics_scorer() -> Scorer:
    """`aes_AXIS`: Audiobox Aesthetics of the output (package `audiobox_aesthetics`), 1 to 10."""
    predictor = importlib.import_module("audiobox_aesthetics.infer").initialize_predictor()

    def score(item: Item, outputs: Outputs) -> Scores:
        wave = torch.from_numpy(np.ascontiguousarray(outputs["target"]))
        found: Mapping[str, float] = predictor.forward(
            [{"path": wave, "sample_rate": item.sample_rate}]
        )[0]
        return {f"aes_{name}": float(found[key]) for key, name in _AESTHETICS.items()}

    return score


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _text(item: Item) -> str | None:
    return item.asks[0].text or item.extra.get("description")


def _other_text(item: Item) -> str | None:
    probe = next((ask.text for ask in item.probes if ask.name == "other"), None)
    return probe or item.extra.get("other_text")


def _mono(wave: Samples, rate: int, wanted: int) -> Samples:
    mono: Samples = resample(wave.mean(axis=0, keepdims=True), rate, wanted)[0]
    return mono


def _speech_pair(item: Item, outputs: Outputs, rate: int) -> tuple[Samples, Samples] | None:
    target = item.references.get("target")
    if not item.speech or target is None or not target.any():
        return None
    wanted, found = (_mono(w, item.sample_rate, rate) for w in (target, outputs["target"]))
    return wanted, found
