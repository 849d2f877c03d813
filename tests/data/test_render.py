"""What the soundfonts are to play, and how it gets into the bank. The players have `test_midi`."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from soundsift.data import render
from soundsift.data.captions import Concept, Rules
from soundsift.data.render import FONTS, Font, plan, render_all
from soundsift.data.sources import sources

RULES = Rules(
    concepts={n: Concept(n, "instrument") for n in ("piano", "violin", "snare", "drum beat")},
    programs={0: "piano", 40: "violin"},
    drum_notes={38: "snare"},
)


def stems(folder: Path, **font: object) -> list[render.Stem]:
    chosen = Font("freepats", "x.cfg", **({"stems": 6, "excerpts": 2} | font))  # type: ignore
    return list(plan(chosen, RULES, folder, np.random.default_rng(0)))


def kinds(planned: list[render.Stem]) -> Counter[tuple[str, int | None]]:
    return Counter((stem.concept, stem.program) for stem in planned)


def test_every_program_drum_and_the_kit_get_their_phrases(tmp_path: Path) -> None:
    planned = stems(tmp_path)
    assert kinds(planned) == {
        ("piano", 0): 6, ("violin", 40): 6, ("snare", None): 2, ("drum beat", None): 24,
    }  # fmt: skip
    assert len({stem.path for stem in planned}) == len(planned)
    assert all(stem.notes for stem in planned)
    for stem in planned:
        if stem.concept == "snare":
            assert {note.pitch for note in stem.notes} == {38}


def test_phrases_differ_and_are_the_same_each_time(tmp_path: Path) -> None:
    planned = stems(tmp_path)
    assert planned == stems(tmp_path)
    assert len({stem.notes for stem in planned}) == len(planned)


def test_fonts_keep_to_their_programs(tmp_path: Path) -> None:
    assert kinds(stems(tmp_path, only=frozenset({40}))) == {("violin", 40): 6}
    left = kinds(stems(tmp_path, without=frozenset({40})))
    assert {program for _, program in left} == {0, None}


def test_free_midi_files_give_excerpts_up_to_a_limit(tmp_path: Path) -> None:
    mido = pytest.importorskip("mido")
    folder = tmp_path / "packages/openttd-openmsx/usr/share/games/openttd/baseset"
    folder.mkdir(parents=True)
    for number in range(3):
        file = mido.MidiFile()
        track = mido.MidiTrack()
        file.tracks.append(track)
        track.append(mido.Message("program_change", channel=1, program=40))
        track.append(mido.Message("program_change", channel=2, program=77))  # without a concept
        for channel in (1, 2, 9):
            for _ in range(8):
                track.append(mido.Message("note_on", channel=channel, note=64, velocity=80))
                track.append(mido.Message("note_off", channel=channel, note=64, time=400))
        file.save(folder / f"song{number}.mid")
    added = kinds(stems(tmp_path)) - kinds(stems(tmp_path / "none"))
    assert added == {("violin", 40): 2, ("drum beat", None): 2}


def test_rendering_writes_what_sounds_and_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def player(file: Path, program: int | None, notes: object, seconds: float, rate: int) -> object:
        if program == 40:
            raise ValueError("no such patch")
        time = np.arange(round(rate * 0.2)) / rate
        # The drums of this font are silent.
        return np.float32(0.5 if program == 0 else 0) * np.sin(2 * np.pi * 440 * time, dtype="f4")

    monkeypatch.setattr(render, "ProcessPoolExecutor", ThreadPoolExecutor)
    monkeypatch.setattr(render, "load_rules", lambda: RULES)
    monkeypatch.setattr(render.gus, "render", player)
    missing = Font("fluid-soundfont-gm", "missing.sf2", 2, 0)
    monkeypatch.setattr(render, "FONTS", (missing, Font("freepats", "etc/x.cfg", 4, 0)))
    (tmp_path / "packages/freepats/etc").mkdir(parents=True)
    (tmp_path / "packages/freepats/etc/x.cfg").touch()

    assert render_all(tmp_path) == 4

    index = json.loads((tmp_path / "clips/freepats.rendered.json").read_text())
    assert [entry["concept"] for entry in index] == ["piano"] * 4
    data = np.fromfile(tmp_path / "clips/freepats.rendered.i16", np.int16)
    assert len(data) == sum(entry["samples"] for entry in index)
    for entry in index:
        clip = data[entry["offset"] : entry["offset"] + entry["samples"]] / 32767
        assert np.abs(clip).max() == pytest.approx(0.5, abs=1e-3)
        assert entry["level_db"] == pytest.approx(-9.03, abs=0.2)
    assert render_all(tmp_path) == 0


def test_the_fonts_for_testing_share_no_samples_with_the_font_for_training() -> None:
    fonts = {font.package: font for font in FONTS}
    assert next(iter(fonts)) == "fluid-soundfont-gm"
    musescore, freepats = fonts["musescore-general-soundfont"], fonts["freepats"]
    assert musescore.only is not None
    assert not musescore.plays(None)
    assert not any(font.plays(46) for font in (musescore, freepats))  # the harp is in all three
    assert sources()["timgm6mb-soundfont"].stranger == "test"  # nothing in common: plays all


def test_a_second_soundfont_plays_every_second_stem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = []

    def player(file: Path, program: int | None, *rest: object) -> object:
        played.append((file.name, program, rest[-1]))
        return np.sin(np.arange(9600, dtype=np.float32))

    monkeypatch.setattr(render, "ProcessPoolExecutor", ThreadPoolExecutor)
    monkeypatch.setattr(render, "load_rules", lambda: RULES)
    monkeypatch.setattr(render.midi, "render", player)
    only = frozenset({None})
    kits = Font("kits", "a.sf2", 1, 0, only=only, second_file="b.sf2", drum_preset=(0, 3))
    monkeypatch.setattr(render, "FONTS", (kits,))
    (tmp_path / "packages/kits").mkdir(parents=True)
    (tmp_path / "packages/kits/a.sf2").touch()
    assert render_all(tmp_path, workers=1) == len(played) == 2 + 4  # a drum and the kit
    assert Counter(name for name, _, _ in played) == {"a.sf2": 3, "b.sf2": 3}
    assert {(program, preset) for _, program, preset in played} == {(None, (0, 3))}
