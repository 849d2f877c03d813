"""Clicks on an object in a recording's video, and boxes around it."""

import json
import math
from collections.abc import Sequence
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
from soundsift.studio.marks import Marks
from soundsift.studio.records import FOLLOWED
from soundsift.video import Box, Point, VisualPrompt


def click(x: float, y: float, time: float = 0.0, **more: Any) -> dict[str, Any]:
    return {"time": time, "x": x, "y": y, **more}


def box(disc: tuple[Any, ...], time: float | None = 0.0, **more: Any) -> dict[str, Any]:
    """A box around a disc at rest."""
    (x, y), *_ = disc
    return {"x": x - 22, "y": y - 22, "width": 44, "height": 44, "time": time, **more}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    write_film(path)
    return path


@pytest.fixture(scope="module")
def seen(client: Client, film: Path) -> str:
    return client.upload(film.read_bytes(), "film.mp4").json()["id"]


def outlined(
    client: Client, recording: str, *points: dict[str, Any], boxes: Sequence[dict[str, Any]] = ()
) -> Any:
    asked = {"points": points, "boxes": boxes}
    return client.http.post(f"/api/recordings/{recording}/outlines", json=asked)


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


def test_outlines_from_boxes(client: Client, seen: str) -> None:
    (x, y), (high, _) = LOW[0], HIGH[0]
    wide = {"x": 0.1, "y": 0.2, "width": 0.8, "height": 0.6, "time": 0.2}
    outside = click(high, y, 0.21, positive=False)
    beside = click(10, 10, 1.0, positive=False)
    answer = outlined(client, seen, outside, beside, boxes=[box(HIGH, 2.6), wide])
    assert answer.status_code == 200, answer.text
    first, nothing, last = answer.json()["outlines"]
    for outline, start, place in ((first, 0.2, (x, y)), (last, 2.6, (high, y))):
        assert outline["start"] == pytest.approx(start)
        (polygon,) = outline["polygons"]
        middle = (np.min(polygon, axis=0) + np.max(polygon, axis=0)) / 2
        assert middle == pytest.approx(place, abs=3)
        assert area(polygon) == pytest.approx(math.pi * 18**2, rel=0.2)
    assert (nothing["start"], nothing["polygons"]) == (1.0, [])


def followed(
    client: Client, recording: str, *points: dict[str, Any], boxes: Sequence[dict[str, Any]] = ()
) -> list[Any]:
    path = f"/api/recordings/{recording}/outlines/followed"
    answer = client.http.post(path, json={"points": points, "boxes": boxes})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-encoding"] == "gzip"
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.mark.parametrize(
    ("points", "boxes"), [([click(*LOW[0], 0.9)], []), ([click(*LOW[0], 3.2)], [box(LOW, 0.96)])]
)
def test_followed_outlines_are_the_masks_of_a_job(
    client: Client,
    seen: str,
    film: Path,
    points: list[dict[str, Any]],
    boxes: list[dict[str, Any]],
) -> None:
    facts, *outlines = followed(client, seen, *points, boxes=boxes)
    assert facts == {"width": 160, "height": 120, "pictures": 100, "start": 0.0, "end": None}
    by_time = {one["start"]: one for one in outlines}
    assert len(by_time) == 100
    marks = Marks.of({"points": [{"positive": True} | one for one in points], "boxes": boxes})
    track = follow_object(film, marks.points, marks.boxes)
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

        marks = Marks((Point(0.0, *LOW[0]),))
        lines = studio.outlines.followed(studio.recordings.find(seen), marks, gone)
        await anext(lines)
        left = True
        assert [line async for line in lines] == []
        while not written:
            await anyio.sleep(0.05)

    anyio.run(read_and_leave)
    assert 0 < written[0] < 101


