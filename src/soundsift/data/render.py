"""Instrument stems for the sound bank, played by free soundfonts.

The phrases are composed by rule or taken from free MIDI files.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from soundsift.config import SAMPLE_RATE
from soundsift.data import gus, midi
from soundsift.data.captions import Rules, load_rules
from soundsift.data.composing import compose
from soundsift.data.decoding import condition, index_entry, write_index

_SECONDS = 7.0
_DRUM_KIT = "drum beat"


@dataclass(frozen=True)
class Font:
    """A package with instrument patches and how much of it is played.

    Attributes:
        package: Debian package.
        file: its soundfont or Timidity configuration, below the package's root.
        stems: composed phrases per program; a drum note gets a third as many, the kit four times.
        excerpts: most phrases per program taken from MIDI files.
        only, without: programs to keep to or to leave out (None: the drums).
        second_file: another soundfont of the package, which plays every second stem.
        drum_preset: bank and number of the drums, where they are not in the usual place.
    """

    package: str
    file: str
    stems: int
    excerpts: int
    only: frozenset[int | None] | None = None
    without: frozenset[int | None] = frozenset()
    second_file: str = ""
    drum_preset: tuple[int, int] | None = None

    def plays(self, program: int | None) -> bool:
        """Whether this font is used for a program (None: the drums)."""
        if self.only is not None:
            return program in self.only
        return program not in self.without


#: The second grew out of the first, and most of its patches still share its samples: these don't,
#: by comparison of the samples themselves. The third shares its harp with both.
_OWN_TO_MUSESCORE = frozenset({0, 1, 3, 5, 42, 44, 45, 48, 49, 50, 51, 88, 89, 90, 92, 95, 97, 98})
FONTS = (
    Font("fluid-soundfont-gm", "usr/share/sounds/sf2/FluidR3_GM.sf2", 30, 10),
    Font(
        "musescore-general-soundfont",
        "usr/share/sounds/sf3/MuseScore_General_Full.sf3",
        6,
        2,
        only=_OWN_TO_MUSESCORE,
    ),
    Font("freepats", "etc/timidity/freepats.cfg", 4, 2, without=frozenset({46})),
    # No sample of it occurs in FluidR3, by comparison of the samples themselves.
    Font("timgm6mb-soundfont", "usr/share/sounds/sf2/TimGM6mb.sf2", 4, 2),
    Font(
        "avldrums.lv2-soundfont",
        "usr/share/sounds/sf2/Black_Pearl_4_LV2.sf2",
        24,
        0,
        only=frozenset({None}),
        second_file="usr/share/sounds/sf2/Red_Zeppelin_4_LV2.sf2",
        drum_preset=(0, 0),
    ),
)


@dataclass(frozen=True)
class Stem:
    """A stem to be rendered: its path in the manifest, concept, program (None: drums) and notes."""

    path: str
    concept: str
    program: int | None
    notes: tuple[midi.Note, ...]


def render_all(bank: Path, workers: int = 2) -> int:
    """Render every font that is unpacked and not rendered yet.

    Returns:
        The number of stems written.
    """
    rules = load_rules()
    written = 0
    for number, font in enumerate(FONTS):
        file = bank / "packages" / font.package / font.file
        index = bank / "clips" / f"{font.package}.rendered.json"
        if file.exists() and not index.exists():
            stems = list(plan(font, rules, bank, np.random.default_rng(number)))
            written += _render_font(bank, font, stems, index, workers)
    return written


def plan(font: Font, rules: Rules, bank: Path, rng: np.random.Generator) -> Iterator[Stem]:
    """What a font is to play."""
    for program, concept in sorted(rules.programs.items()):
        if not font.plays(program):
            continue
        for i in range(font.stems):
            notes = tuple(compose(rng, _SECONDS, program))
            yield Stem(f"program {program:03d}/phrase {i:03d}", concept, program, notes)
    if font.plays(None):
        for note, concept in sorted(rules.drum_notes.items()):
            for i in range(max(2, font.stems // 3)):
                notes = tuple(compose(rng, _SECONDS, None, note))
                yield Stem(f"drum {note:03d}/phrase {i:03d}", concept, None, notes)
        for i in range(font.stems * 4):
            notes = tuple(compose(rng, _SECONDS, None))
            yield Stem(f"drum kit/phrase {i:03d}", _DRUM_KIT, None, notes)
    played: dict[int | None, int] = {}
    files = sorted((bank / "packages").glob("*/usr/share/games/openttd/**/*.mid"))
    for file in files:
        for channel, (number, part) in enumerate(midi.split_midi(file)):
            name = _DRUM_KIT if number is None else rules.programs.get(number)
            enough = played.get(number, 0) >= font.excerpts
            if name is None or enough or not part or not font.plays(number):
                continue
            start = float(rng.uniform(0, max(0.1, part[-1].start - _SECONDS)))
            notes = tuple(midi.excerpt(part, start, _SECONDS))
            if notes:
                played[number] = played.get(number, 0) + 1
                label = "drum kit" if number is None else f"program {number:03d}"
                yield Stem(f"{label}/{file.stem} {channel:02d}", name, number, notes)


def _render_font(bank: Path, font: Font, stems: list[Stem], index: Path, workers: int) -> int:
    root = bank / "packages" / font.package
    files = [root / name for name in (font.file, font.second_file) if name]
    jobs = [(files[number % len(files)], stem) for number, stem in enumerate(stems)]
    shard = f"{font.package}.rendered.i16"
    entries, offset = [], 0
    (bank / "clips").mkdir(parents=True, exist_ok=True)
    with (
        ProcessPoolExecutor(max_workers=workers) as pool,
        (bank / "clips" / shard).open("wb") as out,
    ):
        waves = pool.map(partial(_render_stem, font.drum_preset), jobs, chunksize=8)
        for stem, wave in tqdm(
            zip(stems, waves, strict=True), total=len(stems), desc=f"playing {font.package}"
        ):
            kept = None if wave is None else condition(wave)
            if kept is None:
                continue
            data = np.round(kept * 32767.0).astype(np.int16)
            out.write(data.tobytes())
            entry = index_entry(stem.path, shard, offset, kept, data)
            entries.append(entry | {"concept": stem.concept})
            offset += len(data)
    write_index(index, entries)
    return len(entries)


def _render_stem(drum_preset: tuple[int, int] | None, job: tuple[Path, Stem]) -> midi.Audio | None:
    file, stem = job
    try:
        if file.suffix == ".cfg":
            return gus.render(file, stem.program, stem.notes, _SECONDS, SAMPLE_RATE)
        preset = drum_preset if stem.program is None else None
        return midi.render(file, stem.program, stem.notes, _SECONDS, SAMPLE_RATE, preset)
    except ValueError:  # the font has no such patch
        return None
