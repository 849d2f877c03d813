"""Phrases invented by rule: a key, chords, and a part that suits a General MIDI instrument.

Musical enough that a model hears melodies, chords, bass lines and grooves; no more is meant.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from soundsift.data.midi import Note

_SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
}
_PROGRESSIONS = (  # scale degrees of the chord roots
    (0, 3, 4, 0), (0, 4, 5, 3), (5, 3, 0, 4), (0, 5, 3, 4), (1, 4, 0, 0), (0, 3, 0, 4),
    (0, 6, 5, 4), (0, 0, 3, 4), (0, 2, 3, 4), (0, 6, 3, 0), (0, 3), (0,),
)  # fmt: skip
_RHYTHMS = {  # durations in beats which fill a bar of four (or of three), by density
    4: (
        ((4,), (2, 2), (3, 1), (2, 1, 1)),
        (
            (1, 1, 1, 1),
            (1.5, 0.5, 1, 1),
            (1, 0.5, 0.5, 2),
            (0.5, 0.5, 1, 1, 1),
            (1.5, 0.5, 1.5, 0.5),
        ),
        (
            (0.5,) * 8,
            (0.5, 0.25, 0.25) * 4,
            (0.25, 0.25, 0.5) * 4,
            (0.75, 0.25) * 4,
            (0.25,) * 8 + (0.5,) * 4,
        ),
    ),
    3: (
        ((3,), (2, 1), (1, 2)),
        ((1, 1, 1), (1.5, 0.5, 1), (1, 0.5, 0.5, 1), (1, 1, 0.5, 0.5)),
        ((0.5,) * 6, (0.5, 0.25, 0.25) * 3, (0.75, 0.25) * 3),
    ),
}


@dataclass(frozen=True, slots=True)
class _Song:
    """The frame of a phrase: length, tempo, key, harmony and how busy it is."""

    rng: np.random.Generator
    seconds: float
    beat: float
    meter: int
    tonic: int
    scale: tuple[int, ...]
    progression: tuple[int, ...]
    density: int  # 0: long notes, 1: beats, 2: fast

    @classmethod
    def draw(cls, rng: np.random.Generator, seconds: float) -> "_Song":
        tempo = float(np.exp(rng.uniform(np.log(60), np.log(190))))
        return cls(
            rng=rng,
            seconds=seconds,
            beat=60 / tempo,
            meter=int(rng.choice((4, 4, 4, 3))),
            tonic=int(rng.integers(12)),
            scale=_SCALES[str(rng.choice(list(_SCALES), p=(0.35, 0.3, 0.12, 0.12, 0.11)))],
            progression=_PROGRESSIONS[rng.integers(len(_PROGRESSIONS))],
            density=int(rng.choice(3, p=(0.25, 0.45, 0.3))),
        )

    @property
    def bar(self) -> float:
        return self.beat * self.meter

    def bars(self) -> Iterable[tuple[float, int]]:
        """Start in seconds and chord root (scale degree) of every bar."""
        for index in range(int(np.ceil(self.seconds / self.bar))):
            yield index * self.bar, self.progression[index % len(self.progression)]

    def pitch(self, degree: int) -> int:
        """MIDI pitch of a scale degree, counted from the tonic near middle C."""
        octave, step = divmod(degree, len(self.scale))
        return 60 + self.tonic - 12 * (self.tonic > 6) + 12 * octave + self.scale[step]

    def chord(self, root: int, low: int, high: int, size: int = 3) -> list[int]:
        """Ascending chord tones above `root`, moved into the range."""
        degrees = [root + (0, 2, 4, 7, 9, 11)[tone] for tone in range(size)]
        shift = 12 * round(((low + high) / 2 - self.pitch(degrees[size // 2])) / 12)
        return sorted({_fit(self.pitch(degree) + shift, low, high) for degree in degrees})

    def rhythm(self, density: int | None = None) -> tuple[float, ...]:
        cells = _RHYTHMS[self.meter][self.density if density is None else density]
        return cells[self.rng.integers(len(cells))]


def _fit(pitch: int, low: int, high: int) -> int:
    """Move a pitch by octaves into the range, or clip it where the range is too narrow."""
    pitch += 12 * max(0, -(-(low - pitch) // 12))
    pitch -= 12 * max(0, -(-(pitch - high) // 12))
    return int(np.clip(pitch, low, high))


def _window(song: _Song, low: int, high: int, width: int) -> tuple[int, int]:
    """A part of the range, so that phrases differ in register."""
    if high - low <= width:
        return low, high
    start = low + round((high - low - width) * float(song.rng.beta(2, 2)))
    return start, start + width


def _melody(song: _Song, low: int, high: int) -> list[Note]:
    """A motif, repeated over the chords with its steps transposed and varied."""
    rng = song.rng
    low, high = _window(song, low, high, 19)
    motif = song.rhythm()
    steps = rng.choice((-2, -1, -1, 0, 1, 1, 2, 4), len(motif))
    legato, rest = rng.uniform(0.5, 1.05), rng.uniform(0, 0.2)
    notes = []
    for start, root in song.bars():
        if rng.random() < 0.3:
            motif = song.rhythm()
            steps = rng.choice((-2, -1, -1, 0, 1, 1, 2, 3), len(motif))
        degree, time = root + int(rng.choice((0, 2, 4))), start
        for length, step in zip(motif, steps, strict=True):
            if rng.random() >= rest or time == 0:
                pitch = _fit(song.pitch(degree), low, high)
                notes.append(Note(time, length * song.beat * legato, pitch, 100))
            degree += int(step)
            time += length * song.beat
    return notes


def _long(song: _Song, low: int, high: int) -> list[Note]:
    """Sustained single notes."""
    low, high = _window(song, low, high, 16)
    tones = (0, 2, 4)
    notes: list[Note] = []
    time = 0.0
    while time < song.seconds:
        length = float(song.rng.uniform(1, 4))
        root = song.progression[len(notes) % len(song.progression)]
        degree = root + tones[song.rng.integers(3)]
        notes.append(
            Note(time, length * song.rng.uniform(0.8, 1), _fit(song.pitch(degree), low, high), 95)
        )
        time += length
    return notes


def _chords(song: _Song, low: int, high: int) -> list[Note]:
    """Chords in rhythm, a little strummed or exactly together."""
    rng = song.rng
    low, high = _window(song, low, high, 26)
    size, rhythm, length = (
        int(rng.integers(3, 6)),
        song.rhythm(min(song.density, 1)),
        rng.uniform(0.4, 1),
    )
    strum = float(rng.choice((0, 0.01, 0.025)))
    notes = []
    for start, root in song.bars():
        time = start
        for beats in rhythm:
            for index, pitch in enumerate(song.chord(root, low, high, size)):
                notes.append(Note(time + strum * index, beats * song.beat * length, pitch, 90))
            time += beats * song.beat
    return notes


def _pad(song: _Song, low: int, high: int) -> list[Note]:
    """One sustained chord for each bar."""
    low, high = _window(song, low, high, 28)
    size = int(song.rng.integers(2, 6))
    length = max(song.bar, 1.5)
    notes = []
    for index in range(int(np.ceil(song.seconds / length))):
        root = song.progression[index % len(song.progression)]
        notes += [
            Note(index * length, length, pitch, 85) for pitch in song.chord(root, low, high, size)
        ]
    return notes


def _arpeggio(song: _Song, low: int, high: int) -> list[Note]:
    """Broken chords: up, down, up and down, or in random order."""
    rng = song.rng
    low, high = _window(song, low, high, 28)
    step = song.beat * float(rng.choice((1, 0.5, 1 / 3, 0.25), p=(0.15, 0.45, 0.15, 0.25)))
    ring = float(rng.choice((0.8, 1, 2.5)))
    order = int(rng.integers(4))
    notes = []
    for start, root in song.bars():
        tones = song.chord(root, low, high, int(rng.integers(3, 6)))
        tones = (tones, tones[::-1], tones + tones[-2:0:-1], list(rng.permutation(tones)))[order]
        for index in range(round(song.bar / step)):
            notes.append(
                Note(start + index * step, step * ring, int(tones[index % len(tones)]), 90)
            )
    return notes


def _bass(song: _Song, low: int, high: int) -> list[Note]:
    """Roots, fifths, octaves and passing notes."""
    rng = song.rng
    rhythm, walking, length = song.rhythm(), rng.random() < 0.3, rng.uniform(0.5, 1)
    notes = []
    for start, root in song.bars():
        time = start
        for index, beats in enumerate(rhythm):
            degree = root + (index if walking else int(rng.choice((0, 0, 0, 4, 7))) if index else 0)
            notes.append(
                Note(
                    time, beats * song.beat * length, _fit(song.pitch(degree) - 24, low, high), 100
                )
            )
            time += beats * song.beat
    return notes


def _both_hands(song: _Song, low: int, high: int) -> list[Note]:
    """A melody above chords or broken chords."""
    middle = (low + high) // 2
    left = (_chords, _pad, _arpeggio)[song.rng.integers(3)](song, low, middle)
    return [replace(note, velocity=75) for note in left] + _melody(song, middle, high)


def _hits(song: _Song, low: int, high: int) -> list[Note]:
    """Strokes on one or two pitches."""
    pitches = song.rng.integers(low, high + 1, 2)
    notes = []
    for start, _ in song.bars():
        time = start
        for beats in song.rhythm():
            notes.append(
                Note(time, beats * song.beat, int(pitches[int(song.rng.random() < 0.3)]), 100)
            )
            time += beats * song.beat
    return notes


_Style = Callable[[_Song, int, int], list[Note]]
_SOLO: tuple[_Style, ...] = (_melody, _melody, _melody, _long)
_ENSEMBLE: tuple[_Style, ...] = (_pad, _pad, _chords, _melody, _long)
_KEYS: tuple[_Style, ...] = (_both_hands, _both_hands, _melody, _chords, _arpeggio)
_MALLETS: tuple[_Style, ...] = (_melody, _melody, _arpeggio)
_PLUCKED: tuple[_Style, ...] = (_chords, _arpeggio, _arpeggio, _melody)
_LEAD: tuple[_Style, ...] = (_melody, _melody, _arpeggio)

# First program of each group of instruments, its playable range and what it plays.
_INSTRUMENTS: dict[int, tuple[int, int, tuple[_Style, ...]]] = {
    0: (36, 93, _KEYS), 6: (41, 86, _KEYS), 8: (60, 100, _MALLETS), 9: (72, 103, _MALLETS),
    10: (60, 93, _MALLETS), 11: (53, 89, (*_MALLETS, _chords)), 12: (45, 91, _MALLETS),
    13: (65, 103, _MALLETS), 14: (60, 77, (_melody, _long)), 15: (50, 86, _MALLETS),
    16: (40, 91, (*_ENSEMBLE, _both_hands)), 20: (45, 86, (*_ENSEMBLE, _both_hands)),
    21: (53, 88, (*_ENSEMBLE, _both_hands)), 22: (60, 84, _SOLO),
    23: (53, 88, (*_ENSEMBLE, _both_hands)), 24: (40, 81, _PLUCKED),
    29: (40, 84, (_chords, _melody, _melody, _long)), 31: (52, 84, _MALLETS),
    32: (28, 55, (_bass,)), 40: (55, 93, _SOLO), 41: (48, 81, _SOLO), 42: (36, 74, _SOLO),
    43: (28, 55, (_bass, _long)), 44: (40, 86, _ENSEMBLE),
    45: (40, 86, (_melody, _arpeggio, _chords)), 46: (36, 93, (_arpeggio, _arpeggio, _melody)),
    47: (38, 57, (_hits, _bass)), 48: (40, 86, _ENSEMBLE), 52: (48, 79, _ENSEMBLE),
    55: (48, 72, (_chords, _hits)), 56: (55, 82, _SOLO), 57: (41, 70, _SOLO),
    58: (29, 55, (_melody, _bass)), 59: (55, 82, _SOLO), 60: (41, 75, _SOLO),
    61: (43, 79, (_chords, _chords, _melody, _pad)), 64: (56, 86, _SOLO), 65: (49, 80, _SOLO),
    66: (44, 75, _SOLO), 67: (37, 68, _SOLO), 68: (58, 88, _SOLO), 69: (52, 80, _SOLO),
    70: (34, 70, _SOLO), 71: (50, 89, _SOLO), 72: (74, 100, _SOLO), 73: (60, 91, _SOLO),
    74: (62, 91, _SOLO), 75: (60, 84, _SOLO), 77: (55, 84, _SOLO), 78: (67, 91, _SOLO),
    79: (60, 84, _SOLO), 80: (48, 88, _LEAD), 88: (40, 84, (_pad, _pad, _chords, _long)),
    104: (48, 77, _MALLETS), 105: (48, 81, (_arpeggio, _melody, _chords)), 106: (50, 79, _MALLETS),
    107: (55, 84, _MALLETS), 109: (60, 77, _SOLO), 110: (55, 91, _SOLO), 111: (60, 82, _SOLO),
    112: (60, 84, (_hits, _melody)), 114: (52, 79, _MALLETS), 115: (60, 84, (_hits,)),
    116: (40, 64, (_hits,)), 119: (52, 68, (_long,)), 120: (55, 67, (_long,)),
}  # fmt: skip

# Drum grooves: sixteenths of a bar of four beats, x a stroke and o a strong one.
_KICKS = (
    "o...x...o...x...",
    "o.....x.o.......",
    "o..x..x.o..x....",
    "o...o...o...o...",
    "o.......o.x.....",
)
_SNARES = (
    "....o.......o...",
    "....o..x.x..o...",
    "....o.......o..x",
    "........o.......",
    "....o..x....o.x.",
)
_CYMBALS = (
    "x.x.x.x.x.x.x.x.",
    "xxxxxxxxxxxxxxxx",
    "o...x...o...x...",
    "..x...x...x...x.",
    "o..xx..xo..xx..x",
)
_PERCUSSION = ("o..x..x...o.x...", "x.x.x.x.x.x.x.x.", "....o.......o...", "o..x..o..x..o.x.")
_FILL = "x.xxx.xxx.xxoxox"
_EXTRAS = (54, 56, 62, 63, 64, 69, 70, 75, 76, 82)


def _groove(song: _Song) -> list[Note]:
    """A beat on the drum kit, now and then with percussion, fills and crashes."""
    rng = song.rng
    lines = [
        (int(rng.choice((35, 36))), str(rng.choice(_KICKS))),
        (int(rng.choice((38, 38, 40, 37))), str(rng.choice(_SNARES))),
        (int(rng.choice((42, 42, 46, 51, 44))), str(rng.choice(_CYMBALS))),
    ]
    if rng.random() < 0.35:
        lines.append((int(rng.choice(_EXTRAS)), str(rng.choice(_PERCUSSION))))
    if rng.random() < 0.15:
        lines.pop(int(rng.integers(3)))
    step, fills = song.beat / 4, rng.random() < 0.5
    notes = []
    for index in range(int(np.ceil(song.seconds / (16 * step)))):
        start = index * 16 * step
        fill = fills and index % 2 == 1
        for pitch, pattern in lines:
            for slot, stroke in enumerate(pattern[: 8 if fill else 16]):
                if stroke != ".":
                    notes.append(
                        Note(start + slot * step, step, pitch, 110 if stroke == "o" else 80)
                    )
        if fill:
            toms = np.sort(rng.choice((38, 41, 43, 45, 47, 48, 50), 8))[::-1]
            strokes = (slot for slot in range(8, 16) if _FILL[slot] != ".")
            notes += [Note(start + slot * step, step, int(toms[slot - 8]), 100) for slot in strokes]
        if index % 2 == 0 and rng.random() < 0.4:
            notes.append(Note(start, 4 * step, int(rng.choice((49, 57))), 105))
    return notes


def _single_drum(song: _Song, drum: int) -> list[Note]:
    """Strokes on one drum: a pattern, or sparse hits."""
    rng = song.rng
    if rng.random() < 0.4:
        times = np.cumsum(rng.uniform(0.4, 1.8, 64))
        return [Note(float(time - times[0]), 0.4, drum, 105) for time in times]
    return [replace(note, pitch=drum) for note in _hits(song, drum, drum)]


def compose(
    rng: np.random.Generator, seconds: float, program: int | None, drum: int | None = None
) -> list[Note]:
    """Invent a phrase of the given length for a program, or for the drum kit if `program` is None.

    With `drum`, a General MIDI drum note, only this drum is struck. Key, mode, tempo, meter,
    harmony, style, register, density and dynamics are drawn from `rng`.
    """
    song = _Song.draw(rng, seconds)
    if program is None:
        notes = _groove(song) if drum is None else _single_drum(song, drum)
    else:
        low, high, styles = _INSTRUMENTS[max(first for first in _INSTRUMENTS if first <= program)]
        if not {_pad, _long} & set(styles):  # tones that die away
            song = replace(song, density=max(song.density, 1))
        notes = styles[rng.integers(len(styles))](song, low, high)
    return _perform(song, notes)


def _perform(song: _Song, notes: Iterable[Note]) -> list[Note]:
    """Add dynamics, accents and small timing errors; cut the notes at the end of the phrase."""
    rng = song.rng
    loudness, swell, spread = (
        rng.uniform(0.55, 1.15),
        rng.uniform(-0.25, 0.25),
        rng.uniform(0, 0.08),
    )
    late, error = rng.uniform(0, 0.25), rng.uniform(0, 0.008)
    played = []
    for note in sorted(notes, key=lambda note: note.start):
        start = max(0.0, note.start + late + rng.normal(0, error))
        if start >= song.seconds - 0.05:
            continue
        accent = 1.08 if (note.start / song.bar) % 1 < 0.01 else 1
        force = loudness * accent * (1 + swell * (2 * start / song.seconds - 1)) + rng.normal(
            0, spread
        )
        velocity = int(np.clip(note.velocity * force, 25, 127))
        played.append(
            replace(note, start=start, duration=max(0.05, float(note.duration)), velocity=velocity)
        )
    return played
