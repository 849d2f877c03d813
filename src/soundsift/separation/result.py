"""What a separation returns, and how it is written."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from soundsift.audio import ensure_writable, write


@dataclass(frozen=True)
class Separation:
    """Target and residual, which add up to the mixture.

    Attributes:
        mixture: what was given, float32 `(channels, samples)`.
        target: the sound asked for, same shape.
        residual: everything else, same shape.
        sample_rate: in Hz.
        sample_format: of the files that `save` writes: s16, s24 or f32.
        settings: everything needed to make the result again.
    """

    mixture: np.ndarray
    target: np.ndarray
    residual: np.ndarray
    sample_rate: int
    sample_format: str = "f32"
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def seed(self) -> int:
        """Seed of the starting noise."""
        return int(self.settings["seed"])

    @property
    def target_level_db(self) -> float:
        """Energy of the target against the mixture, in dB; very low if the sound was not found."""
        energies = [
            float(np.square(w, dtype=np.float64).sum()) for w in (self.target, self.mixture)
        ]
        return 10 * math.log10(max(energies[0], 1e-20) / max(energies[1], 1e-20))

    def save(
        self,
        folder: str | Path,
        name: str,
        *,
        overwrite: bool = False,
        stems: Sequence[str] = ("target", "residual"),
    ) -> dict[str, Path]:
        """Write `NAME.STEM.wav` for each stem, and the settings.

        Those go to `NAME.json` beside a target, else to `NAME.STEM.json`, so that removing a sound
        and lifting it out can share a folder.

        Args:
            folder: made if missing.
            name: first part of every file's name.
            overwrite: whether files that exist may be replaced.
            stems: any of `target`, `residual` and `without`, another name for the residual.

        Returns:
            The files, by stem, and `settings`.

        Raises:
            SoundsiftError: if a file exists or cannot be written; then none is.
        """
        folder = Path(folder)
        paths = output_paths(folder, name, stems)
        for path in paths.values():
            ensure_writable(path, overwrite=overwrite)
        waves = {"target": self.target, "residual": self.residual, "without": self.residual}
        record = self.settings | {
            "sample_rate": self.sample_rate,
            "target_level_db": round(self.target_level_db, 2),
            "files": {stem: paths[stem].name for stem in stems},
        }
        folder.mkdir(parents=True, exist_ok=True)
        # All are written before any gets its name: a full disk leaves nothing behind.
        with TemporaryDirectory(prefix=".soundsift-", dir=folder) as hidden:
            for stem in stems:
                part = Path(hidden) / paths[stem].name
                write(part, waves[stem], self.sample_rate, self.sample_format)
            text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
            (Path(hidden) / paths["settings"].name).write_text(text, encoding="utf-8")
            for path in paths.values():
                (Path(hidden) / path.name).replace(path)
        return paths


def output_paths(folder: Path, name: str, stems: Sequence[str]) -> dict[str, Path]:
    """Where `Separation.save` writes, so that it can be checked before the work is done."""
    paths = {stem: folder / f"{name}.{stem}.wav" for stem in stems}
    settings = f"{name}.json" if "target" in stems else f"{name}.{stems[0]}.json"
    return paths | {"settings": folder / settings}
