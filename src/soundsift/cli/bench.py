"""`soundsift bench`: measure a model on held-out sound."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from soundsift.cli.console import say
from soundsift.cli.options import BankFolder, Json, Model, Overwrite, Preset
from soundsift.cli.outputs import check_folder
from soundsift.cli.progress import progress_bar
from soundsift.cli.requirements import need

EXAMPLES = """Examples:

\b
soundsift bench
soundsift bench --suite familiar --out familiar
soundsift bench --out quick --scenes 20 --no-baselines --preset draft
soundsift bench --model runs/mine/model --out mine --json
soundsift bench --suite pairs CLASSES --json
"""


class Suite(StrEnum):
    """Sets of mixtures to measure on."""

    STRANGERS = "strangers"
    FAMILIAR = "familiar"
    STRANGER_VALIDATION = "stranger-validation"
    PAIRS = "pairs"


def bench(
    classes: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]", help="With --suite pairs: one subfolder of clips for each class."
        ),
    ] = None,
    suite: Annotated[
        Suite,
        typer.Option(
            help="strangers: sources never trained on; familiar: held-out clips of sources trained "
            "on; stranger-validation: for choosing; pairs: two clips of FOLDER at 0 dB."
        ),
    ] = Suite.STRANGERS,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the report, made if missing.")
    ] = Path("benchmark"),
    bank: BankFolder = Path("bank"),
    model: Model = "default",
    preset: Preset = "standard",
    scenes: Annotated[
        int | None,
        typer.Option(min=4, help="Number of scenes or pairs.", show_default="all; 500 pairs"),
    ] = None,
    baselines: Annotated[
        bool, typer.Option(help="Run other separators on the same scenes.")
    ] = True,
    json_line: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Measure a model on held-out sound.

    Writes JSON, Markdown tables and a plot: SI-SDR and SDR improvement and level by text, by span
    and by both, selectivity, absent sounds, speed and memory, per kind of sound and with 95 %
    intervals. With --suite pairs: SI-SDR and SDR improvement and level by the name of the class, as
    pairs.json.
    """
    if (suite is Suite.PAIRS) != (classes is not None):
        raise typer.BadParameter("FOLDER and --suite pairs go together: give both or neither.")
    # Packages of baselines may be missing: the report then says so.
    need("bench", "scipy")
    check_folder(out)

    from soundsift.checkpoints.store import find_model

    find_model(model)
    with progress_bar("benchmark") as report:

        def progress(what: str, fraction: float) -> None:
            report(fraction, what)

        result: dict[str, Any]
        if classes is not None:
            from soundsift.audio import ensure_writable
            from soundsift.evaluation.pairs import PAIRS, run_pairs
            from soundsift.evaluation.report import write_json

            ensure_writable(out / "pairs.json", overwrite=overwrite)
            result = run_pairs(classes, model, preset, scenes or PAIRS, progress)
            write_json(out / "pairs.json", result, overwrite)
        else:
            from soundsift.evaluation.bench import run_benchmark

            result = run_benchmark(
                bank,
                out,
                model=model,
                preset=preset,
                suite=suite.value,
                scenes=scenes,
                with_baselines=baselines,
                progress=progress,
                overwrite=overwrite,
            )
    if json_line:
        say(json.dumps({"folder": str(out), "result": result}, default=str))
    else:
        say(f"The report is in {out}.")
