"""Run systems on a suite: mixtures to programs, stems to scores, scores to the disk."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from soundsift.audio import read, resample, write
from soundsift.errors import SoundsiftError
from soundsift.evaluation.item import Ask, Item, Outputs, Samples, Scores, Suite
from soundsift.evaluation.metrics import si_sdr
from soundsift.evaluation.results import Row, describe_run, open_writer
from soundsift.evaluation.scorers import Scorer
from soundsift.evaluation.systems import System
from soundsift.evaluation.systems.program import Program
from soundsift.version import __version__

Progress = Callable[[str, float], None]

#: After so many failures in a row that are not the item's fault, a system is given up.
MOST_CRASHES = 3
#: An output may be so much shorter or longer than the mixture, in seconds: codecs pad.
_LENGTH_SLACK = 0.1
_INVALID = "invalid"
_MISSING = "missing"


@dataclass(frozen=True)
class Limits:
    """How long a program may take.

    Attributes:
        first_seconds: for the first reply, loading included.
        seconds: for every other reply.
    """

    first_seconds: float = 900.0
    seconds: float = 300.0


@dataclass(frozen=True)
class Scoring:
    """What scores outputs beside the suite.

    Attributes:
        scorers: by name.
        about: what identifies each.
    """

    scorers: Mapping[str, Scorer] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)


def run_systems(
    suite: Suite,
    systems: Sequence[System],
    out: Path,
    items: int | None = None,
    keep_stems: bool = False,
    limits: Limits | None = None,
    scoring: Scoring | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> dict[str, str]:
    """Score systems on the items of a suite; goes on where an earlier run stopped.

    Args:
        suite: the suite.
        systems: with different names.
        out: `SYSTEM/run.json` and `SYSTEM/results.jsonl` are written here.
        items: only the first so many.
        keep_stems: keep mixtures and outputs, for listening.
        limits: of the programs' time.
        scoring: scores beside the suite's.
        overwrite: whether results of another run may be replaced.
        progress: called with what is being done and the fraction done.

    Returns:
        Why systems were given up, by name; empty if all went through.

    Raises:
        SoundsiftError: two systems have one name, a system without prompts meets a suite without
            right answers, or results can't be written.
    """
    names = [system.name for system in systems]
    if len(set(names)) < len(names):
        raise SoundsiftError(f"Systems {', '.join(names)}: two have the same name. Rename one.")
    ids = suite.ids if items is None else suite.ids[:items]
    given_up: dict[str, str] = {}
    for index, system in enumerate(systems):

        def tell(fraction: float, index: int = index, name: str = system.name) -> None:
            if progress is not None:
                progress(name, (index + fraction) / len(systems))

        reason = _run_one(
            suite,
            system,
            ids,
            out,
            keep_stems,
            limits or Limits(),
            scoring or Scoring(),
            overwrite,
            tell,
        )
        if reason:
            given_up[system.name] = reason
    return given_up


def _run_one(
    suite: Suite,
    system: System,
    ids: Sequence[str],
    out: Path,
    keep_stems: bool,
    limits: Limits,
    scoring: Scoring,
    overwrite: bool,
    tell: Callable[[float], None],
) -> str:
    about = {
        "name": system.name,
        "title": system.title,
        "prompted": system.prompted,
        "choice": system.choice,
        "version": dict(system.version),
    }
    run = describe_run(
        suite.name, suite.settings, ids, suite.missing, about, scoring.about, __version__
    )
    folder = out / system.name
    with (
        open_writer(folder, run, ids, overwrite) as writer,
        tempfile.TemporaryDirectory() as scratch,
    ):
        crashes = 0
        with Program(
            system.command,
            folder / "log.txt",
            limits.first_seconds,
            limits.seconds,
            folder=Path(scratch),
        ) as program:
            for number, item_id in enumerate(ids):
                tell(number / len(ids))
                if item_id in writer.done:
                    continue
                item = suite.load(item_id)
                work = Path(scratch) / "item"
                work.mkdir()
                asked = _ask_all(program, system, item, work)
                row = _row(suite, system, item, asked, scoring)
                crashes = crashes + 1 if row["status"] in ("crashed", "late") else 0
                if keep_stems:
                    row |= _keep(out, folder, item, asked)
                writer.add(row)
                shutil.rmtree(work)
                if crashes >= MOST_CRASHES:
                    left = len(ids) - len(writer.done)
                    return f"{crashes} failures in a row, {left} items not run: {row['reason']}"
    tell(1.0)
    return ""


@dataclass
class _Asked:
    """Outputs of an item, or why there are none."""

    outputs: dict[str, Samples] = field(default_factory=dict)
    status: str = "ok"
    reason: str = ""
    seconds: float = 0.0
    ranked_by: tuple[str, ...] = ()
    stems: dict[str, Samples] = field(default_factory=dict)


def _ask_all(program: Program, system: System, item: Item, work: Path) -> _Asked:
    """Ask for everything that is scored; the first failure ends it."""
    asked = _Asked()
    mixture = work / "mixture.wav"
    write(mixture, item.mixture, item.sample_rate, "f32")
    # Without prompts, every ask has the same stems.
    asks = (*item.asks, *item.probes) if system.prompted else (item.asks[0],)
    for ask in asks:
        if system.text_only and ask.text is None:
            if ask in item.probes:
                continue
            asked.status, asked.reason = "failed", "the prompt has no text, and it answers no other"
            return asked
        output = work / ask.name
        output.mkdir()
        reply = program.ask(_request(item, ask, mixture, output))
        asked.seconds += reply.seconds
        ranked = reply.content.get("ranked_by") or ()
        asked.ranked_by = tuple(sorted({*asked.ranked_by, *map(str, ranked)}))
        if reply.status != "ok":
            asked.status, asked.reason = reply.status, reply.reason
            return asked
        try:
            stems = _read_stems(output, item)
        except _BadStemsError as error:
            asked.status, asked.reason = error.status, str(error)
            return asked
        if not system.prompted:
            asked.stems = stems
        elif "target" in stems:
            asked.outputs[ask.name] = stems["target"]
        else:
            asked.status, asked.reason = _MISSING, f"no target.wav for {ask.name}"
            return asked
    return asked


def _request(item: Item, ask: Ask, mixture: Path, output: Path) -> dict[str, Any]:
    masks = item.extra.get("masks")
    if masks is not None and ask == item.asks[0]:
        np.savez_compressed(output.parent / "masks.npz", video_masklet=masks)
    return {
        "id": f"{item.id}/{ask.name}",
        "mixture": str(mixture),
        "text": ask.text,
        "spans": [[span.start, span.end, span.positive] for span in ask.spans],
        "video": str(item.video) if item.video else None,
        "masks": str(output.parent / "masks.npz") if masks is not None else None,
        "output": str(output),
    }


class _BadStemsError(Exception):
    """Stems that can't be scored."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def _read_stems(folder: Path, item: Item) -> dict[str, Samples]:
    """All WAV files of a folder, at the mixture's rate, with its length and channels."""
    stems: dict[str, Samples] = {}
    channels, length = item.mixture.shape
    for path in sorted(folder.glob("*.wav")):
        try:
            recording = read(path, allow_silence=True)
        except SoundsiftError as error:  # NaN, no sound at all, half a file
            raise _BadStemsError(_INVALID, str(error)) from error
        slack = _LENGTH_SLACK * recording.sample_rate
        expected = length * recording.sample_rate / item.sample_rate
        if abs(recording.length - expected) > slack:
            raise _BadStemsError(
                _INVALID,
                f"{path.name} is {recording.duration:.2f} s long, the mixture "
                f"{length / item.sample_rate:.2f} s",
            )
        wave = resample(recording.samples, recording.sample_rate, item.sample_rate, length=length)
        if wave.shape[0] != channels:
            wave = np.repeat(wave.mean(axis=0, keepdims=True), channels, axis=0)
        stems[path.stem] = wave
    if not stems:
        raise _BadStemsError(_MISSING, "it replied, but wrote no .wav file")
    return stems


