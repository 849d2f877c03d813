"""Stems from General MIDI: composing, splitting MIDI files, rendering with tiny self-made fonts."""

import struct
from pathlib import Path

import numpy as np
import pytest

from soundsift.data import gus, midi
from soundsift.data.composing import compose
from soundsift.data.midi import Note

RATE = 48_000


def sine(frequency: float, rate: int, seconds: float) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    return np.round(20_000 * np.sin(2 * np.pi * frequency * time)).astype("<i2")


def pitch_of(samples: np.ndarray) -> float:
    """Frequency of the strongest partial."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    return float(np.argmax(spectrum)) * RATE / (8 * len(samples))


def cents(frequency: float, pitch: int) -> float:
    return 1200 * np.log2(frequency / (440 * 2 ** ((pitch - 69) / 12)))


def chunk(name: str, content: bytes) -> bytes:
    return name.encode() + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def write_sf2(path: Path) -> Path:
    """A SoundFont whose program 0 is a looped sine recorded at A4 (100 periods of 100 samples)."""
    data = sine(441, 44_100, 10_000 / 44_100)
    bag, end_bag = struct.pack("<HH", 0, 0), struct.pack("<HH", 1, 0)
    records = {
        "phdr": struct.pack("<20sHHHIII", b"Sine", 0, 0, 0, 0, 0, 0)
        + struct.pack("<20sHHHIII", b"EOP", 0, 0, 1, 0, 0, 0),
        "pbag": bag + end_bag,
        "pmod": bytes(10),
        "pgen": struct.pack("<HHHH", 41, 0, 0, 0),
        "inst": struct.pack("<20sH20sH", b"Sine", 0, b"EOI", 1),
        "ibag": bag + struct.pack("<HH", 2, 0),
        "imod": bytes(10),
        "igen": struct.pack("<HHHHHH", 54, 1, 53, 0, 0, 0),
        "shdr": struct.pack(
            "<20sIIIIIBbHH", b"Sine", 0, len(data), 1000, 9000, 44_100, 69, -4, 0, 1
        )
        + struct.pack("<20sIIIIIBbHH", b"EOS", 0, 0, 0, 0, 0, 0, 0, 0, 0),
    }
    pdta = b"pdta" + b"".join(chunk(name, content) for name, content in records.items())
    info = b"INFO" + chunk("ifil", struct.pack("<HH", 2, 1)) + chunk("INAM", b"Test")
    sdta = b"sdta" + chunk("smpl", data.tobytes() + bytes(92))
    lists = b"".join(chunk("LIST", content) for content in (info, sdta, pdta))
    path.write_bytes(chunk("RIFF", b"sfbk" + lists))
    return path


def write_gus(folder: Path, mode: int = 0b1100101) -> Path:
    """A patch with a looped sine recorded at A4, as program 0 and as drum 38."""
    data = sine(441, 44_100, 10_000 / 44_100)
    header = bytearray(239)
    header[:22] = b"GF1PATCH110\0ID#000002\0"
    header[198] = 1
    sample = struct.pack(
        "<7sBIIIHIIIHB6s6s6sBhH36x",
        b"sine", 0, 2 * len(data), 2000, 18_000, 44_100, 8_000, 13_000_000, 441_000, 0, 7,
        bytes([63, 63, 63, 139, 63, 63]), bytes([246, 246, 246, 0, 0, 0]), bytes(6), mode, 60, 1024,
    )  # fmt: skip
    (folder / "sine.pat").write_bytes(bytes(header) + sample + data.tobytes())
    config = folder / "test.cfg"
    config.write_text("# comment\ndrumset 0\n38 sine.pat amp=100\nbank 0\n0 sine.pat\n")
    return config


@pytest.mark.parametrize("program", [*range(128), None])
def test_composed_phrases_are_playable(program: int | None) -> None:
    for seed in range(5):
        notes = compose(np.random.default_rng(seed), 6, program)
        assert notes
        assert all(0 <= note.start < 6 and note.duration > 0 for note in notes)
        assert all(0 <= note.pitch <= 127 and 1 <= note.velocity <= 127 for note in notes)
        assert notes[0].start < 3


def test_phrases_stay_within_the_range_of_the_instrument() -> None:
    for seed in range(50):
        pitches = [note.pitch for note in compose(np.random.default_rng(seed), 6, 40)]
        assert min(pitches) >= 55
        assert max(pitches) <= 93


def test_composing_is_repeatable_and_varied() -> None:
    first, again, other = (compose(np.random.default_rng(s), 6, 0) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_single_drum_is_struck_alone() -> None:
    for seed in range(10):
        notes = compose(np.random.default_rng(seed), 6, None, drum=38)
        assert {note.pitch for note in notes} == {38}


def test_midi_files_are_split_by_channel_and_program(tmp_path: Path) -> None:
    mido = pytest.importorskip("mido")
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    message = mido.Message
    track.append(mido.MetaMessage("set_tempo", tempo=500_000))  # 480 ticks are half a second
    track.append(message("program_change", channel=1, program=40))
    track.append(message("note_on", channel=1, note=69, velocity=80))
    track.append(message("note_on", channel=9, note=38, velocity=90, time=480))
    track.append(message("note_on", channel=1, note=69, velocity=0, time=480))
    track.append(message("note_off", channel=9, note=38))
    file.save(tmp_path / "test.mid")
    stems = dict(midi.split_midi(tmp_path / "test.mid"))
    assert stems == {40: [Note(0, 1.0, 69, 80)], None: [Note(0.5, 0.5, 38, 90)]}
    assert midi.excerpt(stems[None], 0.25, 1) == [Note(0.25, 0.5, 38, 90)]


@pytest.mark.parametrize("pitch", [45, 69, 76])
def test_soundfont_notes_have_the_right_pitch_and_time(tmp_path: Path, pitch: int) -> None:
    pytest.importorskip("tinysoundfont")
    font = write_sf2(tmp_path / "test.sf2")
    samples = midi.render(font, 0, [Note(0.5, 1, pitch, 100)], 3)
    check_single_note(samples, pitch)


def test_a_stem_does_not_carry_over_into_the_next(tmp_path: Path) -> None:
    pytest.importorskip("tinysoundfont")
    font = write_sf2(tmp_path / "test.sf2")
    midi.render(font, 0, [Note(0, 10, 69, 127)], 1)
    assert np.abs(midi.render(font, 0, [], 1)).max() < 1e-4


def test_missing_presets_are_reported(tmp_path: Path) -> None:
    pytest.importorskip("tinysoundfont")
    with pytest.raises(ValueError, match="no preset 5"):
        midi.render(write_sf2(tmp_path / "test.sf2"), 5, [], 1)


@pytest.mark.parametrize("pitch", [45, 69, 76, 93])
def test_gus_notes_have_the_right_pitch_and_time(tmp_path: Path, pitch: int) -> None:
    samples = gus.render(write_gus(tmp_path), 0, [Note(0.5, 1, pitch, 100)], 3)
    check_single_note(samples, pitch)


def test_gus_drums_keep_their_recorded_pitch(tmp_path: Path) -> None:
    font = write_gus(tmp_path)
    samples = gus.render(font, None, [Note(0, 0.1, 38, 100), Note(0, 1, 39, 100)], 1)
    assert abs(pitch_of(samples[: RATE // 5]) - 441) < 3
    with pytest.raises(ValueError, match="program 1"):
        gus.render(font, 1, [], 1)


def check_single_note(samples: np.ndarray, pitch: int) -> None:
    """A note from 0.5 s to 1.5 s of a stem of 3 s."""
    assert samples.shape == (3 * RATE,)
    assert samples.dtype == np.float32
    assert np.abs(samples).max() == pytest.approx(midi.PEAK, rel=1e-3)
    assert np.abs(samples[: RATE // 2 - 100]).max() < 1e-4
    assert np.abs(samples[int(2.5 * RATE) :]).max() < 1e-2
    held = samples[int(0.7 * RATE) : int(1.4 * RATE)]
    assert np.sqrt(np.mean(held**2)) > 0.1
    assert abs(cents(pitch_of(held), pitch)) < 10
