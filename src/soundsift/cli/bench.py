"""`soundsift bench`: measure a model, or any systems, on held-out sound and on published suites."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from soundsift.cli.console import say, warn
from soundsift.cli.options import Adapter, BankFolder, Json, Model, Overwrite, Preset
from soundsift.cli.outputs import check_folder
from soundsift.cli.progress import progress_bar
from soundsift.cli.requirements import need

EXAMPLES = """Examples:

\b
soundsift bench
soundsift bench --suite familiar --out familiar
soundsift bench --model runs/mine/model --out mine --json
soundsift bench --suite procedural --system soundsift --system hpss --items 20
soundsift bench --suite pairs CLASSES --system soundsift --system spleeter
soundsift bench --suite musdb18-hq MUSDB --system mine="python my_separator.py"
"""

_SYSTEMS, _SCORES = "Systems", "Scores beside the suite's"
Told = Literal["text", "span", "both"]


class Suite(StrEnum):
    """Sets of mixtures to measure on."""

    STRANGERS = "strangers"
    FAMILIAR = "familiar"
    STRANGER_VALIDATION = "stranger-validation"
    PODCASTS = "podcasts"
    SONGS = "songs"
    PROCEDURAL = "procedural"
    PAIRS = "pairs"
    DCASE = "dcase2024-task9"
    AUDIOSEP = "audiosep"
    MUSDB = "musdb18-hq"
    FUSS = "fuss"
    SAM_AUDIO_BENCH = "sam-audio-bench"
    FOLDER = "folder"


_SCENES = (Suite.STRANGERS, Suite.FAMILIAR, Suite.STRANGER_VALIDATION)
_WITHOUT_FOLDER = (*_SCENES, Suite.PODCASTS, Suite.SONGS, Suite.PROCEDURAL)


def bench(
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]",
            help="The suite's data: one subfolder of clips for each class with --suite pairs, a "
            "JSONL file with --suite folder, the published data otherwise.",
        ),
    ] = None,
    suite: Annotated[
        Suite,
        typer.Option(
            help="strangers: sources never trained on; familiar: held-out clips of sources trained "
            "on; stranger-validation: for choosing; podcasts: ten minutes of two voices over "
            "music with soft, rare sounds; songs: four stems of a song; procedural: generated "
            "sound, no data needed; pairs: two clips of FOLDER at 0 dB; folder: your recordings; "
            "others: published suites."
        ),
    ] = Suite.STRANGERS,
    subset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Part of the suite: esc50, others-50:text-only."),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the report, made if missing.")
    ] = Path("benchmark"),
    bank: BankFolder = Path("bank"),
    model: Model = "default",
    adapter: Adapter = None,
    preset: Preset = "standard",
    system: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=COMMAND]",
            help="A system of `soundsift systems`, or any program; may be repeated. Without it, "
            "our scenes give the full report of one model.",
            rich_help_panel=_SYSTEMS,
        ),
    ] = None,
    blind: Annotated[
        list[str] | None,
        typer.Option(
            "--no-prompts",
            metavar="NAME",
            help="This program takes no prompt: its stem nearest to the target is scored.",
            rich_help_panel=_SYSTEMS,
        ),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PATH",
            help="Weights of a system whose package has none; may be repeated.",
            rich_help_panel=_SYSTEMS,
        ),
    ] = None,
    candidates: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Candidates of released models. What ranks them is then not reported.",
            rich_help_panel=_SYSTEMS,
        ),
    ] = 1,
    timeout: Annotated[
        float,
        typer.Option(
            min=1.0,
            metavar="SECONDS",
            help="Time for one output; the first may take three times as long.",
            rich_help_panel=_SYSTEMS,
        ),
    ] = 300.0,
    prompts: Annotated[
        Told,
        typer.Option(help="What systems are told of our scenes.", rich_help_panel=_SYSTEMS),
    ] = "text",
    keep_stems: Annotated[
        bool,
        typer.Option(
            "--keep-stems",
            help="Keep mixtures and outputs, for listening tests.",
            rich_help_panel=_SYSTEMS,
        ),
    ] = False,
    clap: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="CLAP: folder or name.", rich_help_panel=_SCORES),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Judge: 'default', a folder, or a name such as facebook/sam-audio-judge.",
            rich_help_panel=_SCORES,
        ),
    ] = None,
    aesthetics: Annotated[
        bool,
        typer.Option(
            "--aesthetics",
            help="Audiobox Aesthetics, if its package is installed.",
            rich_help_panel=_SCORES,
        ),
    ] = False,
    scenes: Annotated[
        int | None,
        typer.Option(
            "--scenes",
            "--items",
            min=1,
            help="Number of scenes, pairs or items.",
            show_default="all",
        ),
    ] = None,
    baselines: Annotated[
        bool, typer.Option(help="Run other separators on the same scenes, in the full report.")
    ] = True,
    json_line: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Measure a model, or any systems, on held-out sound and on published suites.

    On our scenes without --system: JSON, Markdown tables and a plot of one model: SI-SDR and SDR
    improvement and level by text, by span and by both, selectivity, absent sounds, speed and
    memory, per kind of sound and with 95 % intervals.

    With --system, and on all other suites: one folder per system with a line per item, and a table
    of all of them. Run the same command again to go on after an interruption.
    """
    if suite in _WITHOUT_FOLDER:
        if data is not None:
            raise typer.BadParameter(f"--suite {suite} takes no FOLDER: leave it out.")
    elif data is None:
        raise typer.BadParameter(f"--suite {suite} needs a FOLDER of data: give it.")
    # Packages of baselines may be missing: the report then says so.
    need("bench", "scipy")
    check_folder(out)
    if suite in _SCENES and not system:
        result = _report(bank, out, model, adapter, preset, suite, scenes, baselines, overwrite)
        if json_line:
            say(json.dumps({"folder": str(out), "result": result}, default=str))
        else:
            say(f"The report is in {out}.")
        return

    from soundsift.evaluation.run import Limits, Scoring, run_systems
    from soundsift.evaluation.scorers import open_scorers
    from soundsift.evaluation.suites import open_suite
    from soundsift.evaluation.table import write_table

    opened = open_suite(suite.value, data, subset, bank, prompts)
    scoring = Scoring(*open_scorers(clap, judge, aesthetics))
    settings: dict[str, Any] = {
        "model": str(model),
        "preset": preset,
        "candidates": candidates,
    }
    if adapter is not None:
        if system and not {"soundsift", "sam-audio"} & set(system):
            raise typer.BadParameter(
                "--adapter is for --system soundsift or sam-audio: add one, or leave it out."
            )
        settings["adapter"] = str(adapter)
    systems = open_systems(system or ["soundsift"], blind or [], weights or [], settings)
    with progress_bar("benchmark") as report:
        given_up = run_systems(
            opened,
            systems,
            out,
            items=scenes,
            keep_stems=keep_stems,
            limits=Limits(3 * timeout, timeout),
            scoring=scoring,
            overwrite=overwrite,
            progress=lambda what, fraction: report(fraction, what),
        )
    for name, reason in given_up.items():
        warn(f"{name} was given up: {reason}. {out / name / 'log.txt'} has what it printed.")
    table = write_table(out, [s.name for s in systems])
    if json_line:
        say(json.dumps({"folder": str(out), "result": table}))
    else:
        say((out / "table.md").read_text(encoding="utf-8").rstrip())


