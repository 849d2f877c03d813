"""Songs whose stems are known: free MIDI files played by a soundfont that nothing was trained on.

Drums, bass, guitars and all other instruments of a file are a stem each. Somebody sings along: sung
clips of sources that nothing was trained on, not in the song's key.

Shapes: N samples at 48 kHz.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soundsift.config import SAMPLE_RATE
from soundsift.data import midi
from soundsift.data.bank import Bank, Samples
from soundsift.data.render import FONTS
from soundsift.errors import SoundsiftError
from soundsift.evaluation.laying import endless, levelled

SECONDS = 30.0
#: Stems that are asked for, with the phrases.
PHRASES = {"drums": "drums", "bass": "bass guitar", "guitar": "guitar", "vocals": "singing"}
_OTHER = "other"

_SEED = 20261219
_PACKAGE = "timgm6mb-soundfont"
_LEVEL_DB, _OFFSET_DB = -24.0, 4.0
#: Programs of General MIDI.
_PROGRAMS = {**dict.fromkeys(range(24, 32), "guitar"), **dict.fromkeys(range(32, 40), "bass")}
#: A stem has at least so many notes in the excerpt.
_FEWEST_NOTES = 12


@dataclass(frozen=True)
class Song:
    """An excerpt of a song.

    Attributes:
        title: of the file.
        stems: `(N,)` by name: those of `PHRASES`, and `other` if there is more.
    """

    title: str
    stems: dict[str, Samples]

    @property
    def mixture(self) -> Samples:
        """All stems together `(1, N)`."""
        mixed: Samples = np.sum(list(self.stems.values()), axis=0)
        return mixed[None]


class Songs:
    """Plays songs; number i is always the same.

    Args:
        folder: the sound bank, with its unpacked packages.

    Raises:
        SoundsiftError: soundfont, MIDI files or sung clips are not there.
    """

    def __init__(self, folder: Path) -> None:
        font = next(font for font in FONTS if font.package == _PACKAGE)
        self._font = folder / "packages" / font.package / font.file
        self._files = sorted((folder / "packages").glob("*/usr/share/games/openttd/**/*.mid"))
        self._bank = Bank(folder, ("stranger-test",))
        self._singing = [
            clip for clip in self._bank.clips if clip.kind == "singing" and clip.seconds >= 3.0
        ]
        if not self._font.exists() or not self._files or not self._singing:
            raise SoundsiftError(
                f"{folder}: songs need its packages {_PACKAGE} and openttd-openmsx and sung clips. "
                "Build the whole bank with `soundsift data fetch` and `soundsift data build`."
            )
        parts = {number: _parts(file) for number, file in enumerate(self._files)}
        self._parts = {number: found for number, found in parts.items() if found is not None}

    @property
    def numbers(self) -> tuple[int, ...]:
        """Those of the files in which drums, bass and guitar play together."""
        return tuple(self._parts)

    def song(self, number: int) -> Song:
        """Song `number`, one of `numbers`."""
        rng = np.random.default_rng((_SEED, number))
        samples = round(SECONDS * SAMPLE_RATE)
        stems: dict[str, Samples] = {}
        for name, channels in sorted(self._parts[number].items()):
            played = np.zeros(samples, np.float32)
            for program, notes in channels:
                played += midi.render(self._font, program, notes, SECONDS)
            if played.any():
                stems[name] = played
        clip = self._singing[int(rng.integers(len(self._singing)))]
        stems["vocals"] = endless(self._bank, clip, samples, rng)
        return Song(
            self._files[number].stem,
            {
                name: levelled(wave, _LEVEL_DB + rng.uniform(-_OFFSET_DB, _OFFSET_DB))
                for name, wave in stems.items()
            },
        )


_Channels = list[tuple[int | None, list[midi.Note]]]


def _parts(file: Path) -> dict[str, _Channels] | None:
    """Channels by stem, from the first place where drums, bass and guitar all play."""
    channels = midi.split_midi(file)
    end = max((notes[-1].start for _, notes in channels if notes), default=0.0)
    for start in np.arange(0.0, max(end - SECONDS, 1.0), SECONDS / 2):
        parts: dict[str, _Channels] = defaultdict(list)
        for program, notes in channels:
            heard = midi.excerpt(notes, float(start), SECONDS)
            name = "drums" if program is None else _PROGRAMS.get(program, _OTHER)
            if heard:
                parts[name].append((program, heard))
        if all(
            sum(len(notes) for _, notes in parts[name]) >= _FEWEST_NOTES
            for name in PHRASES
            if name != "vocals"
        ):
            return dict(parts)
    return None
