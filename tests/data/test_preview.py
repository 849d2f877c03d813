"""Example scenes: what is written is what was drawn."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import soundfile
from matplotlib.image import imread
from typer.testing import CliRunner

from soundsift.cli import app
from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Bank, Clip
from soundsift.data.preview import write_previews
from soundsift.data.scene_config import SceneConfig
from soundsift.data.scenes import SceneGenerator
from soundsift.errors import SoundsiftError

SOUNDS = {
    "dog barking": ("effect", ("animal",)),
    "man speaking": ("speech", ("speech",)),
    "piano": ("instrument", ("keyboard",)),
}


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bank")
    (folder / "clips").mkdir()
    rng = np.random.default_rng(0)
    offset, lines = 0, []
    with (folder / "clips" / "made.i16").open("wb") as shard:
        for name, (kind, groups) in SOUNDS.items():
            wave = (3000 * rng.standard_normal(SAMPLE_RATE)).astype(np.int16)
            shard.write(wave.tobytes())
            clip = Clip(
                *("made", f"{name}.wav", "CC0", name, kind, groups, (name, f"a {name}"), "train"),
                *(name, "made.i16", offset, len(wave), 1.0, -20.0),
            )
            offset += len(wave)
            lines.append(json.dumps(asdict(clip)) + "\n")
    (folder / "manifest.jsonl").write_text("".join(lines))
    return folder


@pytest.fixture
def no_pictures(monkeypatch):
    """Drawing takes most of the time."""
    monkeypatch.setattr("soundsift.data.preview.spectrogram_picture", lambda *_, **__: None)


def sound(path):
    wave, rate = soundfile.read(path, dtype="float32")
    assert rate == SAMPLE_RATE
    return wave


def test_scenes_are_those_of_the_generator(bank, tmp_path):
    law = SceneConfig(source_counts=(0, 1, 0, 0), drop_text=0, drop_spans=0, absent=0)
    folders = write_previews(bank, tmp_path / "out", 2, seconds=1.0, seed=3, law=law)
    assert [f.name for f in folders] == ["scene-000", "scene-001"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["scene-000", "scene-001"]
    generator = SceneGenerator(Bank(bank), law, seed=3)
    for number, folder in enumerate(folders):
        rng = generator.rng(number)
        scene = generator.scene(rng, 1.0)
        query = generator.query(scene, rng)
        record = json.loads((folder / "scene.json").read_text())
        stems = [source["stem"] for source in record["sources"]]
        files = {"mixture.wav", "scene.json", "picture.png", *stems}
        assert {p.name for p in folder.iterdir()} == files
        for stem, source in zip(stems, scene.sources, strict=True):
            np.testing.assert_array_equal(sound(folder / stem), source.wave)
        whole = sum(sound(folder / stem) for stem in stems)
        np.testing.assert_allclose(sound(folder / "mixture.wav"), whole, atol=1e-6)
        assert [s["caption"] for s in record["sources"]] == [s.clip.concept for s in scene.sources]
        assert record["query"]["text"] == query.text
        assert record["query"]["spans"] == [asdict(span) for span in query.spans]
        assert record["query"]["answer"] == [stems[i] for i in query.targets]
        assert imread(folder / "picture.png").shape[:2] == (1200, 1600)


def test_absent_sounds_are_shown_too(bank, tmp_path, no_pictures):
    law = SceneConfig(absent=1.0, source_counts=(1, 0, 0, 0))
    (folder,) = write_previews(bank, tmp_path, 1, seconds=1.0, law=law)
    query = json.loads((folder / "scene.json").read_text())["query"]
    assert query["answer"] == [] and query["text"]


def test_existing_folders(bank, tmp_path, no_pictures):
    (folder,) = write_previews(bank, tmp_path, 1, seconds=1.0)
    with pytest.raises(SoundsiftError, match="exists already"):
        write_previews(bank, tmp_path, 1, seconds=1.0)
    (folder / "stem-9-old.wav").write_text("left over")
    write_previews(bank, tmp_path, 1, seconds=1.0, overwrite=True)
    assert not (folder / "stem-9-old.wav").exists()
    (folder / "scene.json").unlink()
    before = sorted(folder.iterdir())
    with pytest.raises(SoundsiftError, match="no preview"):
        write_previews(bank, tmp_path, 1, seconds=1.0, overwrite=True)
    assert sorted(folder.iterdir()) == before


def test_a_split_without_clips(bank, tmp_path):
    with pytest.raises(SoundsiftError, match="'test'"):
        write_previews(bank, tmp_path / "out", 1, split="test")
    assert not (tmp_path / "out").exists()


def test_nothing_half_written(bank, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("soundsift.data.preview.spectrogram_picture", fail)
    with pytest.raises(KeyboardInterrupt):
        write_previews(bank, tmp_path, 1, seconds=1.0)
    assert list(tmp_path.iterdir()) == []


def test_from_the_command_line(bank, tmp_path, no_pictures):
    paths = ["--bank", str(bank), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, ["data", "preview", *paths, "--scenes=2", "--seconds=1"])
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"2 scenes in {tmp_path / 'out'}: scene-000 to scene-001.\n"
