"""The result of a separation that was written to files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundsift.audio import RecordingFile
from soundsift.separation.occurrences import Finding, Found


@dataclass(frozen=True)
class SavedSeparation(Found):
    """The files that `separate_file` or `separate_into` wrote.

    Attributes:
        paths: the files, by stem, and `settings`, and `picture` if there is one.
        settings: everything needed to make the result again with the same model and machine.
        target_level_db: energy of the target relative to the mixture, in dB; very low if the sound
            was not found.
        recording: the recording they were made from.
        finding: when the sound of a text prompt was heard, and how surely; None for other prompts,
            and models that cannot hear.
    """

    paths: dict[str, Path]
    settings: dict[str, Any]
    target_level_db: float
    recording: RecordingFile
    finding: Finding | None = None
