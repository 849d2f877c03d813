from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import av
import numpy as np
import pyloudnorm
import pytest
import soundfile
from tests.evaluation.listening_test.made_results import RATE, SECONDS, tone, write_results

from soundsift.errors import SoundsiftError
from soundsift.evaluation.listening_test.design import TestSettings
from soundsift.evaluation.listening_test.folder import TestFolder
from soundsift.evaluation.listening_test.making import make_test


def loudness(folder: TestFolder, name: str) -> float:
    samples, rate = soundfile.read(folder.media(name), always_2d=True)
    assert (rate, len(samples)) == (48_000, round(48_000 * SECONDS))
    assert np.abs(samples).max() < 10 ** (-1 / 20) + 1e-4
    return pyloudnorm.Meter(rate).integrated_loudness(samples)


def test_all_sounds_have_one_loudness(made) -> None:
    assert [item.id for item in made.description.items] == [f"item {n}" for n in range(4)]
    for item in (*made.description.items, *made.description.gold):
        for stimulus in (item.mixture, *item.outputs.values()):
            assert loudness(made, stimulus.file) == pytest.approx(-23.0, abs=0.05)
            assert stimulus.loudness == pytest.approx(-23.0, abs=0.01)


def test_nothing_tells_the_systems_apart(made) -> None:
    media = sorted(made.path.joinpath("media").iterdir())
    assert len(media) == 4 * 3 + 4 * 3
    assert all(path.stat().st_mtime == 0 for path in media)
    assert not any("ours" in path.name or "theirs" in path.name for path in media)
    # The token of the listeners' link is for this user only.
    assert stat.S_IMODE((made.path / "test.json").stat().st_mode) == 0o600


def test_scores_and_gold(made) -> None:
    scores = made.items["item 1"].scores
    assert scores["ours"].keys() == {"si_sdr"}
    assert scores["ours"]["si_sdr"] > scores["theirs"]["si_sdr"] + 10
    gold = made.description.gold[0]
    better, worse = (
        soundfile.read(made.media(gold.outputs[name].file))[0] for name in ("better", "worse")
    )
    # A quarter of a second of the tone, then noise alone.
    quarter = 48_000 // 4
    on, off = slice(0, quarter), slice(quarter, 2 * quarter)
    assert abs(np.corrcoef(better[on], worse[on])[0, 1]) > 0.5
    assert abs(np.corrcoef(better[off], worse[off])[0, 1]) < 0.3


def test_a_near_silent_output_stays_so(tmp_path) -> None:
    files = write_results(tmp_path, {"ours": 0.1, "quiet": 0.1}, items=1)
    sound, rate = soundfile.read(tmp_path / "quiet" / "0-target.wav")
    soundfile.write(tmp_path / "quiet" / "0-target.wav", 1e-2 * sound, rate, "FLOAT")
    make_test([(None, f) for f in files], tmp_path / "test")
    item = TestFolder(tmp_path / "test").items["item 0"]
    # 40 dB below the other output, of which 20 are made up for.
    raised = item.outputs["quiet"].gain_db - item.mixture.gain_db
    assert raised == pytest.approx(20.0, abs=0.02)
    assert item.outputs["quiet"].loudness < item.outputs["ours"].loudness - 10
    soundfile.write(tmp_path / "quiet" / "0-target.wav", np.zeros_like(sound), rate)
    make_test([(None, f) for f in files], tmp_path / "silent")
    assert TestFolder(tmp_path / "silent").items["item 0"].outputs["quiet"].loudness is None


def test_clicks_lower_the_whole_item(tmp_path) -> None:
    files = write_results(tmp_path, {"ours": 0.1, "clicks": 0.1}, items=1)
    clicks = 1e-3 * tone(440)
    clicks[::1600] = 0.9
    soundfile.write(tmp_path / "clicks" / "0-target.wav", clicks, RATE, "FLOAT")
    make_test([(None, f) for f in files], tmp_path / "test")
    folder = TestFolder(tmp_path / "test")
    item = folder.items["item 0"]
    levels = [loudness(folder, s.file) for s in (item.mixture, *item.outputs.values())]
    assert max(levels) - min(levels) < 0.05
    assert levels[0] < -24


