"""What a separation returns, and how it is written."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from soundsift.audio import complement, ensure_writable, quantise, write
from soundsift.audio.encoding import coder, encode
from soundsift.audio.formats import Output, coarser
from soundsift.audio.together import written_together
from soundsift.audio.video import with_sound

#: Stems that differ from their mixture by less than this were made to add up to it.
_ROUNDING = 2.0**-20
_WAV = Output()
#: In a name, stands for what a file holds.
KIND = "{kind}"


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
        layout: FFmpeg's name of the channels' arrangement, "5.1(side)"; None where unknown.
        tags: title, artist and so on of the recording.
    """

    mixture: np.ndarray
    target: np.ndarray
    residual: np.ndarray
    sample_rate: int
    sample_format: str = "f32"
    settings: dict[str, Any] = field(default_factory=dict)
    layout: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

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
        output: Output = _WAV,
        source: Path | None = None,
        draw: Callable[[Path], None] | None = None,
        record: Mapping[str, Any] | None = None,
    ) -> dict[str, Path]:
        """Write `NAME.STEM.wav` for each stem, and the settings.

        Those go to `NAME.json` beside a target, else to `NAME.STEM.json`, so that removing a sound
        and lifting it out can share a folder. All files appear together or not at all, even if the
        process is killed.

        Args:
            folder: made if missing.
            name: first part of every file's name; `{kind}` in it becomes the stem.
            overwrite: whether files that exist may be replaced.
            stems: any of `target`, `residual` and `without`, another name for the residual.
            output: the format.
            source: the video whose picture goes into the results, for the format "video".
            draw: writes a picture into the file that it is called with.
            record: what else goes into the settings.

        Returns:
            The files, by stem, and `settings`, and `picture` if there is one.

        Raises:
            SoundsiftError: if a file exists or cannot be written, or the format can't hold the
                recording; then none is.
        """
        folder = Path(folder)
        suffix = output.suffix(source.suffix if source else "")
        paths = output_paths(folder, name, stems, suffix, picture=draw is not None)
        for path in paths.values():
            ensure_writable(path, overwrite=overwrite)
        sample_format = output.sample_format(self.sample_format)
        target, residual = self._in_format(sample_format)
        waves = {"target": target, "residual": residual, "without": residual}
        with written_together(folder, overwrite=overwrite) as files:
            clipped = 0
            for stem in stems:
                part = files.place(paths[stem].name)
                clipped += self._write(part, waves[stem], sample_format, output, source)
            if draw is not None:
                draw(files.place(paths["picture"].name))
            facts = self.settings | {
                "sample_rate": self.sample_rate,
                "target_level_db": round(self.target_level_db, 2),
                "files": {k: path.name for k, path in paths.items() if k != "settings"},
                "clipped_samples": clipped,
            }
            sizes = {k: (files.hidden / n).stat().st_size for k, n in facts["files"].items()}
            facts |= {"bytes": sizes, **(record or {})}
            text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
            # The last to appear: what it names is there.
            files.place(paths["settings"].name).write_text(text, encoding="utf-8")
        return paths

    def _in_format(self, sample_format: str) -> tuple[np.ndarray, np.ndarray]:
        """Both stems in a format that may hold less than that of the recording."""
        if not coarser(sample_format, self.sample_format):
            return self.target, self.residual
        gap = np.abs(self.target + self.residual - self.mixture).max(initial=0.0)
        if gap <= _ROUNDING:
            return complement(self.mixture, self.target, sample_format)
        # A model that makes both stems on their own.
        return quantise(self.target, sample_format), quantise(self.residual, sample_format)

    def _write(
        self,
        path: Path,
        wave: np.ndarray,
        sample_format: str,
        output: Output,
        source: Path | None,
    ) -> int:
        rate, layout, tags = self.sample_rate, self.layout, self.tags
        if output.format == "video":
            if source is None:
                raise ValueError("a video needs its source")
            with_sound(path, source, wave, rate, output, layout=layout, tags=tags)
            return 0
        if coder(output, path.suffix) is None:
            return write(path, wave, rate, sample_format, layout=layout, tags=tags)
        return encode(path, wave, rate, sample_format, output, layout=layout, tags=tags)


def output_paths(
    folder: Path,
    name: str,
    stems: Sequence[str],
    suffix: str = ".wav",
    *,
    picture: bool = False,
) -> dict[str, Path]:
    """Where `Separation.save` writes, so that it can be checked before the work is done.

    Args:
        folder: of all files.
        name: first part of their names; `{kind}` in it becomes the stem.
        stems: which are written.
        suffix: of the stems.
        picture: whether there is one.
    """
    if KIND in name:
        paths = {stem: folder / (name.replace(KIND, stem) + suffix) for stem in stems}
        kind = "settings" if "target" in stems else stems[0]
        drawn = folder / (name.replace(KIND, "picture") + ".png")
        settings = folder / (name.replace(KIND, kind) + ".json")
    else:
        paths = {stem: folder / f"{name}.{stem}{suffix}" for stem in stems}
        drawn = folder / f"{name}.png"
        settings = folder / (f"{name}.json" if "target" in stems else f"{name}.{stems[0]}.json")
    return paths | ({"picture": drawn} if picture else {}) | {"settings": settings}
