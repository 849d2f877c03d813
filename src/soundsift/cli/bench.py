"""`soundsift bench`: how well a model separates, on held-out sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from soundsift.cli.options import BankFolder, Json, Model, Overwrite, Preset
from soundsift.cli.outputs import check_folder
from soundsift.cli.progress import progress_bar
from soundsift.cli.requirements import need

EXAMPLES = """Examples:

\b
soundsift bench
soundsift bench --out quick --scenes 20 --no-baselines --preset draft
soundsift bench --out mine --model runs/mine/model --json
"""


def bench(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the report, made if missing.")
    ] = Path("benchmark"),
    bank: BankFolder = Path("bank"),
    model: Model = "default",
    preset: Preset = "standard",
    scenes: Annotated[
        int | None,
        typer.Option(min=4, help="Only so many of the fixed scenes.", show_default="all"),
    ] = None,
    baselines: Annotated[
        bool, typer.Option(help="Run other separators on the same scenes.")
    ] = True,
    json_line: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Measure a model on held-out sound.

    Writes JSON, a Markdown table and a plot: improvement by text, by span and by both, selectivity,
    absent sounds, speed and memory, per kind of sound and with 95 % intervals.
    """
    # The baselines' own packages may be missing: the report then says so.
    need("bench", "scipy")
    check_folder(out)

    from soundsift.checkpoints.store import find_model

    find_model(model)

    from soundsift.evaluation.bench import run_benchmark

    with progress_bar("benchmark") as report:
        result = run_benchmark(
            bank,
            out,
            model=model,
            preset=preset,
            scenes=scenes,
            with_baselines=baselines,
            progress=lambda what, fraction: report(fraction, what),
            overwrite=overwrite,
        )
    if json_line:
        typer.echo(json.dumps({"folder": str(out), "result": result}, default=str))
    else:
        typer.echo(f"The report is in {out}.")
