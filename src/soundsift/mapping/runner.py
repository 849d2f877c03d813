"""Run a map in one process: rows to parts, each row once, whatever happens in between."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import soundfile
from pydantic import BaseModel, ConfigDict, Field

import soundsift
from soundsift.audio import complement
from soundsift.audio.flac import flac_bytes
from soundsift.checkpoints.store import WEIGHTS, find_model
from soundsift.errors import SoundsiftError, one_line
from soundsift.fingerprint import file_digest
from soundsift.mapping.parts import Parts, Result
from soundsift.mapping.rows import (
    Container,
    Row,
    container_of,
    read_bytes,
    read_rows,
    sizes_of,
)
from soundsift.prompts import Prompt
from soundsift.separation.result import Separation
from soundsift.separation.separator import Separator
from soundsift.spans import Span
from soundsift.version import __version__

_RUN = "run.json"
#: A sound that is this surely there counts as found in the report.
_FOUND = 0.5


class MapConfig(BaseModel):
    """What decides the results of a map.

    Attributes:
        model, adapter: as for `soundsift.load`.
        preset, seed: of the separation.
        text: the prompt of rows without one.
        stems: which stems are written.
        container: of the results; None: that of the manifest.
        rows: rows of a part.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = "default"
    adapter: Path | None = None
    preset: str = "standard"
    seed: int = 0
    text: str | None = None
    stems: tuple[str, ...] = ("target", "residual")
    container: Container | None = None
    rows: int = Field(default=64, ge=1)


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
    on_rows: OnRows = lambda *_: None,
) -> MapReport:
    """Separate every row of a manifest; parts that are there are not done again.

    A row that fails becomes a result with an error, and stops no other.

    Args:
        manifest: path, URL or pattern; see `soundsift.mapping.rows`.
        out: folder or URL of the parts.
        config: what decides the results.
        device: cuda, mps or cpu; the fastest available unless given.
        on_rows: receives the progress.

    Raises:
        SoundsiftError: the manifest or the model cannot be read, or the folder holds another map.
        OSError: a part cannot be written.
    """
    container = config.container or container_of(manifest)
    parts = Parts(out, container)
    _check_same_map(parts, manifest, config)
    done = parts.done()
    separator: Separator | None = None
    begun, sound = time.monotonic(), 0.0
    counted = failed = 0
    for number, rows in enumerate(_in_parts(read_rows(manifest, config.text), config.rows)):
        counted += len(rows)
        if number not in done:
            separator = separator or soundsift.load(config.model, device, adapter=config.adapter)
            results = []
            for row in rows:
                own, seconds = separate_row(separator, row, config)
                results += own
                sound += seconds
            parts.write(number, results)
            failed += sum("error" in one.facts for one in results)
        on_rows(counted, failed)
    facts = [one for number in sorted(parts.done()) for one in parts.facts(number)]
    bad = sum("error" in one for one in facts)
    sure = sum((one.get("confidence") or 0) >= _FOUND for one in facts)
    passed = time.monotonic() - begun
    return MapReport(counted, len(facts) - bad, bad, sure, round(sound, 3), round(passed, 3))


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
            own, seconds = separate_row(separator, row, config)
            results += own
            sound += seconds
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


def separate_row(separator: Separator, row: Row, config: MapConfig) -> tuple[list[Result], float]:
    """The results of a row, and the duration of its recording in seconds.

    Everything that a row can do wrong ends in a result with an error.
    """
    try:
        if row.error is not None or row.audio is None:
            raise SoundsiftError(row.error or "there is no audio")
        source = row.audio if isinstance(row.audio, bytes) else read_bytes(row.audio)
        spans = tuple(Span(start, end) for start, end in row.spans)
        prompts = [Prompt(text, spans) for text in row.texts] or [Prompt(None, spans)]
        found = separator.separate_many(source, prompts, preset=config.preset, seed=config.seed)
        results = [_result(row, n, one, config) for n, one in enumerate(found)]
    except (SoundsiftError, ValueError, OSError, MemoryError, soundfile.LibsndfileError) as error:
        return [Result(row.key, 0, {"id": row.key, "error": one_line(error), **row.extra})], 0.0
    mixture = found[0].mixture
    return results, mixture.shape[1] / found[0].sample_rate


def _result(row: Row, number: int, one: Separation, config: MapConfig) -> Result:
    # FLAC has no floats: lossy and float recordings are kept in 24 bits.
    form = "s16" if one.sample_format == "s16" else "s24"
    target, residual = complement(one.mixture, one.target, form)
    stems = {"target": target, "residual": residual}
    finding = one.finding
    facts: dict[str, Any] = {
        "id": row.key,
        "text": one.settings["text"],
        "spans": one.settings["spans"],
        "sample_rate": one.sample_rate,
        "seconds": round(one.mixture.shape[1] / one.sample_rate, 3),
        "target_level_db": round(one.target_level_db, 2),
        "confidence": None if finding is None else round(finding.confidence, 4),
        "source": row.audio if isinstance(row.audio, str) else None,
    }
    encoded = {name: flac_bytes(stems[name], one.sample_rate, form) for name in config.stems}
    return Result(row.key, number, dict(row.extra) | facts, encoded)


def _in_parts(rows: Iterator[Row], size: int) -> Iterator[Sequence[Row]]:
    while part := list(islice(rows, size)):
        yield part


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


def counters(report: MapReport) -> str:
    """A report in Prometheus's text format, for its node exporter's textfile collector."""
    lines = []
    for name, value in asdict(report).items():
        unit = name if name.endswith("seconds") else f"{name}_total"
        lines += [f"# TYPE soundsift_map_{unit} gauge", f"soundsift_map_{unit} {value}"]
    return "\n".join(lines) + "\n"