def test_a_video_keeps_its_picture_and_loses_its_sound(tmp_path) -> None:
    files = write_results(tmp_path, {"ours": 0.1, "theirs": 0.5}, items=1)
    video = tmp_path / "scene.mp4"
    with av.open(str(video), "w") as container:
        picture = container.add_stream("mpeg4", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("aac", rate=RATE)
        sound.layout = "mono"
        for number in range(15):
            image = np.full((48, 64, 3), 10 * number, np.uint8)
            container.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        wave = (tone(440) + tone(1300)).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate = RATE
        container.mux(sound.encode(frame))
        container.mux(picture.encode(None))
        container.mux(sound.encode(None))
    for file in files:
        row = json.loads(file.read_text()) | {"mixture": str(video)}
        file.write_text(json.dumps(row))
    make_test([(None, f) for f in files], tmp_path / "test")
    folder = TestFolder(tmp_path / "test")
    copied = folder.items["item 0"].video
    with av.open(str(folder.media(copied))) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert sum(1 for _ in container.decode(video=0)) == 15


def test_given_gold_items(results, tmp_path) -> None:
    folder = results[0].parent
    row = {"id": "known", "mixture": str(folder / "0-mixture.wav"), "prompt": "low tone"}
    row |= {"better": str(folder / "0-target.wav"), "worse": str(folder / "0-mixture.wav")}
    gold = tmp_path / "gold.jsonl"
    gold.write_text(json.dumps(row))
    make_test([(None, f) for f in results], tmp_path / "test", gold=gold)
    assert list(TestFolder(tmp_path / "test").gold) == ["known"]


def test_items_are_drawn_by_the_seed(results, tmp_path) -> None:
    drawn = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        settings = TestSettings(seed=seed, gold=0, training=0)
        make_test([(None, f) for f in results], tmp_path / name, settings, items=2)
        drawn.append(list(TestFolder(tmp_path / name).items))
    assert drawn[0] == drawn[1]
    assert {len(one) for one in drawn} == {2}
    assert drawn[0] != drawn[2]


def change(file: Path, **changes: object) -> None:
    rows = [json.loads(line) | changes for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def refused(files: list[Path], out: Path, *culprits: str) -> None:
    with pytest.raises(SoundsiftError) as refusal:
        make_test([(None, f) for f in files], out)
    for culprit in culprits:
        assert culprit in str(refusal.value)
    assert not (out / "test.json").exists()
    assert not (out / "media").exists()


def test_refusals(results, tmp_path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(results[0].parent.parent, mine)
    one, other = mine / "ours" / "results.jsonl", mine / "theirs" / "results.jsonl"
    out = tmp_path / "out"
    refused([one], out, "1 system", "NAME=FILE")
    refused([one, one], out, "two rows", "'ours'")
    refused([tmp_path / "none.jsonl", other], out, "none.jsonl")
    change(other, prompt="another")
    refused([one, other], out, "'another'", "item 0")
    change(other, prompt="low tone 0", id="no such item")
    refused([one], out, "1 system")
    other.write_text('{"id": "x"}\n')
    refused([one, other], out, "line 1", "mixture")
    other.write_text("{\n")
    refused([one, other], out, "no valid JSON")
    shutil.copy(results[1], other)
    soundfile.write(mine / "theirs" / "0-target.wav", tone(440)[: RATE // 2], RATE)
    refused([one, other], out, "0-target.wav", "0.50 s", "1.50 s")
    shutil.copy(results[1].parent / "0-target.wav", mine / "theirs" / "0-target.wav")
    soundfile.write(mine / "theirs" / "0-mixture.wav", tone(200), RATE)
    refused([one, other], out, "0-mixture.wav", "same mixtures")
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    with pytest.raises(SoundsiftError, match="not empty"):
        make_test([(None, f) for f in results], out)
    assert (out / "mine.txt").read_text() == "keep"


def test_items_of_one_system_are_left_out(results, tmp_path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(results[0].parent.parent, mine)
    one, other = mine / "ours" / "results.jsonl", mine / "theirs" / "results.jsonl"
    rows = [json.loads(line) for line in other.read_text().splitlines()]
    rows[1]["target"] = None
    other.write_text("".join(json.dumps(row) + "\n" for row in rows[:3]))
    left_out = make_test([("a", one), ("b", mine / "theirs")], tmp_path / "test")
    assert left_out == ["item 1", "item 3"]
    items = TestFolder(tmp_path / "test").items
    assert {name: set(item.outputs) for name, item in items.items()} == {
        "item 0": {"a", "b"},
        "item 2": {"a", "b"},
    }


def test_a_folder_without_a_test(tmp_path) -> None:
    with pytest.raises(SoundsiftError, match="no listening test"):
        TestFolder(tmp_path)
    (tmp_path / "test.json").write_text('{"settings": {}, "items": [], "gold": [], "token": "x"}')
    with pytest.raises(SoundsiftError, match="can't be used"):
        TestFolder(tmp_path)
