"""`soundsift map`: separate the rows of a manifest, from any file system to any."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from soundsift.cli import options
from soundsift.cli.console import say
from soundsift.cli.groups import BAD_REQUEST, SOME_FAILED
from soundsift.cli.outputs import check_folder
from soundsift.cli.workers import Metrics, Ray, Workers, duration
from soundsift.errors import SoundsiftError

EXAMPLES = """Examples:

\b
soundsift map recordings.jsonl --out results --text "dog barking"
soundsift map 's3://bucket/shards/*.tar' --out s3://bucket/speech --text speech
soundsift map clips.parquet --out results --text rain --dry-run
soundsift map recordings.jsonl --out results --text rain --workers 4
"""


def map_(
    manifest: Annotated[
        str,
        typer.Argument(
            metavar="MANIFEST",
            help="JSONL, Parquet or WebDataset (.tar): a path, a URL that fsspec reads, or a "
            "pattern.",
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Folder or URL for the results.", show_default=False),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(metavar="PHRASE", help="The sound, for rows without a text of their own."),
    ] = None,
    only: Annotated[
        Literal["target", "residual"] | None,
        typer.Option("--only", help="Write only one of the two stems."),
    ] = None,
    to: Annotated[
        Literal["jsonl", "parquet", "webdataset"] | None,
        typer.Option("--to", help="Container of the results.", show_default="the manifest's"),
    ] = None,
    rows: Annotated[
        int, typer.Option(min=1, metavar="N", help="Rows of a part, which is written at once.")
    ] = 64,
    workers: Workers = None,
    ray: Ray = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Separate five rows, write nothing, and say what all would take."
        ),
    ] = False,
    metrics: Metrics = None,
    preset: options.Preset = "standard",
    model: options.Model = "default",
    adapter: options.Adapter = None,
    seed: options.Seed = 0,
    device: options.Device = None,
    json_line: options.Json = False,
) -> None:
    """Separate every row of a manifest.

    A row has audio (a path relative to the manifest, a URL, or the file itself), text, and
    optionally id and spans. Results come in parts; parts that are there are kept: run it again
    after an interruption. A row that fails becomes a result with an error and stops no other.
    """
    from soundsift.prompts import Prompt

    if text is not None:
        Prompt(text).check(None)
    if out is None and not dry_run:
        raise SoundsiftError("--out is missing. Name a folder for the results, or use --dry-run.")

    from dataclasses import asdict

    from soundsift.cli.progress import progress_bar
    from soundsift.mapping import runner
    from soundsift.mapping.config import MapConfig
    from soundsift.prometheus import write_samples

    config = MapConfig(
        model=model,
        adapter=adapter,
        preset=preset,
        seed=seed,
        text=text,
        stems=("target", "residual") if only is None else (only,),
        container=to,
        rows=rows,
    )
    if dry_run:
        forecast = runner.dry_run(manifest, config, device=device)
        say(json.dumps(asdict(forecast)) if json_line else _in_words(forecast))
        return
    assert out is not None
    if metrics is not None:
        check_folder(metrics.parent)
    with progress_bar("rows") as bar:
        # The number of rows is not known before the end.
        report = runner.run_map(
            manifest,
            out,
            config,
            device=device,
            workers=workers,
            ray=ray,
            on_rows=lambda done, failed: bar(0.0, f"{done} rows, {failed} failed"),
        )
    if metrics is not None:
        write_samples(metrics, "soundsift_map", runner.samples_of(report))
    if json_line:
        say(json.dumps(asdict(report)))
    else:
        say(
            f"{report.rows} rows: {report.results} results, {report.found} with the sound surely "
            f"there, {report.failed} rows failed: {out}"
        )
    if report.failed:
        raise typer.Exit(SOME_FAILED if report.results else BAD_REQUEST)


def _in_words(forecast: object) -> str:
    from soundsift.mapping.runner import Forecast

    assert isinstance(forecast, Forecast)
    found = "" if forecast.found_share is None else f", the sound is in {forecast.found_share:.0%}"
    return (
        f"{forecast.rows} rows, about {duration(forecast.sound_seconds)} of sound. Of "
        f"{forecast.tried} tried, {forecast.failed} failed{found}. All would take about "
        f"{duration(forecast.seconds)} in one process on this machine and "
        f"{forecast.result_bytes / 2**20:.0f} MiB."
    )
