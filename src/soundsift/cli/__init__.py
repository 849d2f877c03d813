"""Command-line interface: `soundsift separate`, `remove`, `stream`, `studio`, `serve` and others.

Only typer is imported here. Every command imports what it needs when it runs, so that
`soundsift --help` and a mistyped option don't wait for PyTorch.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from soundsift.cli import (
    bench,
    data,
    edit,
    editors,
    engine,
    example,
    export,
    info,
    judge,
    languages,
    listen,
    listening_test,
    mapping,
    mask,
    mcp,
    models,
    results,
    separate,
    stream,
    studio,
    systems,
    train,
    tune,
)
from soundsift.cli.console import prepare_streams, say
from soundsift.cli.groups import Command, Group, SpanCommand, TopGroup

app = typer.Typer(
    cls=TopGroup,
    help="Separate any sound from any recording: describe it, or mark when it is heard.",
    epilog=(
        "Start with: soundsift separate street.wav --text 'dog barking' --out stems\n\n"
        "Exit codes: 0 done; 2 the request can't be carried out, with the reason on stderr; 3 some "
        "recordings failed, the others are done; 130 interrupted; 141 the reader of the output "
        "closed its pipe."
    ),
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_data = typer.Typer(cls=Group, help=data.HELP, rich_markup_mode=None)
_models = typer.Typer(cls=Group, help=models.HELP, rich_markup_mode=None)
_export = typer.Typer(cls=Group, help=export.HELP, rich_markup_mode=None)
_edit = typer.Typer(cls=Group, help=edit.HELP, rich_markup_mode=None)
_systems = typer.Typer(cls=Group, help=systems.HELP, rich_markup_mode=None)
_results = typer.Typer(cls=Group, help=results.HELP, rich_markup_mode=None)
_listening = typer.Typer(cls=Group, help=listening_test.HELP, rich_markup_mode=None)


def _print_version(wanted: bool) -> None:
    if wanted:
        from soundsift.version import __version__

        say(f"soundsift {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass


app.command(
    "separate", cls=SpanCommand, help=separate.SEPARATE_HELP, epilog=separate.SEPARATE_EXAMPLES
)(separate.separate)
app.command("remove", cls=SpanCommand, help=separate.REMOVE_HELP, epilog=separate.REMOVE_EXAMPLES)(
    separate.separate
)
app.command("stream", cls=SpanCommand, epilog=stream.EXAMPLES)(stream.stream)
app.command("map", cls=Command, epilog=mapping.EXAMPLES)(mapping.map_)
app.command("listen", cls=Command, epilog=listen.EXAMPLES)(listen.listen)
app.command("mask", cls=Command, epilog=mask.EXAMPLES)(mask.mask)
app.command("editors", cls=Command, epilog=editors.EXAMPLES)(editors.editors)
app.command("languages", cls=Command, epilog=languages.EXAMPLES)(languages.languages)
app.command("studio", cls=Command, epilog=studio.STUDIO_EXAMPLES)(studio.studio)
app.command("serve", cls=Command, epilog=studio.SERVE_EXAMPLES)(studio.serve)
app.command("example", cls=Command, epilog=example.EXAMPLES)(example.example)
app.command("mcp", cls=Command, epilog=mcp.EXAMPLES)(mcp.mcp)
app.command("judge", cls=SpanCommand, epilog=judge.EXAMPLES)(judge.judge)
app.command("info", cls=Command, epilog=info.EXAMPLES)(info.info)
app.add_typer(_edit, name="edit")
_edit.command("start", cls=Command, epilog=edit.START_EXAMPLES)(edit.start)
_edit.command("isolate", cls=Command, epilog=edit.ISOLATE_EXAMPLES)(edit.isolate)
_edit.command("keep", cls=Command, epilog=edit.KEEP_EXAMPLES)(edit.keep)
_edit.command("remove", cls=Command, epilog=edit.REMOVE_EXAMPLES)(edit.remove)
_edit.command("louder", cls=Command, epilog=edit.LOUDER_EXAMPLES)(edit.louder)
_edit.command("undo", cls=Command, epilog=edit.UNDO_EXAMPLES)(edit.undo)
_edit.command("show", cls=Command, epilog=edit.SHOW_EXAMPLES)(edit.show)
_edit.command("render", cls=Command, epilog=edit.RENDER_EXAMPLES)(edit.render)
app.add_typer(_export, name="export")
_export.command("onnx", cls=Command, epilog=export.ONNX_EXAMPLES)(export.onnx)
_export.command("page", cls=Command, epilog=export.PAGE_EXAMPLES)(export.page)
app.add_typer(_models, name="models")
_models.command("list", cls=Command, epilog=models.LIST_EXAMPLES)(models.list_models)
_models.command("info", cls=Command, epilog=models.INFO_EXAMPLES)(models.info)
_models.command("convert", cls=Command, epilog=models.CONVERT_EXAMPLES)(models.convert)
_models.command("verify", cls=Command, epilog=models.VERIFY_EXAMPLES)(models.verify)
_models.command("push", cls=Command, epilog=models.PUSH_EXAMPLES)(models.push)
_models.command("fetch", cls=Command, epilog=models.FETCH_EXAMPLES)(models.fetch)
_models.command("card", cls=Command, epilog=models.CARD_EXAMPLES)(models.card)
app.add_typer(_data, name="data")
_data.command("fetch", cls=Command, epilog=data.FETCH_EXAMPLES)(data.fetch)
_data.command("build", cls=Command, epilog=data.BUILD_EXAMPLES)(data.build)
_data.command("pack", cls=Command, epilog=data.PACK_EXAMPLES)(data.pack)
_data.command("preview", cls=Command, epilog=data.PREVIEW_EXAMPLES)(data.preview)
_data.command("pseudo-label", cls=Command, epilog=engine.PSEUDO_LABEL_EXAMPLES)(engine.pseudo_label)
_data.command("triplets", cls=Command, epilog=engine.TRIPLETS_EXAMPLES)(engine.triplets)
app.command("train", cls=Command, epilog=train.EXAMPLES)(train.train)
app.command("tune", cls=Command, epilog=tune.EXAMPLES)(tune.tune)
app.command("bench", cls=Command, epilog=bench.EXAMPLES)(bench.bench)
app.add_typer(_systems, name="systems")
_systems.command("list", cls=Command, epilog=systems.LIST_EXAMPLES)(systems.list_systems)
_systems.command("install", cls=Command, epilog=systems.INSTALL_EXAMPLES)(systems.install)
app.add_typer(_results, name="results")
_results.command("table", cls=Command, epilog=results.TABLE_EXAMPLES)(results.table)
_results.command("compare", cls=Command, epilog=results.COMPARE_EXAMPLES)(results.compare)
_results.command("add", cls=Command, epilog=results.ADD_EXAMPLES)(results.add)
app.add_typer(_listening, name="listening-test")
_listening.command("make", cls=Command, epilog=listening_test.MAKE_EXAMPLES)(listening_test.make)
_listening.command("serve", cls=Command, epilog=listening_test.SERVE_EXAMPLES)(listening_test.serve)
_listening.command("analyse", cls=Command, epilog=listening_test.ANALYSE_EXAMPLES)(
    listening_test.analyse
)


def main() -> None:
    """Entry point of the `soundsift` command; ends the process with its exit code."""
    prepare_streams()
    _limit_spinning()
    app(prog_name="soundsift")


def _limit_spinning() -> None:
    """Let waiting OpenMP threads spin only briefly.

    The default, spinning for long, occupies cores that other processes need; not spinning costs a
    wake-up at every product, hundreds per evaluation (docs/performance.md). OpenMP reads the
    variable when PyTorch is imported, which the commands do.
    """
    # `train` starts other processes and sets its own values.
    if "OMP_WAIT_POLICY" not in os.environ and sys.argv[1:2] != ["train"]:
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")