def open_systems(
    names: list[str], blind: list[str], weights: list[str], settings: dict[str, Any]
) -> list[Any]:
    """Systems from the options of the command line; makes environments that are missing.

    Raises:
        typer.BadParameter: an option has another form, or names a system that isn't used.
        SoundsiftError: a system can't be opened.
    """
    from soundsift.checkpoints.store import find_model
    from soundsift.evaluation.systems import open_adapter, open_command

    used = [name.partition("=")[0] for name in names]
    given = {}
    for pair in weights:
        name, equals, path = pair.partition("=")
        if not equals or name not in used:
            raise typer.BadParameter(f"--weights {pair}: expected NAME=PATH of a --system.")
        given[name] = Path(path)
    if unknown := sorted(set(blind) - {n.partition("=")[0] for n in names if "=" in n}):
        raise typer.BadParameter(f"--no-prompts {unknown[0]}: expected the NAME of a NAME=COMMAND.")
    if "soundsift" in used:
        find_model(settings["model"])
    opened = []
    for text in names:
        name, equals, command = text.partition("=")
        if equals:
            opened.append(open_command(name, command, prompted=name not in blind))
        else:
            opened.append(open_adapter(name, settings, given.get(name), warn))
    return opened


def _report(
    bank: Path,
    out: Path,
    model: str,
    adapter: Path | None,
    preset: Any,
    suite: Suite,
    scenes: int | None,
    baselines: bool,
    overwrite: bool,
) -> dict[str, Any]:
    """The full report of one model on our scenes."""
    from soundsift.checkpoints.store import find_model
    from soundsift.evaluation.bench import run_benchmark

    find_model(model)
    with progress_bar("benchmark") as report:
        return run_benchmark(
            bank,
            out,
            model=model,
            adapter=adapter,
            preset=preset,
            suite=suite.value,
            scenes=scenes,
            with_baselines=baselines,
            progress=lambda what, fraction: report(fraction, what),
            overwrite=overwrite,
        )
