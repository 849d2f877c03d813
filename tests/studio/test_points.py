"""Clicks on an object in a recording's video."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")
pytest.importorskip("cv2", reason="pip install 'soundsift[visual]'")

import anyio
import cv2
from clicked import HIGH, LOW, write_film
from clients import Client, Opens
from tests.tiny_model import write_tiny_model

import soundsift
from soundsift.segmentation import follow_object
from soundsift.studio.engine import Separators
from soundsift.studio.records import FOLLOWED
from soundsift.video import Point, VisualPrompt


def click(x: float, y: float, time: float = 0.0, **more: Any) -> dict[str, Any]:
    return {"time": time, "x": x, "y": y, **more}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    write_film(path)
    return path


@pytest.fixture(scope="module")
def seen(client: Client, film: Path) -> str:
    return client.upload(film.read_bytes(), "film.mp4").json()["id"]


def outlined(client: Client, recording: str, *points: dict[str, Any]) -> Any:
    return client.http.post(f"/api/recordings/{recording}/outlines", json={"points": points})


def area(polygon: list[list[float]]) -> float:
    x, y = np.array(polygon).T
    return abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2


def test_outlines(client: Client, seen: str) -> None:
    (low, y), (high, _) = LOW[0], HIGH[0]
    clicks = click(low, y, 0.21), click(high, y, 2.6), click(10, 10, 1.0, positive=False)
    answer = outlined(client, seen, *clicks)
    assert answer.status_code == 200, answer.text
    first, nothing, last = answer.json()["outlines"]
    for outline, start, x in ((first, 0.2, low), (last, 2.6, high)):
        assert (outline["start"], outline["end"]) == pytest.approx((start, start + 0.04))
        assert (outline["width"], outline["height"]) == (160, 120)
        (polygon,) = outline["polygons"]
        middle = (np.min(polygon, axis=0) + np.max(polygon, axis=0)) / 2
        assert middle == pytest.approx((x, y), abs=3)
        assert area(polygon) == pytest.approx(math.pi * 18**2, rel=0.2)
    assert (nothing["start"], nothing["polygons"]) == (1.0, [])
    # In fractions, and clicks in one picture together.
    both = click(low / 160, y / 120, 0.21), click(high / 160, y / 120, 0.22, positive=False)
    assert outlined(client, seen, *both).json()["outlines"] == [first]


def followed(client: Client, recording: str, *points: dict[str, Any]) -> list[Any]:
    path = f"/api/recordings/{recording}/outlines/followed"
    answer = client.http.post(path, json={"points": points})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-encoding"] == "gzip"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_followed_outlines_are_the_masks_of_a_job(client: Client, seen: str, film: Path) -> None:
    facts, *outlines = followed(client, seen, click(*LOW[0], 0.9))
    assert facts == {"width": 160, "height": 120, "pictures": 100, "start": 0.0, "end": None}
    by_time = {one["start"]: one for one in outlines}
    assert len(by_time) == len(outlines) == 100
    track = follow_object(film, [Point(0.9, *LOW[0])])
    for time, mask, score in zip(track.times, track.masks(), track.scores, strict=True):
        one = by_time[float(time)]
        assert one["score"] == score
        # Corners are the middles of pixels.
        corners = [np.int32(np.array(polygon) - 0.5) for polygon in one["polygons"]]
        drawn = cv2.fillPoly(np.zeros(mask.shape, np.uint8), corners, 1).astype(bool)
        assert np.count_nonzero(drawn & mask) > 0.95 * np.count_nonzero(drawn | mask)


def test_a_long_video_is_followed_around_the_clicks(
    opens: Opens, film: Path, tmp_path: Path
) -> None:
    with opens(tmp_path, follow_seconds=0.5) as client:
        recording = client.upload(film.read_bytes(), "film.mp4").json()["id"]
        facts, *outlines = followed(client, recording, click(*HIGH[0], 2.0))
    assert (facts["start"], facts["end"]) == (1.48, 2.52)
    assert facts["pictures"] == len(outlines) == 26
    assert all(one["score"] > 0.35 for one in outlines)


# A fast machine may have followed the whole clip before the connection ends.
@pytest.mark.slow
def test_following_ends_with_the_connection(
    client: Client, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = client.studio
    written: list[int] = []
    follow = studio.decoders.follow

    def counted(video: Path, folder: Path, *rest: Any) -> None:
        follow(video, folder, *rest)
        written.append(len((folder / FOLLOWED).read_text().splitlines()))

    monkeypatch.setattr(studio.decoders, "follow", counted)

    async def read_and_leave() -> None:
        left = False

        async def gone() -> bool:
            return left

        point = Point(0.0, *LOW[0])
        lines = studio.outlines.followed(studio.recordings.find(seen), [point], gone)
        await anext(lines)
        left = True
        assert [line async for line in lines] == []
        while not written:
            await anyio.sleep(0.05)

    anyio.run(read_and_leave)
    assert 0 < written[0] < 101


REFUSED = [
    ([click(200, 10)], "Point 0,200,10,+ is outside the picture, which is 160 pixels wide"),
    ([click(10, 10, 9.0)], "Point 9,10,10,+ is after the end"),
    ([click(10, 10, positive=False)], "All points say where the object is not."),
    ([click(-1, 10)], "points.0.x: input should be greater than or equal to 0."),
]


@pytest.mark.parametrize(("points", "part"), REFUSED)
def test_refusals(client: Client, seen: str, points: list[dict[str, Any]], part: str) -> None:
    path = f"/api/recordings/{seen}/outlines/followed"
    follow = client.http.post(path, json={"points": points})
    for answer in (outlined(client, seen, *points), client.ask(seen, points=points), follow):
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith(part)
        assert answer.json()["detail"].endswith(".")


def test_refused_without_pictures(client: Client) -> None:
    sound = client.recording()
    for answer in (outlined(client, sound, click(1, 1)), client.ask(sound, points=[click(1, 1)])):
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("street.wav has no picture.")


def test_refused_with_boxes_or_beside_prompts(client: Client, seen: str) -> None:
    points = [click(45, 60)]
    box = {"x": 0, "y": 0, "width": 1, "height": 1}
    assert "can't be combined" in client.ask(seen, points=points, boxes=[box]).json()["detail"]
    several = client.ask(seen, None, points=points, prompts=[{"text": "dog"}])
    assert "inside of prompts" in several.json()["detail"]


def test_refused_without_opencv(client: Client, seen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soundsift.optional.importlib.util.find_spec", lambda name: None)
    answer = client.ask(seen, points=[click(45, 60)])
    assert answer.status_code == 422
    assert "pip install 'soundsift[visual]'" in answer.json()["detail"]


@pytest.mark.slow
def test_server_and_library_agree(opens: Opens, film: Path, tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "tiny")
    models = {"tiny": str(folder)}
    points = [click(*LOW[0]), click(*HIGH[0], positive=False)]
    with opens(tmp_path, engine=Separators(models, "cpu", "float32"), models=models) as client:
        recording = client.upload(film.read_bytes(), "film.mp4").json()["id"]
        job = client.do(recording, "dog", model="tiny", points=points)
        assert job["error"] is None
        wav = client.http.get(f"/api/recordings/{recording}/audio").content
        target = client.stem(job["id"], "target")
    assert "--point 0,45,60,+ --point 0,115,60,-" in job["command"]
    moves = job["settings"]["seen"]["moves"]
    assert np.ravel(moves) == pytest.approx(np.ravel(LOW[2]), abs=0.12)
    (tmp_path / "film.wav").write_bytes(wav)
    clicks = Point(0, *LOW[0]), Point(0, *HIGH[0], positive=False)
    separator = soundsift.load(folder, "cpu", "float32")
    expected = separator.separate(
        tmp_path / "film.wav", text="dog", visual=VisualPrompt(points=clicks, video=film)
    )
    np.testing.assert_array_equal(target, expected.target[0])
    assert job["settings"]["seen"] == expected.settings["seen"]
