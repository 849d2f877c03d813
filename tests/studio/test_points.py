"""Clicks on an object in a recording's video."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")
pytest.importorskip("cv2", reason="pip install 'soundsift[visual]'")

from clicked import HIGH, LOW, write_film
from clients import Client, Opens
from tests.tiny_model import write_tiny_model

import soundsift
from soundsift.studio.engine import Separators
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


REFUSED = [
    ([click(200, 10)], "Point 0,200,10,+ is outside the picture, which is 160 pixels wide"),
    ([click(10, 10, 9.0)], "Point 9,10,10,+ is after the end"),
    ([click(10, 10, positive=False)], "All points say where the object is not."),
    ([click(-1, 10)], "points.0.x: input should be greater than or equal to 0."),
]


@pytest.mark.parametrize(("points", "part"), REFUSED)
def test_refusals(client: Client, seen: str, points: list[dict[str, Any]], part: str) -> None:
    for answer in (outlined(client, seen, *points), client.ask(seen, points=points)):
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