REFUSED = [
    ([click(200, 10)], [], "Point 0,200,10,+ is outside the picture, which is 160 pixels wide"),
    ([click(10, 10, 9.0)], [], "Point 9,10,10,+ is after the end"),
    ([click(10, 10, positive=False)], [], "All points say where the object is not."),
    ([click(-1, 10)], [], "points.0.x: input should be greater than or equal to 0."),
    ([], [box(LOW, x=130)], "box 130,38,44,44@0 reaches beyond the picture, which is 160 pixels"),
    ([click(45, 60)], [box(LOW, 9.0)], "Box 23,38,44,44@9 is after the end"),
    ([], [box(LOW, width=3, height=3)], "Box 23,38,3,3@0 is too small. Draw it around"),
    ([], [box(LOW, width=0)], "boxes.0.width: input should be greater than 0."),
    ([], [box(LOW, True)], "boxes.0.time: input should be a valid number."),
]


@pytest.mark.parametrize(("points", "boxes", "part"), REFUSED)
def test_refusals(
    client: Client,
    seen: str,
    points: list[dict[str, Any]],
    boxes: list[dict[str, Any]],
    part: str,
) -> None:
    path = f"/api/recordings/{seen}/outlines/followed"
    follow = client.http.post(path, json={"points": points, "boxes": boxes})
    job = client.ask(seen, points=points, boxes=boxes)
    for answer in (outlined(client, seen, *points, boxes=boxes), job, follow):
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith(part)
        assert answer.json()["detail"].endswith(".")


def test_refused_outlines(client: Client, seen: str) -> None:
    two = outlined(client, seen, boxes=[box(LOW, 0.2), box(HIGH, 0.21)])
    assert "marks a picture that has another box" in two.json()["detail"]
    nothing = outlined(client, seen).json()["detail"]
    assert nothing == "the request: nothing marks the object; give a point or a box."
    region = outlined(client, seen, boxes=[box(LOW, None)]).json()["detail"]
    assert region.startswith("boxes.0.time: input should be a valid number.")


def test_refused_without_pictures(client: Client) -> None:
    sound = client.recording()
    for answer in (
        outlined(client, sound, click(1, 1)),
        client.ask(sound, points=[click(1, 1)]),
        client.ask(sound, boxes=[box(LOW)]),
    ):
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("street.wav has no picture.")


def test_refused_beside_regions_or_prompts(client: Client, seen: str) -> None:
    points, region = [click(45, 60)], box(LOW, None)
    for marks in ({"points": points, "boxes": [region]}, {"boxes": [region, box(HIGH)]}):
        refused = client.ask(seen, **marks).json()["detail"]
        assert refused.startswith("A box without a time is a region by itself")
    both = client.ask(seen, boxes=[box(LOW, span=[0, 1])]).json()["detail"]
    assert both == "boxes.0: the box has a span and a time; give one of them."
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
    # Its box is wide; the click takes the other disc out of it.
    points = [click(*HIGH[0], positive=False)]
    boxes = [{"x": 16, "y": 30, "width": 124, "height": 60, "time": 0}]
    with opens(tmp_path, engine=Separators(models, "cpu", "float32"), models=models) as client:
        recording = client.upload(film.read_bytes(), "film.mp4").json()["id"]
        job = client.do(recording, "dog", model="tiny", points=points, boxes=boxes)
        assert job["error"] is None
        wav = client.http.get(f"/api/recordings/{recording}/audio").content
        target = client.stem(job["id"], "target")
    assert "--box 16,30,124,60@0 --point 0,115,60,-" in job["command"]
    moves = job["settings"]["seen"]["moves"]
    assert np.ravel(moves) == pytest.approx(np.ravel(LOW[2]), abs=0.12)
    (tmp_path / "film.wav").write_bytes(wav)
    visual = VisualPrompt(
        (Box(16, 30, 124, 60, moment=0),), points=(Point(0, *HIGH[0], positive=False),), video=film
    )
    separator = soundsift.load(folder, "cpu", "float32")
    expected = separator.separate(tmp_path / "film.wav", text="dog", visual=visual)
    np.testing.assert_array_equal(target, expected.target[0])
    assert job["settings"]["seen"] == expected.settings["seen"]
