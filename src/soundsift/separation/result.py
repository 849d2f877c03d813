"""The result of a separation, and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from soundsift.audio.blocks import cut
from soundsift.audio.extras import Extras
from soundsift.audio.formats import FormatName, Output
from soundsift.audio.writing import SoundFacts
from soundsift.separation.occurrences import Finding, Found
from soundsift.separation.stem_files import Destination, Levels, stem_files

#: Stems whose sum differs from the mixture by less than this add up to it.
_ROUNDING = 2.0**-20
_WAV = Output()


@dataclass(frozen=True)
class Separation(Found):
    """Target and residual; they add up to the mixture unless a generative model made both.

    Attributes:
        mixture: the input, float32 `(channels, samples)`.
        target: the sound asked for, same shape.
        residual: everything else, same shape.
        sample_rate: in Hz.
        sample_format: of the files that `save` writes: s16, s24 or f32.
        settings: everything needed to make the result again with the same model and machine.
        layout: FFmpeg's name of the channels' arrangement, "5.1(side)"; None where unknown.
        tags: title, artist and so on of the file that was separated, for those that are written.
        extras: its cover and chapters, and a broadcast wave's time stamp, for the same.
        finding: what was heard of the sound of a text prompt.
    """

    mixture: np.ndarray
    target: np.ndarray
    residual: np.ndarray
    sample_rate: int
    sample_format: str = "f32"
    settings: dict[str, Any] = field(default_factory=dict)
    layout: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    extras: Extras = field(default_factory=Extras)
    finding: Finding | None = None

    @property
    def seed(self) -> int:
        """Seed of the initial noise."""
        return int(self.settings["seed"])

    @property
    def target_level_db(self) -> float:
        """Energy of the target relative to the mixture, in dB; very low if it was not found."""
        levels = Levels(self.settings, self.sample_rate)
        levels.add(self.mixture, self.target)
        return levels.target_level_db

    @property
    def candidates(self) -> list[dict[str, Any]]:
        """Seed and scores of each candidate, in the order in which they were drawn."""
        return list(self.settings.get("candidates", ()))

    def save(
        self,
        folder: str | Path,
        name: str,
        *,
        overwrite: bool = False,
        stems: Sequence[str] = ("target", "residual"),
        output: Output | FormatName = _WAV,
        source: Path | None = None,
        picture: bool = False,
        record: Mapping[str, Any] | None = None,
        bare: bool = False,
    ) -> dict[str, Path]:
        """Write `NAME.STEM.wav` for each stem, and the settings.

        The settings go to `NAME.json` beside a target, else to `NAME.STEM.json`, so that `separate`
        and `remove` can share a folder. All files appear together or not at all, even if the
        process is killed.

        Args:
            folder: made if missing.
            name: first part of every file's name, without slashes; `{kind}` in it becomes the stem.
            overwrite: whether files that exist may be replaced.
            stems: any of `target`, `residual` and `without`, another name for the residual.
            output: the format, `Output("flac", bits="16")`, or its name alone.
            source: the video whose picture goes into the results, for the format "video".
            picture: whether to draw spectrograms.
            record: more entries for the settings.
            bare: whether the only stem is written as `NAME.wav`, its settings as `NAME.json`.

        Returns:
            The files, by stem, and `settings`, and `picture` if there is one.

        Raises:
            SoundsiftError: a file exists or cannot be written, or the format cannot hold the
                recording; then no file is written.
        """
        destination = Destination(
            folder=Path(folder),
            name=name,
            stems=stems,
            output=Output(output) if isinstance(output, str) else output,
            source=source,
            picture=picture,
            overwrite=overwrite,
            record=record or {},
            bare=bare,
        )
        facts = SoundFacts(
            self.mixture.shape[0],
            self.sample_rate,
            self.mixture.shape[1],
            self.layout,
            self.tags,
            self.extras,
        )
        blocks = [cut(w, self.sample_rate) for w in (self.mixture, self.target, self.residual)]
        wanted = [(destination, self.settings)]
        with stem_files(
            wanted, facts, self.sample_format, mixture_consistent=self._mixture_consistent()
        ) as (files,):
            files.finding = self.finding
            for mixture, target, residual in zip(*blocks, strict=True):
                files.write(mixture, target, residual)
        return destination.paths

    def _repr_html_(self) -> str:
        """Players and spectrograms, for notebooks."""
        # Imported here: it loads Matplotlib.
        from soundsift.separation.notebook import as_html

        return as_html(self)

    def _mixture_consistent(self) -> bool:
        blocks = [cut(w, self.sample_rate) for w in (self.mixture, self.target, self.residual)]
        gaps = (np.abs(t + r - m).max(initial=0.0) for m, t, r in zip(*blocks, strict=True))
        return bool(max(gaps, default=0.0) <= _ROUNDING)
