"""Rendering procedural sound into a bank."""

import json
from pathlib import Path

import numpy as np
import pytest

from soundsift.data.bank import Bank
from soundsift.data.captions import load_rules
from soundsift.data.manifest import write_manifest
from soundsift.data.procedural import render as rendering
from soundsift.data.procedural.render import render, render_all
from soundsift.data.procedural.table import SOUNDS

FEW = ("beep", "mosquito", "kick_drum")


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(rendering, "SOUNDS", {name: SOUNDS[name] for name in FEW})
    assert render_all(tmp_path, workers=1, variants=2) == 2 * len(FEW)
    return tmp_path


def test_clips_go_into_the_manifest_for_training_alone(bank: Path) -> None:
    counts = write_manifest(bank, load_rules())
    assert dict(counts) == {"train": 2 * len(FEW)}
    clips = Bank(bank).clips
    assert {clip.concept for clip in clips} == {SOUNDS[name].concept for name in FEW}
    assert {clip.source for clip in clips} == {"procedural"}
    assert all(clip.licence.startswith("CC0-1.0") for clip in clips)
    assert len({clip.speaker for clip in clips}) == len(clips)


def test_the_samples_are_those_of_the_generator(bank: Path) -> None:
    write_manifest(bank, load_rules())
    sounds = Bank(bank)
    clip = next(clip for clip in sounds.clips if clip.path == "mosquito/001")
    kept = sounds.audio(clip)
    whole = render("mosquito", 1)
    # Silent ends are trimmed, nothing else is changed.
    start = int(np.argmax(np.abs(whole) > np.abs(whole).max() / 1000))
    assert np.allclose(kept, whole[start : start + len(kept)], atol=1e-4)
    assert len(kept) > 0.9 * len(whole)


def test_what_is_rendered_is_kept(bank: Path) -> None:
    index = bank / "clips" / "procedural.rendered.json"
    before = json.loads(index.read_text())
    assert render_all(bank, workers=1, variants=3) == 0
    assert json.loads(index.read_text()) == before


def test_new_generators_are_added_and_renamed_ones_follow(
    bank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = bank / "clips" / "procedural.rendered.json"
    before = json.loads(index.read_text())
    old = [entry | {"concept": "an older name"} for entry in before]
    index.write_text(json.dumps(old))
    more = {name: SOUNDS[name] for name in (*FEW, "snare_drum")}
    monkeypatch.setattr(rendering, "SOUNDS", more)
    assert render_all(bank, workers=1, variants=2) == 2
    after = json.loads(index.read_text())
    assert after[: len(before)] == before
    assert {entry["path"].partition("/")[0] for entry in after[len(before) :]} == {"snare_drum"}
    write_manifest(bank, load_rules())
    sounds = Bank(bank)
    clip = next(clip for clip in sounds.clips if clip.path == "snare_drum/000")
    assert len(sounds.audio(clip)) == clip.samples
