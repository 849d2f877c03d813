from pathlib import Path

import mido
import numpy as np
import pytest
from tests.evaluation.test_long_recordings import write_bank

from soundsift import SoundsiftError
from soundsift.data import midi
from soundsift.evaluation.songs import Songs
from soundsift.evaluation.suites import open_suite, songs

RATE = 48_000
DRUMS, BASS, GUITAR, PIANO = (midi.DRUM_CHANNEL, 0), (0, 33), (1, 25), (2, 0)


def write_song(path: Path, channels: list[tuple[int, int]]) -> None:
    track = mido.MidiTrack(
        mido.Message("program_change", channel=channel, program=program)
        for channel, program in channels
    )
    for _ in range(30):
        for channel, _ in channels:
            track.append(mido.Message("note_on", channel=channel, note=50, velocity=90))
        for i, (channel, _) in enumerate(channels):
            track.append(mido.Message("note_off", channel=channel, note=50, time=0 if i else 240))
    file = mido.MidiFile()
    file.tracks.append(track)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_bank(tmp_path / "bank", ["stranger-test"])
    text = (folder / "manifest.jsonl").read_text()
    (folder / "manifest.jsonl").write_text(text.replace('"kind": "music"', '"kind": "singing"'))
    font = folder / "packages" / "timgm6mb-soundfont" / "usr/share/sounds/sf2/TimGM6mb.sf2"
    font.parent.mkdir(parents=True)
    font.touch()
    tunes = folder / "packages" / "openttd-openmsx" / "usr/share/games/openttd/baseset"
    write_song(tunes / "a.mid", [DRUMS, BASS, PIANO])
    write_song(tunes / "b.mid", [DRUMS, BASS, GUITAR, PIANO])

    def play(font: Path, program: int | None, notes: list[midi.Note], seconds: float) -> midi.Audio:
        """A tone for each program."""
        time = np.arange(round(seconds * RATE)) / RATE
        pitch = 100 if program is None else 200 + 10 * program
        return np.sin(2 * np.pi * pitch * time).astype(np.float32)

    monkeypatch.setattr(midi, "render", play)
    return folder


def test_songs_have_drums_bass_and_guitar(bank: Path) -> None:
    drawn = Songs(bank)
    assert drawn.numbers == (1,)
    song = drawn.song(1)
    assert (song.title, set(song.stems)) == ("b", {"drums", "bass", "guitar", "vocals", "other"})
    assert np.allclose(song.mixture[0], sum(song.stems.values()), atol=1e-6)


def test_each_stem_is_asked_for_and_counted_apart(bank: Path) -> None:
    suite = open_suite("songs", bank=bank)
    assert suite.ids == ("0001-drums", "0001-bass", "0001-guitar", "0001-vocals")
    items = [suite.load(item_id) for item_id in suite.ids]
    assert [item.asks[0].text for item in items] == ["drums", "bass guitar", "guitar", "singing"]
    rows = [
        {"group": item.group, "scores": suite.score(item, {"target": item.references["target"]})}
        for item in items
    ]
    found = songs.summarise(rows)
    assert found["bass_si_sdr_i"].count == 1
    assert (found["bass_si_sdr_i"].value or 0.0) > 50


def test_a_bank_without_the_soundfont_is_refused(bank: Path) -> None:
    next(bank.rglob("TimGM6mb.sf2")).unlink()
    with pytest.raises(SoundsiftError, match="songs need its packages timgm6mb-soundfont"):
        open_suite("songs", bank=bank)
