"""`soundsift editors`: scripts for Audacity and REAPER."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from soundsift.cli.console import say
from soundsift.cli.options import Overwrite

EXAMPLES = """Examples:

\b
soundsift editors audacity --output scripts
soundsift editors reaper --output ~/.config/REAPER/Scripts
"""


def editors(
    editor: Annotated[
        Literal["audacity", "reaper"],
        typer.Argument(metavar="EDITOR", help="audacity or reaper.", show_default=False),
    ],
    output: Annotated[
        Path, typer.Option("--output", "--out", metavar="DIR", help="Folder for the script.")
    ],
    overwrite: Overwrite = False,
) -> None:
    """Write a script that separates an editor's selection onto new tracks.

    The script starts this installation of soundsift.
    """
    # Imported here because it takes time.
    from soundsift.editors.writing import write_script

    say(str(write_script(editor, output, overwrite=overwrite)))
