"""`soundsift systems`: separators that `soundsift bench --system` runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from soundsift.cli.console import say, warn
from soundsift.cli.options import Json

HELP = "List other separators, and make their environments."
LIST_EXAMPLES = """Examples:

\b
soundsift systems list
soundsift systems list --json
"""
INSTALL_EXAMPLES = """Examples:

\b
soundsift systems install spleeter
soundsift systems install demucs open-unmix
"""


def list_systems(json_line: Json = False) -> None:
    """List the systems, what they take, and where their weights are from."""
    from soundsift.evaluation.systems import ADAPTERS, describe

    found = [describe(name) for name in ADAPTERS]
    if json_line:
        say(json.dumps([asdict(one) for one in found]))
        return
    for one in found:
        takes = "prompts" if one.prompted else "no prompts"
        say(f"{one.name}: {one.title}; {takes}; environment: {one.environment}")
        say(f"    weights: {one.weights}")


def install(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Systems of `soundsift systems list`.")
    ],
) -> None:
    """Make the environments of systems, apart from this one, with pinned packages."""
    from soundsift.evaluation.systems import install_adapter

    for name in names:
        say(f"{name}: {install_adapter(name, warn)}")