def _row(suite: Suite, system: System, item: Item, asked: _Asked, scoring: Scoring) -> Row:
    """Scores of an item, or the reason why there are none."""
    row: Row = {
        "id": item.id,
        "system": system.name,
        "prompt": _prompt(item),
        "mixture": f"../mixtures/{item.id}.wav",
        "target": None,
        "status": asked.status,
        "reason": asked.reason,
        "seconds": round(asked.seconds, 3),
        "group": item.group,
        "scores": {},
    }
    if asked.ranked_by:
        row["ranked_by"] = list(asked.ranked_by)
    if asked.status != "ok":
        return row
    if not system.prompted:
        try:
            asked.outputs, row["chosen"] = choose(suite, system, item, asked.stems)
        except ValueError as error:
            return row | {"status": _MISSING, "reason": str(error)}
    scores = dict(suite.score(item, asked.outputs))
    if not system.prompted:
        # Its stem was taken by the right answer: it can't have followed a prompt.
        scores.pop("selectivity", None)
    for scorer in scoring.scorers.values():
        scores |= scorer(item, asked.outputs)
    # What chose among candidates must not judge the choice.
    kept = {k: v for k, v in scores.items() if k.partition("_")[0] not in asked.ranked_by}
    return row | {"scores": _plain(kept)}


