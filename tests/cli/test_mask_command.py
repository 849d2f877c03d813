"""`soundsift mask`."""

import json

import av
import numpy as np
from tests.segmentation.clips import click, disc_video
from tests.video.pictures import write_video

from soundsift.evaluation.click_clips import overlap
from soundsift.video import read_masks, read_video


def test_masks_overlay_and_scores(run, tmp_path):
    pictures, right = disc_video(5)
    # At uneven times, with sound: both come through.
    times = [0, 40, 200, 230, 400]
    video = write_video(
        tmp_path / "clip.mkv", pictures, rate=1000, milliseconds=times, sound_at=0.0
    )
    asked = ("mask", video, "--point", click(), "--output", tmp_path / "out", "--json")
    result = run(*asked)
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["pictures"] == facts["found_in"] == 5 and facts["lost"] == []
    masks = list(read_masks(facts["files"]["masks"]))
    assert min(overlap(*pair) for pair in zip(masks, right, strict=True)) > 0.8
    shown = list(read_video(facts["files"]["overlay"]))
    assert [round(float(frame.time) * 1000) for frame in shown] == times
    before = pictures[2][right[2]].astype(int)
    assert np.abs(shown[2].pixels[right[2]].astype(int) - before).mean() > 20
    outside = ~masks[2] & ~right[2]
    assert np.abs(shown[2].pixels[outside].astype(int) - pictures[2][outside]).mean() < 15
    scores = json.loads((tmp_path / "out" / "clip.masks.json").read_text())
    assert [one["state"] for one in scores["per_picture"]] == ["clicked"] + 4 * ["followed"]
    assert [round(1000 * one["time"]) for one in scores["per_picture"]] == times
    again = run(*asked)
    assert again.exit_code == 2 and "clip.masks.mkv" in again.stderr


def test_sound_of_the_overlay(run, tmp_path):
    pictures, _ = disc_video(25)
    video = tmp_path / "clip.mp4"
    with av.open(str(video), "w") as container:
        stream, sound = container.add_stream("libx264", 25), container.add_stream("aac", 16000)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        sound.codec_context.layout = "mono"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
        samples = np.sin(np.arange(16384) / 8).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    result = run("mask", video, "--point", click(3), "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert "The object is found in 25 of 25 pictures" in result.stdout
    with av.open(str(tmp_path / "out" / "clip.overlay.mp4")) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        assert float(container.streams.audio[0].duration * container.streams.audio[0].time_base) > 1


def test_a_short_loss_has_a_length(run, tmp_path):
    pictures, _ = disc_video(10)
    pictures[6:] = 4 * [np.full_like(pictures[0], 128)]
    result = run(
        "mask", write_video(tmp_path / "clip.mkv", pictures), "--point", click(), "--out", tmp_path
    )
    assert result.exit_code == 0, result.stderr
    assert "Lost at 0.24-0.4 s." in result.stdout


def test_bad_points_are_one_sentence(run, tmp_path):
    video = write_video(tmp_path / "clip.mkv", disc_video(2)[0])
    for point, said in (("0,300,2", "outside the picture"), ("5,1,1", "after the end"), ("x", "x")):
        result = run("mask", video, "--point", point, "--out", tmp_path / "out")
        assert result.exit_code == 2 and said in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
