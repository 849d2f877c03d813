"""`soundsift data pseudo-label` and `triplets`: the data engine."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soundsift.cli.console import say
from soundsift.cli.groups import BAD_REQUEST, SOME_FAILED
from soundsift.cli.options import Adapter, Device, Json, Model
from soundsift.cli.outputs import check_folder
from soundsift.cli.workers import Metrics, Ray, Workers, duration
from soundsift.errors import SoundsiftError

if TYPE_CHECKING:
    from soundsift.data.engine.forecast import EngineForecast
    from soundsift.data.engine.report import EngineReport

PSEUDO_LABEL_EXAMPLES = """Examples:

\b
soundsift data pseudo-label recordings --out triplets
soundsift data pseudo-label recordings --out triplets --clap laion/clap-htsat-unfused
soundsift data pseudo-label films --out triplets --captioner "python caption.py" --off complexity
soundsift data pseudo-label recordings --dry-run
soundsift data pseudo-label recordings --out triplets --workers 4
"""

TRIPLETS_EXAMPLES = """Examples:

\b
soundsift data triplets musdb18hq/train --out triplets --licence "MUSDB18, for research"
soundsift data triplets calls --speakers --out triplets
soundsift data triplets sessions.jsonl --out triplets --threshold bleed=0.1 --off level
"""


def pseudo_label(
    recordings: Annotated[
        list[str],
        typer.Argument(
            metavar="FOLDER...", help="Recordings: folders with their subfolders, files, patterns."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder for the triplets, made if missing.", show_default=False
        ),
    ] = None,
    model: Model = "default",
    adapter: Adapter = None,
    captioner: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help='Program that captions: reads {"audio": FILE}, answers {"caption": TEXT}, a line '
            "each.",
            show_default="the hearing network",
        ),
    ] = None,
    program: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILTER=COMMAND",
            help='Program that answers for a filter with {"score": NUMBER}; repeatable.',
        ),
    ] = None,
    off: Annotated[
        list[str] | None,
        typer.Option(metavar="FILTER", help="Leave a filter out; repeatable."),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(metavar="FILTER=NUMBER", help="Another threshold; repeatable."),
    ] = None,
    clap: Annotated[
        str | None,
        typer.Option(
            metavar="NAME_OR_FOLDER",
            help="CLAP for text-target and text-residual: laion/clap-htsat-unfused.",
            show_default="the hearing network answers",
        ),
    ] = None,
    aesthetics: Annotated[
        bool,
        typer.Option("--aesthetics", help="Audiobox Aesthetics, if installed, rates complexity."),
    ] = False,
    seconds: Annotated[float, typer.Option(min=1, max=60, help="Length of the excerpts.")] = 10.0,
    phrases: Annotated[int, typer.Option(min=1, max=16, help="Sounds of an excerpt, at most.")] = 6,
    least_confidence: Annotated[
        float,
        typer.Option(
            "--least-confidence", min=0, max=1, help="Of the hearing network, to take a sound."
        ),
    ] = 0.5,
    keep_rejected: Annotated[
        bool, typer.Option("--keep-rejected", help="Write the sound of rejected ones, too.")
    ] = False,
    workers: Workers = None,
    ray: Ray = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Label an excerpt of five recordings, write nothing, and say what all would take "
            "and give.",
        ),
    ] = False,
    metrics: Metrics = None,
    device: Device = None,
    json_line: Json = False,
) -> None:
    """Make training triplets from unlabelled recordings.

    Names the sounds of each excerpt, separates them, and keeps what passes the filters
    text-target, text-residual, complexity, silence, mask-coverage and picture-sound. Excerpts that
    are done stay done: run it again after an interruption. An excerpt that fails stops no other.
    """
    if out is None and not dry_run:
        raise SoundsiftError("--out is missing. Name a folder for the triplets, or use --dry-run.")
    from soundsift.data.engine.config import FILTERS, EngineConfig

    def named(option: str, values: list[str] | None) -> dict[str, str]:
        found: dict[str, str] = {}
        for value in values or ():
            name, sign, rest = value.partition("=")
            if name not in FILTERS or (option != "--off" and not (sign and rest)):
                raise SoundsiftError(
                    f"{option} {value!r} names no filter. Use one of {', '.join(FILTERS)}"
                    + ("." if option == "--off" else ", an equals sign and the value.")
                )
            found[name] = rest
        return found

    thresholds = {}
    for name, number in named("--threshold", threshold).items():
        thresholds[name] = _threshold(name, number)
    config = EngineConfig.model_validate(
        {
            "model": model,
            "adapter": adapter,
            "captioner": shlex.split(captioner or ""),
            "programs": {n: shlex.split(c) for n, c in named("--program", program).items()},
            "off": list(named("--off", off)),
            "thresholds": thresholds,
            "clap": clap,
            "aesthetics": aesthetics,
            "seconds": seconds,
            "phrases": phrases,
            "least_confidence": least_confidence,
            "keep_rejected": keep_rejected,
        }
    )

    from soundsift.batch.inputs import find_recordings
    from soundsift.cli.console import warn
    from soundsift.cli.progress import progress_bar
    from soundsift.data.engine.excerpts import without_results

    files = without_results(find_recordings(recordings, out))
    if not files:
        raise SoundsiftError(
            f"{', '.join(recordings)}: nothing but results of the data engine. Name recordings."
        )
    if dry_run:
        from soundsift.data.engine.forecast import forecast

        found = forecast(files, config, device=device)
        if json_line:
            say(json.dumps(asdict(found)))
        else:
            _say_filters(found.filters)
            say(_in_words(found))
        return

    from soundsift.data.engine.pseudo_label import pseudo_label as run
    from soundsift.data.engine.pseudo_label import samples_of
    from soundsift.prometheus import write_samples

    assert out is not None
    check_folder(out)
    if metrics is not None:
        check_folder(metrics.parent)
    with progress_bar("recordings") as bar:
        report = run(
            files,
            out,
            config,
            device=device,
            workers=workers,
            ray=ray,
            on_progress=lambda done, total: bar(done / max(1, total)),
            on_error=warn,
        )
    if metrics is not None:
        write_samples(metrics, "soundsift_pseudo_label", samples_of(report))
    _end(report, out, "candidates", json_line)


def triplets(
    recordings: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER...",
            help="Folders with a folder of stems for each recording, or JSONL manifests.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the triplets, made if missing.")
    ],
    speakers: Annotated[
        bool,
        typer.Option(
            "--speakers", help="Tracks are speakers: a file each, or the channels of one file."
        ),
    ] = False,
    licence: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Licence of recordings whose manifest states none."),
    ] = None,
    off: Annotated[
        list[str] | None,
        typer.Option(metavar="CHECK", help="Leave a check out; repeatable."),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(metavar="CHECK=NUMBER", help="Another threshold; repeatable."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, max=60, help="Length of the excerpts.")] = 10.0,
    json_line: Json = False,
) -> None:
    """Make training triplets from multitracks and separate speakers.

    Each stem in turn is the target, the sum of the others the residual. Kept is what passes the
    checks phrase, silence, level and bleed. Reads folders as MUSDB18-HQ and MedleyDB lay them out.
    Recordings that are done stay done: run it again after an interruption.
    """
    from soundsift.data.engine.triplets import CHECKS, THRESHOLDS, TripletConfig, make_triplets

    thresholds = {}
    for value in threshold or ():
        name, _, number = value.partition("=")
        if name not in THRESHOLDS:
            raise SoundsiftError(
                f"--threshold {value!r} names no check. Use one of {', '.join(THRESHOLDS)}, an "
                "equals sign and a number."
            )
        thresholds[name] = _threshold(name, number)
    for name in off or ():
        if name not in CHECKS:
            raise SoundsiftError(f"--off {name!r} names no check. Use one of {', '.join(CHECKS)}.")
    config = TripletConfig.model_validate(
        {
            "off": list(off or ()),
            "thresholds": thresholds,
            "seconds": seconds,
        }
    )
    check_folder(out)

    from soundsift.cli.console import warn
    from soundsift.cli.progress import progress_bar
    from soundsift.data.engine.multitracks import find_multitracks

    found = find_multitracks(recordings, speakers, licence, out)
    unknown = sum(recording.licence is None for recording in found)
    if unknown:
        warn(f"{unknown} of {len(found)} recordings state no licence. Name it with --licence.")
    with progress_bar("recordings") as bar:
        report = make_triplets(
            found,
            out,
            config,
            on_progress=lambda done, total: bar(done / max(1, total)),
            on_error=warn,
        )
    _end(report, out, "stems", json_line)


def _threshold(name: str, number: str) -> float:
    with suppress(ValueError):
        if math.isfinite(found := float(number)):
            return found
    raise SoundsiftError(f"--threshold {name}={number}: not a number. Use one such as 0.5.")


def _end(report: EngineReport, out: Path, candidates: str, json_line: bool) -> None:
    """Say what a run gave; the exit code says whether recordings failed."""
    counts = report.counts
    if json_line:
        say(json.dumps({"counts": counts, "filters": report.filters}))
    else:
        _say_filters(report.filters)
        say(
            f"{counts['triplets']} triplets from {counts['candidates']} {candidates} in "
            f"{counts['excerpts']} excerpts: {out / 'triplets.jsonl'}"
        )
    if counts["failed"]:
        raise typer.Exit(BAD_REQUEST if counts["failed"] == counts["recordings"] else SOME_FAILED)


def _say_filters(filters: Mapping[str, Mapping[str, Any]]) -> None:
    for name, facts in filters.items():
        if "asked" in facts:
            say(f"{name} by {facts['by']}: {facts['passed']} of {facts['asked']} pass.")
        else:
            say(f"{name}: {facts['by']}.")


def _in_words(found: EngineForecast) -> str:
    failed = "" if found.error is None else f", {found.failed} failed ({found.error})"
    return (
        f"{found.recordings} recordings, about {duration(found.sound_seconds)} in "
        f"{found.excerpts} excerpts. {found.tried} tried{failed}. All would give about "
        f"{found.triplets} triplets from {found.candidates} candidates, and take about "
        f"{duration(found.seconds)} in one process on this machine and "
        f"{found.result_bytes / 2**20:.0f} MiB."
    )
