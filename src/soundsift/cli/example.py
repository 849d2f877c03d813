"""`soundsift example`: a recording to try the other commands on."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from soundsift.cli.console import say
from soundsift.errors import SoundsiftError

EXAMPLES = """Examples:

\b
soundsift example
soundsift separate farm.flac --text "cow mooing" --out stems
"""

NAME = "farm.flac"


def example(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for it, made if missing.")
    ] = Path(),
) -> None:
    """Write farm.flac, a recording to try the other commands on.

    10 s, stereo: a woman calling, a cow, and music. From the game 0 A.D., CC BY-SA 3.0.
    """
    path = out / NAME
    sound = (resources.files("soundsift") / "assets" / NAME).read_bytes()
    try:
        if path.is_file() and path.read_bytes() == sound:
            say(f"{path} is here already.")
            return
        out.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(sound)
    except FileExistsError:
        raise SoundsiftError(
            f"{path} exists already and is another file. Choose another --out."
        ) from None
    except OSError as error:
        raise SoundsiftError(
            f"{path} can't be written ({error.strerror or error}). Choose a writable --out."
        ) from error
    say(f"{path}: 10 s of a woman calling, a cow, and music. Try:")
    say(f'  soundsift separate {path} --text "cow mooing" --out stems')
