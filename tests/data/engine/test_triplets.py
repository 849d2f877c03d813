"""Triplets from stems, as MUSDB18-HQ and MedleyDB lay them out, and from speakers' channels."""

import json

import numpy as np
import pytest
import soundfile
import yaml
from typer.testing import CliRunner

from soundsift.cli import app
from soundsift.data.engine.multitracks import Multitrack, Track, find_multitracks, stem_phrase
from soundsift.data.engine.stem_checks import bleed, relative_level_db, voice_phrase
from soundsift.data.engine.triplets import TripletConfig, make_triplets, stems_of
from soundsift.errors import SoundsiftError
from soundsift.training.triplets import TripletExamples

RATE = 16_000


def noise(seed, seconds=5.0, level=0.1):
    """Noise in a band of its own, so that no two are alike."""
    return np.random.default_rng(seed).normal(0, level, round(seconds * RATE)).astype(np.float32)


def write(path, wave):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, RATE, "PCM_16")
    return path


def voice(hertz, seconds=5.0):
    """Harmonics of a wavering pitch in syllables."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(hertz * (1 + 0.03 * np.sin(9 * time))) / RATE
    wave = sum(np.sin(n * phase) / n for n in range(1, 9))
    return (0.1 * wave * (np.sin(2 * np.pi * 3 * time) > -0.3)).astype(np.float32)


@pytest.fixture
def song(tmp_path):
    folder = tmp_path / "songs" / "train" / "A Song"
    for seed, name in enumerate(("vocals", "drums", "bass", "other")):
        write(folder / f"{name}.wav", noise(seed))
    write(folder / "mixture.wav", noise(9))
    return tmp_path / "songs"


def rows(out):
    return [json.loads(line) for line in (out / "triplets.jsonl").read_text().splitlines()]


def test_each_stem_of_a_song_is_the_target_once(song, tmp_path):
    out = tmp_path / "out"
    found = find_multitracks([song], licence="CC0-1.0")
    report = make_triplets(found, out, TripletConfig(seconds=3))
    assert report.counts["excerpts"] == 2
    made = rows(out)
    assert [row["phrase"] for row in made] == ["bass guitar", "drums", "singing"] * 2
    whole = sum(noise(seed) for seed in range(4))
    for row in made:
        waves = [soundfile.read(out / row[k], dtype="int16")[0].astype(int) for k in
                 ("mixture", "target", "residual")]  # fmt: skip
        assert np.array_equal(waves[0], waves[1] + waves[2])
        start, end = (round(at * RATE) for at in row["provenance"]["span"])
        np.testing.assert_allclose(waves[0] / 32768, whole[start:end], atol=2e-4)
        assert row["licence"] == "CC0-1.0"
        assert len(row["provenance"]["files"]) == 4
    singing = soundfile.read(out / made[2]["target"])[0]
    np.testing.assert_allclose(singing, noise(0)[: 3 * RATE], atol=1e-4)
    assert report.filters["phrase"]["passed"] == 6
    assert report.filters["phrase"]["asked"] == 8
    # The trainers read them; a recording is held out as a whole.
    held_out = TripletExamples(out / "triplets.jsonl", 0, held_out=True)
    assert held_out.example(0, 1.0, 48_000).text in ("bass guitar", "drums", "singing")


def test_done_recordings_are_not_done_again(song, tmp_path):
    out = tmp_path / "out"
    found, config = find_multitracks([song]), TripletConfig(seconds=3)
    make_triplets(found, out, config)
    files = sorted((out / "audio").iterdir())
    before = (out / "triplets.jsonl").read_bytes(), [file.stat().st_mtime_ns for file in files]
    lines = (out / "excerpts.jsonl").read_bytes().splitlines(keepends=True)
    make_triplets(found, out, config)
    assert (out / "triplets.jsonl").read_bytes() == before[0]
    assert [file.stat().st_mtime_ns for file in files] == before[1]
    # Killed within the second excerpt: it alone is made again, and is the same.
    (out / "excerpts.jsonl").write_bytes(lines[0] + lines[1][:40])
    make_triplets(found, out, config)
    assert (out / "triplets.jsonl").read_bytes() == before[0]
    with pytest.raises(SoundsiftError, match="another seconds"):
        make_triplets(found, out, TripletConfig(seconds=4))


def test_silent_quiet_and_bleeding_stems_are_rejected(tmp_path):
    folder = tmp_path / "song"
    piano = noise(1)
    write(folder / "piano.wav", piano)
    silent = np.zeros_like(piano)
    silent[:1000] = noise(2)[:1000]
    write(folder / "triangle.wav", silent)
    write(folder / "flute.wav", noise(3, level=0.002))
    write(folder / "violin.wav", noise(4) + 0.3 * np.roll(piano, 200))
    report = make_triplets(find_multitracks([folder]), tmp_path / "out", TripletConfig())
    (line,) = (tmp_path / "out" / "excerpts.jsonl").read_text().splitlines()
    failed = {one["phrase"]: one["failed"] for one in json.loads(line)["candidates"]}
    assert failed["triangle"][0] == "silence"
    assert failed["flute"] == ["level"]
    assert failed["piano"] == failed["violin"] == ["bleed"]
    assert report.counts["triplets"] == 0


def test_a_stem_that_is_all_there_is_makes_no_triplet(tmp_path):
    write(tmp_path / "song" / "piano.wav", noise(1))
    write(tmp_path / "song" / "flute.wav", np.zeros(5 * RATE))
    report = make_triplets(find_multitracks([tmp_path]), tmp_path / "out", TripletConfig())
    assert report.counts["triplets"] == 0


def test_the_sum_of_loud_stems_is_not_clipped(tmp_path):
    folder = tmp_path / "song"
    for name in ("one", "two"):
        wave = np.sin(2 * np.pi * 300 * np.arange(3 * RATE) / RATE) * 0.9
        write(folder / f"{name}.wav", wave)
    config = TripletConfig(off={"bleed"})
    make_triplets(find_multitracks([folder]), tmp_path / "out", config)
    row = rows(tmp_path / "out")[0]
    mixture, target = (soundfile.read(tmp_path / "out" / row[k])[0] for k in ("mixture", "target"))
    np.testing.assert_allclose(mixture, 2 * target, atol=1e-4)
    assert row["provenance"]["gain_db"] == pytest.approx(-5.1, abs=0.1)


def test_medleydb_names_instruments_in_its_metadata(tmp_path):
    song = tmp_path / "Audio" / "Song"
    for number in (1, 2, 3):
        write(song / "Song_STEMS" / f"Song_STEM_{number:02}.wav", noise(number))
        write(song / "Song_RAW" / f"Song_RAW_{number:02}_01.wav", noise(number))
    write(song / "Song_MIX.wav", noise(5))
    stems = {
        f"S0{n}": {"filename": f"Song_STEM_0{n}.wav", "instrument": instrument}
        for n, instrument in ((1, "male singer"), (2, "tabla"), (3, "Main System"))
    }
    (tmp_path / "Metadata").mkdir()
    known = yaml.safe_dump({"has_bleed": "yes", "stems": stems})
    (tmp_path / "Metadata" / "Song_METADATA.yaml").write_text(known)
    (found,) = find_multitracks([tmp_path])
    assert [track.phrase for track in found.tracks] == ["man singing", "tabla", None]
    assert found.bleed is True


def test_speakers_are_named_by_their_voices_and_kept_apart(tmp_path):
    talk = np.stack([voice(110), np.roll(voice(230), RATE)])
    write(tmp_path / "calls" / "a.wav", talk.T)
    write(tmp_path / "calls" / "b.wav", np.stack([voice(100), np.roll(voice(120), RATE)]).T)
    found = find_multitracks([tmp_path / "calls"], speakers=True)
    assert [len(recording.tracks) for recording in found] == [2, 2]
    make_triplets(found, tmp_path / "out", TripletConfig(off={"bleed"}))
    made = rows(tmp_path / "out")
    # Two men: "man speaking" would mean both, so they are asked for by spans alone.
    assert [row.get("phrase") for row in made] == ["man speaking", "woman speaking", None, None]
    assert all(row["spans"] for row in made)
    assert made[1]["provenance"]["tracks"] == [f"{tmp_path / 'calls' / 'a.wav'}#1"]


def test_manifests_say_what_is_heard(tmp_path):
    write(tmp_path / "call.wav", np.stack([noise(1), noise(2)]).T)
    write(tmp_path / "a.wav", noise(3))
    write(tmp_path / "b.wav", noise(4))
    lines = [
        {"file": "call.wav", "channels": ["a girl", "an old man"], "licence": "CC-BY-4.0"},
        {"name": "duo", "stems": [{"file": "a.wav", "phrase": "erhu"}, "b.wav"]},
    ]
    manifest = tmp_path / "m.jsonl"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    call, duo = find_multitracks([manifest], licence="own")
    assert call.kind == "speakers"
    assert call.licence == "CC-BY-4.0"
    assert [track.phrase for track in call.tracks] == ["a girl", "an old man"]
    assert (duo.name, duo.licence) == ("duo", "own")
    assert [track.phrase for track in duo.tracks] == ["erhu", "b"]
    manifest.write_text('{"stems": ["a.wav"]}\n')
    with pytest.raises(SoundsiftError, match="line 1: expected"):
        find_multitracks([manifest])


def test_tracks_of_one_instrument_are_one_target():
    tracks = tuple(Track(None, None, None) for _ in range(4))
    phrases = ["guitar", None, "drums", "guitar"]
    stems = stems_of(Multitrack("song", "music", tracks), phrases)
    assert [(stem.phrase, stem.tracks) for stem in stems] == [
        ("guitar", (0, 3)), ("drums", (2,)), (None, (1,)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("02_Flûte à bec", "flûte à bec"),
        ("03_Lead-Guitar", "lead guitar"),
        ("vocals", "singing"),
        ("DrumKit 2", "drum kit"),
        ("other", None),
        ("Track 07", None),
    ],
)
def test_phrases_of_names(name, phrase):
    assert stem_phrase(name) == phrase


def test_bleed_is_found_at_any_delay_and_not_where_there_is_none():
    first, second = noise(1), noise(2)
    assert bleed(first, second, RATE) < 0.05
    for delay in (0, 37, 400):
        assert bleed(first, second + 0.2 * np.roll(first, delay), RATE) > 0.1
        assert bleed(first + 0.2 * np.roll(second, delay), second, RATE) > 0.1
    assert bleed(first, first, RATE) == pytest.approx(1, abs=0.05)
    assert bleed(first, np.zeros_like(first), RATE) == 0
    assert relative_level_db(first, 2 * first) == pytest.approx(-6.02, abs=0.01)


def test_voices_are_told_by_pitch():
    said = {hertz: voice_phrase(voice(hertz), RATE) for hertz in (95, 120, 220, 260)}
    assert said == {95: "man speaking", 120: "man speaking", 220: "woman speaking",
                    260: "woman speaking"}  # fmt: skip
    assert voice_phrase(noise(1), RATE) == "person speaking"


def test_command(song, tmp_path):
    out = tmp_path / "out"
    write(song / "bad" / "a.wav", noise(1))
    soundfile.write(song / "bad" / "b.wav", noise(2), 8000)
    result = CliRunner().invoke(app, ["data", "triplets", str(song), "--out", str(out)])
    assert result.exit_code == 3
    assert "1 of 2" not in result.output
    assert "2 of 2 recordings state no licence" in result.stderr
    assert "8000 and 16000 Hz" in result.stderr
    assert "3 triplets from 4 stems in 1 excerpts" in result.output
    wrong = ["data", "triplets", str(song), "--out", str(out), "--threshold", "loud=1"]
    assert "names no check" in CliRunner().invoke(app, wrong).stderr
    missing = ["data", "triplets", str(song / "x"), "--out", str(out)]
    result = CliRunner().invoke(app, missing)
    assert result.exit_code == 2
    assert "no such folder. Name" in result.stderr
    result = CliRunner().invoke(app, [*missing, "--threshold", "level=nan"])
    assert "level=nan: not a number" in result.stderr


def test_the_output_folder_is_no_recording_and_a_licence_may_be_stated_later(song):
    out = song / "out"
    for licence in (None, "CC0-1.0"):
        found = find_multitracks([song], licence=licence, out=out)
        assert len(found) == 1
        make_triplets(found, out, TripletConfig(seconds=3))
        assert {row["licence"] for row in rows(out)} == {licence}


def test_bad_recordings_stop_no_other(tmp_path):
    calls = tmp_path / "calls"
    write(calls / "a.wav", np.stack([voice(110), np.roll(voice(230), RATE)]).T)
    (calls / "damaged.wav").write_bytes(b"RIFF nothing")
    found = find_multitracks([calls], speakers=True)
    duo = {"file": "a.wav", "channels": ["a girl", "an old man", "a parrot"]}
    (calls / "m.jsonl").write_text(json.dumps(duo) + "\n")
    found += find_multitracks([calls / "m.jsonl"])
    errors = []
    report = make_triplets(
        found, tmp_path / "out", TripletConfig(off={"bleed"}), on_error=errors.append
    )
    assert report.counts["failed"] == 2
    assert report.counts["triplets"] == 2
    assert "damaged.wav" in errors[0]
    assert "has no channel 2: it has 2" in errors[1]


def test_takes_in_one_folder_are_recordings_of_their_own(tmp_path):
    lines = [{"stems": ["a.wav", "b.wav"]}, {"stems": ["c.wav", "d.wav"]}]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert len(find_multitracks([tmp_path / "m.jsonl"])) == 2
    for bad in ({"stems": "ab"}, {"stems": [{"file": "a.wav", "channel": "left"}, "b.wav"]}):
        (tmp_path / "m.jsonl").write_text(json.dumps(bad) + "\n")
        with pytest.raises(SoundsiftError, match="line 1: expected"):
            find_multitracks([tmp_path / "m.jsonl"])
