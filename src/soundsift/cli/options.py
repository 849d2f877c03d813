"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from soundsift.presets import PresetName

Model = Annotated[
    str,
    typer.Option(
        metavar="NAME_OR_FOLDER",
        help="'default', a model's folder, or a released one: facebook/sam-audio-small.",
    ),
]
Preset = Annotated[
    PresetName,
    typer.Option(help="How much work to spend; `soundsift info` says what each one does."),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one line of JSON on stdout and nothing else there.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist already.")]
BankFolder = Annotated[
    Path, typer.Option("--bank", metavar="DIR", help="Folder of the sound bank.")
]