def choose(
    suite: Suite, system: System, item: Item, stems: Outputs
) -> tuple[dict[str, Samples], str]:
    """Outputs of an item from the stems of a system without prompts, by the right answer.

    Returns:
        The outputs, and what was taken, in words.

    Raises:
        ValueError: there is nothing to choose by.
    """
    if suite.assign is not None:
        return dict(suite.assign(item, stems)), "by the suite's rule"
    target = item.references.get("target")
    if target is None or not target.any():
        raise ValueError("it takes no prompt, and without a right answer no stem can be chosen")
    wanted = target.reshape(-1)
    if system.choice == "sum":
        rest = (item.mixture - target).reshape(-1)
        near = [
            name
            for name, stem in stems.items()
            if float(stem.reshape(-1) @ wanted) > float(stem.reshape(-1) @ rest)
        ]
        total = sum((stems[name] for name in near), np.zeros_like(item.mixture))
        return {"target": total}, f"{len(near)} of {len(stems)} stems"
    best = max(stems, key=lambda name: si_sdr(stems[name].reshape(-1), wanted))
    return {"target": stems[best]}, best


def _prompt(item: Item) -> str:
    ask = item.asks[0]
    spans = ", ".join(str(span) for span in ask.spans)
    return " at ".join(part for part in (ask.text, spans) if part) or "region of the video"


def _keep(out: Path, folder: Path, item: Item, asked: _Asked) -> Row:
    """Keep mixture and output beside the results; the paths are relative to the rows' folder."""
    mixture = out / "mixtures" / f"{item.id}.wav"
    if not mixture.exists():
        write(mixture, item.mixture, item.sample_rate, "f32", overwrite=True)
    if item.asks[0].name not in asked.outputs:
        return {}
    target = folder / "stems" / f"{item.id}.wav"
    write(target, asked.outputs[item.asks[0].name], item.sample_rate, "f32", overwrite=True)
    return {"target": f"stems/{item.id}.wav"}


def _plain(scores: Scores) -> Scores:
    """Numbers that JSON has: no NaN, nothing infinite, six decimals."""
    return {
        name: None if value is None or not math.isfinite(value) else round(float(value), 6)
        for name, value in scores.items()
    }
