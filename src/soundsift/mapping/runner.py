"""Run a map: rows to parts, each row once, whatever happens in between."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass

import soundsift
from soundsift.checkpoints.store import WEIGHTS, find_model
from soundsift.errors import SoundsiftError
from soundsift.fingerprint import file_digest
from soundsift.mapping.config import MapConfig
from soundsift.mapping.over_ray import answers_over_ray
from soundsift.mapping.parts import Parts, Result
from soundsift.mapping.pending import PendingRows
from soundsift.mapping.row import RowResults, separate_row
from soundsift.mapping.rows import Row, container_of, read_rows, sizes_of
from soundsift.prometheus import Sample
from soundsift.separation.separator import Separator
from soundsift.version import __version__

_RUN = "run.json"
#: A sound that is this surely there counts as found in the report.
_FOUND = 0.5


@dataclass(frozen=True)
class MapReport:
    """What a map did.

    Attributes:
        rows: rows in the parts that are there.
        results: results with sound.
        failed: rows that failed.
        found: results whose sound was heard with a confidence of 0.5 or more; of those that say.
        sound_seconds: duration of the recordings of this call.
        seconds: time of this call.
    """

    rows: int
    results: int
    failed: int
    found: int
    sound_seconds: float
    seconds: float


@dataclass(frozen=True)
class Forecast:
    """What a dry run found.

    Attributes:
        rows: rows of the manifest.
        tried: rows that were separated.
        failed: of these, how many failed.
        found_share: share of their results whose sound was heard; None if no result says.
        sound_seconds: duration of all recordings, if the others are as long.
        seconds: time that all take in this process, loading of the model left out.
        result_bytes: size of all results.
    """

    rows: int
    tried: int
    failed: int
    found_share: float | None
    sound_seconds: float
    seconds: float
    result_bytes: int


#: Called with the numbers of rows and failed rows so far.
OnRows = Callable[[int, int], None]


def run_map(
    manifest: str,
    out: str,
    config: MapConfig,
    *,
    device: str | None = None,
    workers: int | None = None,
    ray: str | None = None,
    on_rows: OnRows = lambda *_: None,
) -> MapReport:
    """Separate every row of a manifest; parts that are there are not done again.

    A row that fails becomes a result with an error, and stops no other. The results are the same
    with any number of workers.

    Args:
        manifest: path, URL or pattern; see `soundsift.mapping.rows`.
        out: folder or URL of the parts.
        config: what decides the results.
        device: cuda, mps or cpu; the fastest available unless given.
        workers: processes that share the rows, by Ray; None or 1: everything runs in this one,
            unless a cluster is named, of which None takes all.
        ray: HOST:PORT of a Ray cluster, or "auto"; None: a number of workers starts one here.
        on_rows: receives the progress.

    Raises:
        SoundsiftError: the manifest or the model cannot be read, the folder holds another map, or
            Ray is not installed or not reached.
        OSError: a part cannot be written.
    """
    container = config.container or container_of(manifest)
    parts = Parts(out, container)
    _check_same_map(parts, manifest, config)
    begun = time.monotonic()
    pending = PendingRows(read_rows(manifest, config.text), config.rows, parts.done())
    if ray is None and (workers or 1) == 1:
        answers = _in_this_process(pending, config, device)
    else:
        answers = answers_over_ray(pending, config, device, ray, workers)
    sound, failed = 0.0, 0
    with closing(answers):
        for number, answer in answers:
            sound += answer.seconds
            failed += sum("error" in one.facts for one in answer.results)
            for part, results in pending.answered(number, answer.results):
                parts.write(part, results)
            on_rows(pending.done, failed)
    for part, results in pending.last():
        parts.write(part, results)
    on_rows(pending.done, failed)
    if pending.error is not None:
        raise pending.error
    facts = [one for number in sorted(parts.done()) for one in parts.facts(number)]
    bad = sum("error" in one for one in facts)
    sure = sum((one.get("confidence") or 0) >= _FOUND for one in facts)
    passed = time.monotonic() - begun
    return MapReport(pending.done, len(facts) - bad, bad, sure, round(sound, 3), round(passed, 3))


def _in_this_process(
    rows: Iterator[tuple[int, Row]], config: MapConfig, device: str | None
) -> Generator[tuple[int, RowResults], None, None]:
    separator: Separator | None = None
    for number, row in rows:
        separator = separator or soundsift.load(config.model, device, adapter=config.adapter)
        yield number, separate_row(separator, row, config)


def dry_run(
    manifest: str, config: MapConfig, tried: int = 5, *, device: str | None = None
) -> Forecast:
    """Separate a few rows, evenly spaced, and say what all would take; nothing is written.

    Args:
        manifest: as for `run_map`.
        config: what decides the results.
        tried: rows to separate, at most.
        device: as for `run_map`.

    Raises:
        SoundsiftError: the manifest has no rows, or it or the model cannot be read.
    """
    count = sum(1 for _ in read_rows(manifest, config.text))
    if not count:
        raise SoundsiftError(f"{manifest}: has no rows. Check the manifest.")
    chosen = {round((i + 0.5) * count / min(tried, count) - 0.5) for i in range(min(tried, count))}
    separator = soundsift.load(config.model, device, adapter=config.adapter)
    results: list[Result] = []
    sound, begun = 0.0, time.monotonic()
    for number, row in enumerate(read_rows(manifest, config.text)):
        if number in chosen:
            answer = separate_row(separator, row, config)
            results += answer.results
            sound += answer.seconds
    passed, share = time.monotonic() - begun, count / len(chosen)
    says = [one.facts["confidence"] for one in results if one.facts.get("confidence") is not None]
    size = sum(len(content) for one in results for content in one.stems.values())
    return Forecast(
        count,
        len(chosen),
        sum("error" in one.facts for one in results),
        sum(one >= _FOUND for one in says) / len(says) if says else None,
        round(sound * share, 1),
        round(passed * share, 1),
        round(size * share),
    )


def _check_same_map(parts: Parts, manifest: str, config: MapConfig) -> None:
    weights = find_model(config.model) / WEIGHTS
    run = {
        "soundsift": __version__,
        "manifest": sizes_of(manifest),
        **config.model_dump(mode="json"),
        "model_sha256": file_digest(weights) if weights.is_file() else None,
        "adapter_sha256": (
            file_digest(config.adapter) if config.adapter and config.adapter.is_file() else None
        ),
    }
    noted = parts.read_text(_RUN)
    if noted is None:
        parts.write_text(_RUN, json.dumps(run, indent=2) + "\n")
        return
    known = json.loads(noted)
    if different := sorted(name for name in run if known.get(name) != run[name]):
        raise SoundsiftError(
            f"The output folder holds a map with another {', '.join(different)}. Choose another "
            "folder."
        )


def samples_of(report: MapReport) -> list[Sample]:
    """A report as counters."""
    return [
        Sample(name if name.endswith("seconds") else f"{name}_total", value)
        for name, value in asdict(report).items()
    ]
