"""Write an editor's script, with the place of this installation in it."""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path
from typing import Literal

from soundsift.audio.atomic import atomic_file

EditorName = Literal["audacity", "reaper"]
_LINE = 'COMMAND = ["soundsift"]'


def write_script(editor: EditorName, folder: Path, *, overwrite: bool = False) -> Path:
    """Write the script of an editor.

    Args:
        editor: which.
        folder: where to; made if missing.
        overwrite: whether an existing script may be replaced.

    Returns:
        The script.

    Raises:
        SoundsiftError: it exists and `overwrite` is off, or can't be written.
    """
    name = f"soundsift_{editor}.py"
    text = (resources.files("soundsift.editors.scripts") / name).read_text(encoding="utf-8")
    assert text.count(_LINE) == 1
    started = repr([sys.executable, "-m", "soundsift.cli"])
    with atomic_file(folder / name, overwrite=overwrite) as file:
        file.write(text.replace(_LINE, f"COMMAND = {started}").encode())
    return folder / name
