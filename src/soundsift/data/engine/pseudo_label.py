"""Pseudo-labels: from unlabelled recordings to triplets for training.

Every recording is cut into excerpts. Of each, the sounds are named, separated by a checkpoint, and
kept where the filters agree. A triplet is mixture, target and residual with the phrase, the spans
in which the target is heard, and where all of it comes from.

In the output folder:

- `triplets.jsonl`: the triplets, with paths relative to the folder;
- `audio/`: their sound, FLAC of 16 bits; target and residual add up to the mixture;
- `excerpts.jsonl`: every excerpt that is done, with all candidates and their scores;
- `report.json`: counts, and the yield of each filter;
- `run.json`: what decides the run.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from soundsift.audio import atomic_file
from soundsift.checkpoints.hearing import default_folder
from soundsift.checkpoints.store import WEIGHTS, find_model
from soundsift.data.engine.config import FILTERS, EngineConfig
from soundsift.data.engine.excerpts import AUDIO, EXCERPTS, OnError, OnProgress, PendingExcerpts
from soundsift.data.engine.filters import yields
from soundsift.data.engine.journal import Journal, check_same_run, write_lines
from soundsift.data.engine.labelling import LabelledExcerpt, Labeller
from soundsift.data.engine.over_ray import answers_over_ray
from soundsift.data.engine.report import RUN, TRIPLETS, EngineReport, count
from soundsift.fingerprint import file_digest
from soundsift.prometheus import Sample
from soundsift.version import __version__


def pseudo_label(
    recordings: Sequence[Path],
    out: Path,
    config: EngineConfig,
    *,
    device: str | None = None,
    workers: int | None = None,
    ray: str | None = None,
    on_progress: OnProgress = lambda *_: None,
    on_error: OnError = lambda _: None,
) -> EngineReport:
    """Make triplets from recordings; excerpts that are done are not done again.

    A recording that fails stops no other, nor an excerpt its siblings; the next run tries it again.
    The results are the same with any number of workers.

    Args:
        recordings: audio and video files.
        out: folder of the triplets, made if missing.
        config: the run.
        device: cuda, mps or cpu; the fastest available unless given.
        workers: processes that share the excerpts, by Ray; None or 1: everything runs in this one,
            unless a cluster is named, of which None takes all.
        ray: HOST:PORT of a Ray cluster, or "auto"; None: a number of workers starts one here.
        on_progress: receives the progress.
        on_error: receives a sentence for each recording that fails.

    Raises:
        SoundsiftError: a model is not there, the folder holds another run, or Ray is not installed
            or not reached.
        OSError: the folder cannot be written.
    """
    run = _run(config)
    (out / AUDIO).mkdir(parents=True, exist_ok=True)
    begun, sound = time.monotonic(), 0.0
    journal = Journal(out / EXCERPTS)
    check_same_run(out / RUN, run, journal)
    pending = PendingExcerpts(recordings, config, journal.__contains__, on_progress, on_error)
    if ray is None and (workers or 1) == 1:
        answers = _in_this_process(pending, config, device)
    else:
        answers = answers_over_ray(pending, config, device, ray, workers)
    with closing(journal), closing(answers):
        for number, answer in answers:
            recording = pending.answered(number)
            if answer.error is not None:
                pending.failed(recording, f"{recording}: {answer.error}")
                continue
            for name, content in answer.files.items():
                with atomic_file(out / name, overwrite=True) as file:
                    file.write(content)
            journal.add(answer.key, answer.line)
            sound += answer.seconds
    on_progress(len(recordings), len(recordings))
    # Whatever the order in which they were done.
    places = {str(recording): place for place, recording in enumerate(recordings)}
    journal.sort(lambda line: _place(line, places))
    lines = list(journal.lines.values())
    write_lines(out / TRIPLETS, [triplet for line in lines for triplet in line["triplets"]])
    counts = count(lines, len(recordings), pending.errors)
    filters = yields(config, [one for line in lines for one in line["candidates"]])
    passed = time.monotonic() - begun
    report = EngineReport(counts, filters, pending.errors, round(sound, 3), round(passed, 3))
    report.write(out)
    return report


def _place(line: dict[str, Any], places: dict[str, int]) -> tuple[int, int]:
    """Order of the lines: by recording and time; before, those of other recordings as they are."""
    place = places.get(line["recording"], -1)
    return place, int(line["key"].rpartition("-")[2]) if place >= 0 else 0


def _in_this_process(
    pending: PendingExcerpts, config: EngineConfig, device: str | None
) -> Generator[tuple[int, LabelledExcerpt], None, None]:
    labeller = Labeller(config, device)
    with closing(labeller):
        for number, excerpt in pending:
            yield number, labeller.whole(excerpt)


def _run(config: EngineConfig) -> dict[str, Any]:
    """What decides a run: its settings, and the files of its models."""
    settings = config.model_dump(mode="json")
    settings["off"] = sorted(settings["off"])
    folder = find_model(config.model)
    weights = folder / WEIGHTS
    return {
        "soundsift": __version__,
        **settings,
        "filters": {
            name: [who, config.threshold(name)]
            for name in FILTERS
            if (who := config.scorer(name)) is not None
        },
        "model_sha256": file_digest(weights) if weights.is_file() else str(folder),
        "adapter_sha256": (
            file_digest(config.adapter)
            if config.adapter is not None and config.adapter.is_file()
            else None
        ),
        "hearing_sha256": file_digest(default_folder() / WEIGHTS),
    }


def samples_of(report: EngineReport) -> list[Sample]:
    """A report as counters."""
    found = [Sample(f"{name}_total", value) for name, value in report.counts.items()]
    for what in ("asked", "passed"):
        found += [
            Sample(f"filter_{what}_total", facts[what], {"filter": name})
            for name, facts in report.filters.items()
            if what in facts
        ]
    found.append(Sample("sound_seconds", report.sound_seconds))
    return [*found, Sample("seconds", report.seconds)]
