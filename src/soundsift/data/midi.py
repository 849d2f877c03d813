"""Single-instrument stems from General MIDI: notes, MIDI files, and a SoundFont to play them.

A stem is a list of `Note`s and a General MIDI program (0 to 127), or None for the drum kit. Notes
come from `soundsift.data.composing`, which invents a phrase that suits the instrument, or from
`split_midi`, which takes a MIDI file apart. `render` turns them into samples with an .sf2 or .sf3
SoundFont; `soundsift.data.gus.render` does so with Gravis Ultrasound patches.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundsift.config import SAMPLE_RATE

if TYPE_CHECKING:
    from tinysoundfont import Synth

Audio = NDArray[np.float32]

PEAK = 0.5  # of every rendered stem
SILENCE = 1e-4  # a stem with a lower peak is not raised
DRUM_CHANNEL = 9
DRUM_BANK = 128


@dataclass(frozen=True, slots=True)
class Note:
    """One note: start and duration in seconds, MIDI pitch and velocity."""

    start: float
    duration: float
    pitch: int
    velocity: int


def split_midi(path: Path) -> list[tuple[int | None, list[Note]]]:
    """Take a MIDI file apart into (program, notes) for each channel and program.

    The drum channel has the program None.
    """
    import mido

    programs: dict[int, int] = defaultdict(int)
    sounding: dict[tuple[int, int], tuple[float, int, int | None]] = {}
    stems: dict[tuple[int, int | None], list[Note]] = defaultdict(list)
    time = 0.0

    def finish(channel: int, pitch: int) -> None:
        if (channel, pitch) in sounding:
            start, velocity, program = sounding.pop((channel, pitch))
            stems[channel, program].append(Note(start, max(0.02, time - start), pitch, velocity))

    for message in mido.MidiFile(path, clip=True):
        time += message.time
        if message.type == "program_change":
            programs[message.channel] = message.program
        elif message.type in ("note_on", "note_off"):
            finish(message.channel, message.note)
            if message.type == "note_on" and message.velocity > 0:
                program = None if message.channel == DRUM_CHANNEL else programs[message.channel]
                sounding[message.channel, message.note] = (time, message.velocity, program)
    for channel, pitch in list(sounding):
        finish(channel, pitch)
    return [
        (program, sorted(notes, key=lambda note: note.start))
        for (_, program), notes in stems.items()
    ]


def excerpt(notes: Iterable[Note], start: float, seconds: float) -> list[Note]:
    """The notes that begin within `seconds` from `start`, moved to begin at zero."""
    return [
        replace(note, start=note.start - start)
        for note in notes
        if start <= note.start < start + seconds
    ]


@lru_cache(maxsize=2)
def _load(font: Path, sample_rate: int) -> "tuple[Synth, int]":
    from tinysoundfont import Synth

    synth = Synth(samplerate=sample_rate)
    return synth, synth.sfload(str(font))


def render(
    font: Path,
    program: int | None,
    notes: Iterable[Note],
    seconds: float,
    sample_rate: int = SAMPLE_RATE,
    preset: tuple[int, int] | None = None,
) -> Audio:
    """Render notes with a SoundFont (.sf2 or .sf3) to mono samples; `program` None is the drum kit.

    `preset`, a pair of bank and number, chooses another preset than the program's, such as a
    variation or a drum kit (bank 128). The stem is scaled to the peak `PEAK`.
    """
    synth, font_id = _load(font, sample_rate)
    bank, number = preset or ((DRUM_BANK, 0) if program is None else (0, program))
    if synth.sfpreset_name(font_id, bank, number) is None:
        raise ValueError(f"{font.name} has no preset {number} in bank {bank}")
    synth.sounds_off()
    synth.generate_simple(sample_rate // 4)  # the tail of the previous stem
    synth.program_select(0, font_id, bank, number, bank == DRUM_BANK)

    length = round(seconds * sample_rate)
    events = []  # (sample, velocity, pitch): note-offs, of velocity 0, sort before note-ons
    for note in notes:
        events.append((round(note.start * sample_rate), note.velocity, note.pitch))
        events.append((round((note.start + note.duration) * sample_rate), 0, note.pitch))
    stereo = memoryview(bytearray(length * 8))
    position = 0
    for sample, velocity, pitch in [*sorted(events), (length, 0, 0)]:
        stop = min(max(sample, position), length)
        if stop > position:
            synth.generate_simple(stop - position, buffer=stereo[position * 8 : stop * 8])
            position = stop
        if position == length:
            break
        if velocity:
            synth.noteon(0, pitch, velocity)
        else:
            synth.noteoff(0, pitch)
    mono: Audio = np.frombuffer(stereo, np.float32).reshape(-1, 2).mean(axis=1, dtype=np.float32)
    return normalise(mono)


def normalise(samples: Audio) -> Audio:
    """Scale samples to `PEAK`, unless they are silent."""
    peak = float(np.max(np.abs(samples), initial=0))
    return samples * np.float32(PEAK / peak) if peak > SILENCE else samples
