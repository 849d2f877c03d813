"""The server's routes, as a listener's browser asks for them."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient

from soundsift.evaluation.listening_test import headphones
from soundsift.evaluation.listening_test.answers import Answers
from soundsift.evaluation.listening_test.folder import TestFolder, write_description
from soundsift.evaluation.listening_test.server import make_app
from soundsift.studio.settings import Settings

ADDRESS = "http://127.0.0.1:8500"
FAIR = {"overall": 3, "recall": 3, "precision": 3, "faithfulness": 3}
GOOD = {"overall": 5, "recall": 4, "precision": 4, "faithfulness": 4}


@pytest.fixture
def folder(made, tmp_path) -> TestFolder:
    """The test that was made, with answers of its own."""
    place = tmp_path / "test"
    place.mkdir()
    (place / "media").symlink_to(made.path / "media")
    write_description(place, made.description)
    return TestFolder(place)


def changed(folder: TestFolder, **settings: object) -> TestFolder:
    """The same test with other settings."""
    new = folder.settings.model_copy(update=settings)
    (folder.path / "test.json").unlink()
    write_description(folder.path, folder.description.model_copy(update={"settings": new}))
    return TestFolder(folder.path)


@contextmanager
def client(folder: TestFolder, token: str | None = None) -> Iterator[TestClient]:
    app = make_app(folder, Settings(data=folder.path, token=token))
    with TestClient(app, base_url=ADDRESS) as http:
        yield http


def begin(http: TestClient) -> dict:
    return http.post("/api/session", json={"consent": True}).json()


def answer(http: TestClient, position: int, **changes: object):
    body = {"a": GOOD, "b": FAIR, "choice": "a", "seconds": 9.5} | changes
    return http.post(f"/api/trials/{position}", json=body)


def stored(folder: TestFolder) -> list:
    database = Answers(folder.answers)
    found = database.answers()
    database.close()
    return found


def test_a_session_from_consent_to_the_end(folder) -> None:
    with client(folder) as http:
        assert http.get("/api/session").json() == {"stage": "consent"}
        assert http.get("/api/trials/0/a").status_code == 404
        state = begin(http)
        assert (state["stage"], state["position"], state["count"]) == ("trial", 0, 8)
        assert state["trial"]["training"] is True
        # To agree once more begins no other session.
        assert begin(http)["code"] == state["code"]
        for position in range(8):
            assert http.get("/api/session").json()["position"] == position
            reply = answer(http, position)
            assert reply.status_code == 200
            assert bool(reply.json()) == (position == 0)
        state = http.get("/api/session").json()
        assert (state["stage"], state["position"]) == ("done", 8)
    answers = stored(folder)
    assert [one.position for one in answers] == list(range(8))
    assert (answers[0].ratings_a, answers[0].choice, answers[0].seconds) == (GOOD, "a", 9.5)
    assert {one.trial.kind for one in answers} == {"training", "comparison", "gold", "repeat"}


def test_no_system_and_no_file_name_reach_the_browser(folder) -> None:
    with client(folder) as http:
        begin(http)
        for position in range(8):
            replies = [
                http.get("/api/session"),
                *(http.get(f"/api/trials/{position}/{part}") for part in ("mixture", "a", "b")),
            ]
            for reply in replies:
                assert reply.status_code == 200
                text = str(reply.headers) + (reply.text if "json" in str(reply.headers) else "")
                assert not re.search(r"ours|theirs|gold|repeat|\.flac|item \d", text), text
            replies = [answer(http, position)]


def test_sounds_are_those_of_the_trial(folder) -> None:
    with client(folder) as http:
        begin(http)
        database = Answers(folder.answers)
        (listener,) = database.listeners()
        database.close()
        for position, trial in enumerate(listener.plan):
            known = folder.gold if trial.kind in ("gold", "training") else folder.items
            item = known[trial.item]
            for part, stimulus in (
                ("mixture", item.mixture),
                ("a", item.outputs[trial.a]),
                ("b", item.outputs[trial.b]),
            ):
                reply = http.get(f"/api/trials/{position}/{part}")
                assert reply.content == folder.media(stimulus.file).read_bytes()
            # The next one may be fetched ahead, others not.
            assert http.get(f"/api/trials/{position + 2}/a").status_code == 404
            assert http.get(f"/api/trials/{position}/video").status_code == 404
            answer(http, position)


def test_feedback_of_training_items(folder) -> None:
    with client(folder) as http:
        begin(http)
        reply = answer(http, 0).json()
        known = reply["better"]
        assert reply["right"] is (known == "a")
        # The same answer may come again, another one not.
        assert answer(http, 0).json() == reply
        assert answer(http, 0, choice="b").status_code == 409
        assert answer(http, 2).status_code == 409
        assert answer(http, 8).status_code == 404
    assert len(stored(folder)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"a": FAIR | {"overall": 0}},
        {"a": FAIR | {"overall": 6}},
        {"a": FAIR | {"overall": "5"}},
        {"a": FAIR | {"overall": 2.5}},
        {"b": {"overall": 3}},
        {"b": FAIR | {"more": 1}},
        {"choice": "c"},
        {"choice": None},
        {"seconds": -1},
        {"name": "somebody"},
    ],
)
def test_wrong_answers_are_refused(folder, change) -> None:
    with client(folder) as http:
        begin(http)
        reply = answer(http, 0, **change)
        assert reply.status_code == 422
        assert isinstance(reply.json()["detail"], str)
    assert stored(folder) == []


def test_resuming(folder) -> None:
    with client(folder) as http:
        code = begin(http)["code"]
        answer(http, 0)
    # The server starts again, and the listener comes from another browser, with the code.
    with client(folder) as elsewhere:
        assert elsewhere.get("/api/session").json() == {"stage": "consent"}
        assert elsewhere.post("/api/session/resume", json={"code": "nobody"}).status_code == 404
        typed = f" {code[:7].upper()}-{code[7:]} "
        state = elsewhere.post("/api/session/resume", json={"code": typed}).json()
        assert (state["code"], state["position"]) == (code, 1)
        assert elsewhere.get("/api/session").json()["position"] == 1


def test_withdrawing(folder) -> None:
    with client(folder) as http:
        code = begin(http)["code"]
        answer(http, 0)
        assert http.delete("/api/session").json() == {"deleted": True}
        assert http.get("/api/session").json() == {"stage": "consent"}
        assert http.post("/api/session/resume", json={"code": code}).status_code == 404
    assert stored(folder) == []


def right_answers(http: TestClient) -> list[int]:
    """What a listener with headphones answers."""
    given = []
    for question in range(headphones.QUESTIONS):
        reply = http.get(f"/api/headphones/{question}")
        sound, rate = soundfile.read(io.BytesIO(reply.content))
        levels = [np.abs(sound[round((1.5 * n + 0.5) * rate)]).max() for n in range(3)]
        wide = [sound[round(1.5 * n * rate) :][:rate].std() for n in range(3)]
        assert len(levels) == 3
        given.append(1 + int(np.argmin(wide)))
    return given


@pytest.mark.parametrize(("mode", "after"), [("note", "trial"), ("require", "refused")])
def test_headphone_check(folder, mode, after) -> None:
    with client(changed(folder, headphones=mode)) as http:
        state = begin(http)
        assert state["stage"] == "headphones"
        assert state["headphones"] == {"questions": 6, "tones": 3, "attempt": 1, "attempts": 2}
        assert http.get("/api/sample").status_code == 200
        assert answer(http, 0).status_code == 404
        wrong = [1 + n % 3 for n in right_answers(http)]
        assert http.post("/api/headphones", json={"answers": wrong}).json() == {"passed": None}
        # One mistake is allowed.
        nearly = right_answers(http)
        nearly[0] = 1 + nearly[0] % 3
        assert http.post("/api/headphones", json={"answers": nearly}).json() == {"passed": True}
        assert http.get("/api/session").json()["stage"] == "trial"
        assert http.post("/api/headphones", json={"answers": nearly}).status_code == 409
    with client(TestFolder(folder.path)) as http:
        begin(http)
        for expected in (None, False):
            wrong = [1 + n % 3 for n in right_answers(http)]
            reply = http.post("/api/headphones", json={"answers": wrong})
            assert reply.json() == {"passed": expected}
        assert http.get("/api/session").json()["stage"] == after
    database = Answers(folder.answers)
    assert [one.headphones for one in database.listeners()] == [True, False]
    database.close()


def test_the_link_lets_listeners_in(folder) -> None:
    token = folder.description.token
    with client(folder, token) as http:
        assert http.get("/api/session").status_code == 401
        assert http.get("/health").status_code == 200
        assert http.get("/open/wrong").status_code == 403
        # Any number of listeners use the same link.
        for _ in range(2):
            http.cookies.clear()
            page = http.get(f"/open/{token}")
            assert page.status_code == 200 and "Listening test" in page.text
            assert begin(http)["stage"] == "trial"


def test_security(folder) -> None:
    with client(folder) as http:
        page = http.get("/")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
        begin(http)
        assert http.get("/api/session", headers={"host": "evil.example"}).status_code == 421
        other = {"origin": "http://evil.example"}
        assert http.delete("/api/session", headers=other).status_code == 403
        assert http.get("/test.json").status_code == 404
        assert http.get("/../test.json").status_code == 404
        assert http.get("/answers.sqlite").status_code == 404
        assert http.get("/api/trials/0/secret").status_code == 422
        assert http.get("/openapi.json").status_code == 404
        cookie = begin_cookie(folder)
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie


def begin_cookie(folder: TestFolder) -> str:
    app = make_app(folder, Settings(data=folder.path))
    with TestClient(app, base_url=ADDRESS) as http:
        return http.post("/api/session", json={"consent": True}).headers["set-cookie"]


def test_nothing_about_a_listener_is_stored_but_the_answers(folder) -> None:
    with client(folder) as http:
        http.headers["user-agent"] = "a browser of mine"
        begin(http)
        answer(http, 0)
        database = Answers(folder.answers)
        columns = {name for table in ("listeners", "answers") for name in _columns(database, table)}
        database.close()
        content = b"".join(path.read_bytes() for path in folder.path.glob("answers*"))
        assert b"a browser of mine" not in content
        assert b"testclient" not in content and b"127.0.0.1" not in content
    ratings = {f"{side}_{axis}" for side in "ab" for axis in FAIR}
    assert columns == ratings | {
        *("id", "number", "created", "seen", "plan", "attempts", "headphones", "finished"),
        *("listener", "position", "kind", "item", "a", "b", "choice", "seconds", "answered"),
    }


def _columns(database: Answers, table: str) -> list[str]:
    return [row["name"] for row in database._all(f"SELECT name FROM pragma_table_info('{table}')")]


def test_an_acknowledged_answer_survives_a_kill(folder: TestFolder) -> None:
    import httpx2 as httpx

    command = ["-m", "soundsift.cli", "listening-test", "serve", str(folder.path)]
    process = subprocess.Popen(
        [sys.executable, *command, "--port", "0", "--public"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    try:
        line = process.stdout.readline()
        address = re.search(r"http://[\d.:]+", line).group()
        with httpx.Client(base_url=address, timeout=60) as http:
            code = http.post("/api/session", json={"consent": True}).json()["code"]
            for position in range(3):
                body = {"a": GOOD, "b": FAIR, "choice": "b", "seconds": 1.0}
                assert http.post(f"/api/trials/{position}", json=body).status_code == 200
            process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert [(one.listener, one.position) for one in stored(folder)] == [
        (code, position) for position in range(3)
    ]
