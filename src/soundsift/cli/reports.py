"""Reports of `separate` and `remove` on a recording: sentences, or a line of JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from soundsift.cli.findings import found_in_words
from soundsift.cli.standard_input import NAME, is_stored
from soundsift.separation.occurrences import described
from soundsift.separation.verdicts import POOR, seen_in_words

if TYPE_CHECKING:
    from soundsift.batch.runner import Outcome
    from soundsift.prompts import Prompt

#: Level relative to the mixture below which a target is called nearly silent in JSON.
NEARLY_SILENT_DB = -30.0
_INAUDIBLE_DB = -90.0
_SHORTENED = "The name was shortened: file names have at most 255 bytes."


def as_json(outcome: Outcome) -> str:
    """One line of JSON, for scripts."""
    job = outcome.job
    facts: dict[str, Any] = {
        "input": NAME if is_stored(job.recording) else str(job.recording),
        "index": job.index,
        "status": outcome.status,
    }
    if outcome.status == "failed":
        return json.dumps(facts | {"error": outcome.error})
    facts["files"] = {kind: str(path) for kind, path in job.paths.items()}
    if outcome.status == "done":
        level = outcome.target_level_db
        facts |= {
            "target_level_db": round(level, 2),
            "nearly_silent": level < NEARLY_SILENT_DB,
            **described(outcome.finding),
            "sample_rate": outcome.sample_rate,
            "written_sample_rate": outcome.written_rate,
            "seconds": round(outcome.seconds, 3),
        }
        for key in ("judge", "seen"):
            if key in outcome.settings:
                facts[key] = outcome.settings[key]
    return json.dumps(facts | {"settings": outcome.settings})


def in_words(outcome: Outcome, alone: bool) -> str:
    """Some lines about a single recording, or one line about one of many."""
    job = outcome.job
    # The file that holds it is gone by now.
    recording = "standard input" if is_stored(job.recording) else job.recording
    if outcome.status == "skipped":
        where = job.paths["settings"]
        return (
            f"{recording} is done already, with the same settings: see {where} "
            "(--overwrite repeats it)."
        )
    shortened = f" {_SHORTENED}" if job.destination.is_shortened else ""
    if not alone or job.prompt is None:
        first = f"{next(iter(job.paths.values()))}.{shortened}"
        if job.prompt is None:
            return f"{recording}: {first}"
        return f"{recording}: {first} {_answer(outcome)}"
    length = outcome.samples / outcome.sample_rate
    kind = {1: "mono", 2: "stereo"}.get(outcome.channels, f"{outcome.channels} channels")
    done = "Removed" if "without" in job.paths else "Lifted"
    lines = [
        f"{done} {_sound(job.prompt)} from {recording} ({length:.2f} s, "
        f"{outcome.sample_rate} Hz, {kind}) in {outcome.seconds:.1f} s:"
    ]
    width = max(map(len, job.paths))
    lines += [f"  {stem:{width}}  {path}" for stem, path in job.paths.items()]
    if shortened:
        lines.append(_SHORTENED)
    if outcome.written_rate != outcome.sample_rate:
        lines.append(
            f"The files are at {outcome.written_rate} Hz: {job.output.format} has no "
            f"{outcome.sample_rate} Hz."
        )
    return "\n".join([*lines, _answer(outcome)])


def summary(done: int, skipped: int, failed: int) -> str:
    """The last line of a run over many recordings."""
    parts = [f"{done} done"]
    parts += [f"{skipped} done before"] if skipped else []
    parts += [f"{failed} failed"] if failed else []
    return ", ".join(parts) + "."


def _sound(prompt: Prompt) -> str:
    marks = ", ".join(f"{'+' if s.positive else '-'}{s}" for s in prompt.spans)
    if prompt.text is None:
        return f"the sound marked {marks}" if marks else "what the video shows"
    return f"'{prompt.text}'" + (f" marked {marks}" if marks else "")


def _answer(outcome: Outcome) -> str:
    """When the sound was heard, its level, and how the result is rated."""
    finding, prompt = outcome.finding, outcome.job.prompt
    sentences = [_level(outcome.target_level_db)]
    marked = prompt is not None and any(span.positive for span in prompt.spans)
    # Who marks a sound hears it.
    if finding is not None and not (marked and finding.presence == "absent"):
        sentences.insert(0, found_in_words(finding))
    if (seen := outcome.settings.get("seen")) is not None:
        sentences = [*seen_in_words(seen), *sentences]
    judge = outcome.settings.get("judge")
    if judge is not None and outcome.target_level_db >= NEARLY_SILENT_DB:
        sentences.append(f"Rated {judge['overall']:.1f} of 5.")
        sentences += [POOR] if judge["poor"] else []
    return " ".join(sentences)


def _level(level_db: float) -> str:
    if level_db < _INAUDIBLE_DB:
        return "The target is silent."
    side = "below" if level_db < 0 else "above"
    return f"The target is {abs(level_db):.1f} dB {side} the mixture."
