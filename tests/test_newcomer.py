"""A newcomer with README and docs only: each job gives a result, with the default model."""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import soundsift
from soundsift.audio import read
from soundsift.audio.video import has_picture
from soundsift.checkpoints.store import DEFAULT, WEIGHTS, find_model
from soundsift.cli import app

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (find_model(DEFAULT) / WEIGHTS).is_file(), reason="the default model is not there"
    ),
]


def run(line: str, *more: str) -> list[dict[str, object]]:
    """Carry a command line out; its lines of JSON."""
    result = CliRunner().invoke(app, [*line.split(), *more, "--json"])
    assert result.exit_code == 0, result.stderr
    return [json.loads(one) for one in result.stdout.splitlines()]


def stem(facts: dict[str, object], kind: str) -> np.ndarray:
    return read(Path(facts["files"][kind]), allow_silence=True).samples  # type: ignore[index]


def test_every_job_of_a_newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    separator = soundsift.load()
    monkeypatch.setattr(soundsift, "load", lambda *_, **__: separator)
    assert CliRunner().invoke(app, ["example"]).exit_code == 0
    farm = read("farm.flac").samples

    # By text, twice into one folder.
    (cow,) = run("separate farm.flac --out stems", "--text", "cow mooing")
    (woman,) = run("separate farm.flac --out stems", "--text", "The woman speaking, please!")
    assert not cow["nearly_silent"] and not woman["nearly_silent"]
    for facts in (cow, woman):
        assert np.array_equal(stem(facts, "target") + stem(facts, "residual"), farm)
    assert not np.allclose(stem(cow, "target"), stem(woman, "target"))

    # By mark: the same cow.
    (marked,) = run("separate farm.flac --span 1.5-3.5 --span 6.5-8.5 --out stems")
    a, b = stem(cow, "target").ravel(), stem(marked, "target").ravel()
    assert a @ b / np.sqrt((a @ a) * (b @ b)) > 0.7

    # A removed animal, only where it is heard; the rest of the recording is as it was.
    (removed,) = run("remove farm.flac --from 1 --to 4 --out clean", "--text", "the cow")
    without, rate = stem(removed, "without"), 44_100
    assert np.array_equal(without[:, :rate], farm[:, :rate])
    assert np.array_equal(without[:, 4 * rate :], farm[:, 4 * rate :])
    heard = slice(2 * rate, 3 * rate)
    assert np.square(without[:, heard]).sum() < 0.7 * np.square(farm[:, heard]).sum()

    # A folder, its tree kept.
    for day in ("monday", "tuesday"):
        (tmp_path / "takes" / day).mkdir(parents=True)
        soundfile.write(tmp_path / "takes" / day / "take.wav", farm[:, : 2 * rate].T, rate)
    takes = run("separate takes --tree --format flac --out parts", "--text", "music")
    assert [Path(one["files"]["target"]).parent.name for one in takes] == ["monday", "tuesday"]  # type: ignore[index]

    # A video keeps its picture and gets new sound.
    film(tmp_path / "film.mp4", farm[:, : 3 * rate], rate)
    (video,) = run("remove film.mp4 --format video --out clean", "--text", "cow mooing")
    assert has_picture(Path(video["files"]["without"]))  # type: ignore[index]

    # Four stems add up to the recording.
    parts = run("separate farm.flac --stems vocals,drums,bass,other --out song")
    total = sum(read(path).samples for path in sorted(Path("song").glob("*.wav")))
    assert len(parts) == 4 and np.array_equal(total, farm)


def film(path: Path, sound: np.ndarray, rate: int) -> None:
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        track = container.add_stream("aac", rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), "fltp", "stereo")
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
        for shade in range(sound.shape[1] * 10 // rate):
            image = np.full((48, 64, 3), shade, np.uint8)
            container.mux(picture.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(picture.encode(None))
