"""`soundsift results`: compare systems, and keep a ledger of results."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from soundsift.cli.console import say
from soundsift.cli.options import Json, Overwrite

HELP = "Compare systems that `soundsift bench` measured, and keep a ledger of results."
COMPARE_EXAMPLES = """Examples:

\b
soundsift results compare benchmark/soundsift benchmark/spleeter
soundsift results compare benchmark/soundsift benchmark/hpss --score si_sdr_i --json
"""
TABLE_EXAMPLES = """Examples:

\b
soundsift results table benchmark
"""
ADD_EXAMPLES = """Examples:

\b
soundsift results add benchmark/spleeter
soundsift results add benchmark --ledger docs --overwrite
"""

_Folder = Annotated[Path, typer.Argument(metavar="RESULTS", help="Folder of results.")]


def compare(
    first: Annotated[Path, typer.Argument(metavar="FIRST", help="Results of one system.")],
    second: Annotated[Path, typer.Argument(metavar="SECOND", help="Results of another.")],
    score: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A score; may be repeated.", show_default="all"),
    ] = None,
    json_line: Json = False,
) -> None:
    """Compare two systems item by item, on the items that both have finished.

    Means, their difference with a 95 % bootstrap interval, a two-sided p value by exchanging the
    systems at random within items, and the share of items on which the first is higher.
    """
    from soundsift.evaluation.paired import compare as compare_results
    from soundsift.evaluation.results import read_results

    one, two = read_results(first), read_results(second)
    found = compare_results(one, two, score)
    if json_line:
        say(json.dumps({"first": one.name, "second": two.name, "scores": [*map(asdict, found)]}))
        return
    say(f"{one.name} against {two.name}, {one.run['suite']}")
    for each in found:
        say(
            f"{each.score}: {each.first:.2f} against {each.second:.2f}, difference "
            f"{each.mean:+.2f} [{each.low:+.2f}, {each.high:+.2f}], p = {each.p_value:.4f}, "
            f"higher on {100 * each.wins:.0f} % of {each.items} items"
        )


def table(folder: _Folder, json_line: Json = False) -> None:
    """Print the table of all systems in a folder."""
    from soundsift.evaluation.results import find_results
    from soundsift.evaluation.table import as_data, markdown

    found = find_results(folder)
    say(json.dumps(as_data(found)) if json_line else markdown(found).rstrip())


def add(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RESULTS...", help="Folders of results.")
    ],
    ledger: Annotated[
        Path, typer.Option("--ledger", metavar="DIR", help="Folder of the documentation.")
    ] = Path("docs"),
    overwrite: Overwrite = False,
) -> None:
    """Add results to the ledger: per-item files, and the page that lists all results."""
    from soundsift.evaluation.ledger import add_results, write_page
    from soundsift.evaluation.results import find_results

    for folder in folders:
        for found in find_results(folder):
            say(f"added {add_results(found, ledger, overwrite)}")
    say(f"wrote {write_page(ledger)}")
