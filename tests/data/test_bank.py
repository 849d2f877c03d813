"""The clips of a bank, and their samples."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.data.made_bank import write_bank

from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Bank, active_level_db
from soundsift.errors import SoundsiftError

SECONDS = {"dog": 0.5, "rain": 2.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_bank(tmp_path / "bank", SECONDS, ("train", "test", "stranger-test"))


def test_a_bank_holds_the_splits_that_are_asked_for(folder: Path) -> None:
    assert {clip.split for clip in Bank(folder).clips} == {"train"}
    clips = Bank(folder, ("test", "stranger-test")).clips
    assert [(clip.concept, clip.split) for clip in clips] == [
        ("dog", "test"), ("dog", "stranger-test"), ("rain", "test"), ("rain", "stranger-test"),
    ]  # fmt: skip
    assert Bank(folder, ()).clips == []


def test_a_clip_is_completed_by_its_concept_and_keeps_its_own_caption(folder: Path) -> None:
    dog, rain = Bank(folder).clips
    assert dog.captions == ("dog", "a caption of its own", "a dog")
    assert rain.captions == ("rain", "a rain")
    assert (dog.kind, dog.groups, dog.confusable) == ("effect", (), ())


def test_a_line_may_say_all_of_a_clip_itself(folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    own = {"kind": "ambience", "groups": ["water"], "captions": ["rain", "drizzle"]}
    text = "".join(json.dumps(line | own) + "\n" for line in lines if line["concept"] == "rain")
    (folder / "manifest.jsonl").write_text(text)
    (folder / "concepts.json").unlink()
    [clip] = Bank(folder).clips
    assert (clip.kind, clip.groups, clip.captions) == ("ambience", ("water",), ("rain", "drizzle"))


def test_samples_are_those_of_the_clip(folder: Path) -> None:
    bank = Bank(folder, ("train", "test"))
    for number, clip in enumerate(bank.clips):
        wave = bank.audio(clip)
        assert wave.dtype == np.float32
        assert len(wave) == clip.samples == round(SECONDS[clip.concept] * SAMPLE_RATE)
        pitch = 200 + 50 * [0, 1, 3, 4][number]
        strongest = np.abs(np.fft.rfft(wave)).argmax() / clip.seconds
        assert strongest == pytest.approx(pitch, abs=1)
        assert np.array_equal(bank.audio(clip, 100, 50), wave[100:150])
        assert np.array_equal(bank.audio(clip, clip.samples - 10, 50), wave[-10:])


def test_without_a_manifest_the_commands_are_named(tmp_path: Path) -> None:
    with pytest.raises(SoundsiftError, match="soundsift data build"):
        Bank(tmp_path)


def test_pauses_do_not_lower_the_level() -> None:
    sound = np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    paused = np.concatenate([sound, np.zeros(3 * SAMPLE_RATE, np.float32), sound])
    assert active_level_db(sound) == pytest.approx(-3.01, abs=0.01)
    assert active_level_db(paused) == pytest.approx(-3.01, abs=0.1)
    assert active_level_db(paused * 0.1) == pytest.approx(-23.01, abs=0.1)
