"""`soundsift listening-test`: make, serve and analyse a listening test."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from soundsift.cli.console import say, warn
from soundsift.cli.options import HostNames, Json, Overwrite, Proxies
from soundsift.cli.outputs import check_folder
from soundsift.cli.progress import progress_bar
from soundsift.cli.requirements import need
from soundsift.errors import SoundsiftError

HELP = "Compare systems by ear: make a test, serve it to listeners, analyse their answers."
MAKE_EXAMPLES = """Examples:

\b
soundsift listening-test make ours.jsonl theirs.jsonl --out test
soundsift listening-test make draft=runs/1 best=runs/2 --items 40 --out test
"""
SERVE_EXAMPLES = """Examples:

\b
soundsift listening-test serve test
soundsift listening-test serve test --host 0.0.0.0 --name listen.example.org
"""
ANALYSE_EXAMPLES = """Examples:

\b
soundsift listening-test analyse test
soundsift listening-test analyse test --headphones-only --out report --json
"""

TestArgument = Annotated[
    Path, typer.Argument(metavar="TEST", help="Folder that `make` wrote.", show_default=False)
]


class HeadphoneCheck(StrEnum):
    """What becomes of the headphone check."""

    OFF = "off"
    NOTE = "note"
    REQUIRE = "require"


def make(
    results: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]RESULTS...",
            help="Per-item results of each system: a JSONL file, or a folder with results.jsonl. "
            "NAME replaces the system's name in the file.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="TEST", help="New folder of the test.")] = Path(
        "listening-test"
    ),
    items: Annotated[
        int | None, typer.Option(min=1, help="Items to draw at random.", show_default="all")
    ] = None,
    comparisons: Annotated[
        int, typer.Option(min=1, max=500, help="Comparisons of each listener.")
    ] = 20,
    gold: Annotated[
        Path | None,
        typer.Option(
            metavar="JSONL",
            help="Items with a known answer: id, mixture, prompt, better, worse.",
            show_default="outputs against the same outputs damaged",
        ),
    ] = None,
    gold_items: Annotated[
        int, typer.Option(min=0, max=50, help="Gold items of each listener.")
    ] = 5,
    repeats: Annotated[
        int, typer.Option(min=0, max=100, help="Comparisons that each listener gets twice.")
    ] = 3,
    training: Annotated[
        int, typer.Option(min=0, max=20, help="Training items before the test.")
    ] = 2,
    headphones: Annotated[
        HeadphoneCheck,
        typer.Option(help="Headphone check: leave it out, note its result, or require it."),
    ] = HeadphoneCheck.NOTE,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Listening test",
    consent: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Text that listeners agree to.", show_default="a short one"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the items and plans.")] = 0,
) -> None:
    """Make a listening test from the results of two or more systems.

    The sounds are copied, brought to one loudness and named at random, so the folder holds all that
    the server needs.
    """
    need("listening", "pyloudnorm", "scipy")
    check_folder(out)

    from soundsift.evaluation.listening_test.design import CONSENT, TestSettings
    from soundsift.evaluation.listening_test.making import make_test

    settings = TestSettings(
        title=title,
        consent=CONSENT if consent is None else _text(consent),
        comparisons=comparisons,
        training=training,
        gold=gold_items,
        repeats=repeats,
        headphones=headphones.value,
        seed=seed,
    )
    sources = [_source(given) for given in results]
    with progress_bar("sounds") as report:
        left_out = make_test(sources, out, settings, gold, items, report)
    if left_out:
        warn(
            f"{len(left_out)} item{'s' if len(left_out) > 1 else ''} left out, with outputs of "
            f"fewer than two systems: {', '.join(left_out[:5])}{'...' if left_out[5:] else ''}"
        )
    say(f"The test is in {out}. Serve it with `soundsift listening-test serve {out}`.")


def serve(
    test: TestArgument,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = 8500,
    name: HostNames = None,
    proxy: Proxies = None,
    public: Annotated[
        bool, typer.Option("--public", help="Let everyone who reaches the server take part.")
    ] = False,
) -> None:
    """Serve a listening test to listeners.

    Prints the link to send to them. It stays the same after a restart, and sessions go on where
    they were.
    """
    need("listening", "fastapi", "uvicorn")

    from soundsift.evaluation.listening_test.folder import TestFolder
    from soundsift.evaluation.listening_test.server import make_app
    from soundsift.studio.http_server import address, listen
    from soundsift.studio.http_server import serve as answer
    from soundsift.studio.settings import Settings, check_proxies

    check_proxies(proxy or [])
    folder = TestFolder(test)
    token = None if public else folder.description.token
    settings = Settings(
        data=test,
        host=host,
        names=tuple(each.lower() for each in name or []),
        token=token,
        proxies=tuple(proxy or []),
    )
    app = make_app(folder, settings)
    listener = listen(host, port)
    place = address(listener, host)
    link = f"{place}/" if token is None else f"{place}/open/{token}"
    answer(app, settings, listener, lambda: typer.echo(f"Link for listeners: {link}"))


def analyse(
    test: TestArgument,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the report.", show_default="TEST/analysis"),
    ] = None,
    gold_share: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Share of gold items that a listener must get right."),
    ] = 0.75,
    headphones_only: Annotated[
        bool, typer.Option("--headphones-only", help="Leave out who failed the headphone check.")
    ] = False,
    json_line: Json = False,
    overwrite: Overwrite = False,
) -> None:
    """Analyse the answers to a listening test.

    Writes report.md and report.json (mean opinion, net win rate, Bradley-Terry scale, agreement,
    excluded listeners, correlation of scores with ratings), and the answers as CSV: plain, and with
    the column names of webMUSHRA and of the P.808 toolkit. May be run while listeners are at work.
    """
    need("listening", "scipy")
    folder = test / "analysis" if out is None else out
    check_folder(folder)

    from soundsift.evaluation.listening_test.analysis import analyse as run
    from soundsift.evaluation.listening_test.folder import TestFolder
    from soundsift.evaluation.listening_test.report import write_report

    opened = TestFolder(test)
    if not opened.answers.exists():
        raise SoundsiftError(
            f"{test} has no answers yet. Serve it with `soundsift listening-test serve {test}`."
        )
    analysis = run(opened, gold_share, headphones_only)
    write_report(analysis, folder, overwrite=overwrite)
    if json_line:
        say(json.dumps({"folder": str(folder), "result": analysis.report}))
    else:
        say(f"The report is in {folder}.")


def _source(given: str) -> tuple[str | None, Path]:
    name, equals, path = given.partition("=")
    # A path may hold an equals sign, too.
    if equals and name and "/" not in name and not Path(given).exists():
        return name, Path(path)
    return None, Path(given)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SoundsiftError(
            f"{path} can't be read ({getattr(error, 'strerror', None) or 'it is not UTF-8 text'}). "
            "Give a text file with the consent."
        ) from error
