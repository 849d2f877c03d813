"""Every route, on a studio that all of these share."""

import io
import json
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")

import soundfile
from clients import JSON, Client, film, sound, tone
from halves import RATING

from soundsift.audio.tags import read_tags
from soundsift.version import __version__

NOWHERE, NO_JOB = "0" * 64, "0" * 32


def test_upload_and_download_round_trip(client: Client, tmp_path: Path) -> None:
    answer = client.upload(sound(1.5, kind="FLAC"), "my street.flac")
    facts = answer.json()
    assert answer.status_code == 201
    assert facts.pop("expires") > 1e9
    identity = facts.pop("id")
    assert facts.pop("bytes") == len(sound(1.5, kind="FLAC"))
    assert facts == {
        "name": "my street.flac",
        "seconds": 1.5,
        "sample_rate": 16_000,
        "channels": 2,
        "has_video": False,
    }
    assert client.http.get(f"/api/recordings/{identity}").json()["name"] == "my street.flac"
    heard = client.http.get(f"/api/recordings/{identity}/audio")
    assert heard.headers["content-type"] == "audio/wav"
    assert heard.headers["content-disposition"].startswith("inline")
    wave, _ = soundfile.read(io.BytesIO(heard.content), dtype="float32")
    np.testing.assert_allclose(wave, tone(1.5), atol=1e-4)


def test_the_same_file_is_the_same_recording(client: Client) -> None:
    first = client.upload(sound(0.7), "a.wav").json()
    second = client.upload(sound(0.7), "b.wav").json()
    assert first["id"] == second["id"]
    assert second["name"] == "b.wav"


@pytest.mark.parametrize(
    ("kind", "content_type"), [("mp3", "audio/mpeg"), ("opus", "audio/ogg"), ("flac", "audio/flac")]
)
def test_other_formats(client: Client, tmp_path: Path, kind: str, content_type: str) -> None:
    identity = client.recording(2.0)
    heard = client.http.get(f"/api/recordings/{identity}/audio?format={kind}&download=1")
    assert heard.headers["content-type"] == content_type
    assert heard.headers["content-disposition"] == f'attachment; filename="street.{kind}"'
    path = tmp_path / f"heard.{kind}"
    path.write_bytes(heard.content)
    from soundsift.audio import read, resample

    own = read(path)
    wave = resample(own.samples, own.sample_rate, 16_000)[:, :32_000]
    error = wave[:, 2000:30_000] - tone(2.0).T[:, 2000:30_000]
    assert np.abs(error).max() < 0.05


def test_range_requests(client: Client) -> None:
    url = f"/api/recordings/{client.recording()}/audio"
    whole = client.http.get(url).content
    part = client.http.get(url, headers={"range": "bytes=100-299"})
    assert part.status_code == 206
    assert part.content == whole[100:300]
    assert part.headers["content-range"] == f"bytes 100-299/{len(whole)}"
    beyond = client.http.get(url, headers={"range": f"bytes={len(whole) + 5}-"})
    assert beyond.status_code == 416


def test_video_stems_keep_the_picture(client: Client, tmp_path: Path) -> None:
    data = film(tmp_path / "film.mp4")
    facts = client.upload(data, "film.mp4").json()
    assert facts["has_video"]
    shown = client.http.get(f"/api/recordings/{facts['id']}/video")
    assert shown.content == data
    assert shown.headers["content-type"] == "video/mp4"
    job = client.do(facts["id"])
    answer = client.http.get(f"/api/jobs/{job['id']}/stems/target?format=video&download=1")
    assert answer.headers["content-disposition"] == 'attachment; filename="film.dog.target.mp4"'
    (tmp_path / "target.mp4").write_bytes(answer.content)
    from soundsift.audio import read
    from soundsift.audio.video import has_picture

    assert has_picture(tmp_path / "target.mp4")
    assert read_tags(tmp_path / "target.mp4") == {}
    level = np.abs(read(tmp_path / "target.mp4").samples).max()
    assert 0.1 < level < 0.2


def test_peaks_are_those_of_the_sound(client: Client) -> None:
    found = client.http.get(f"/api/recordings/{client.recording()}/peaks?points=20").json()
    assert (found["points"], found["seconds"]) == (20, 1.0)
    np.testing.assert_allclose(found["maximum"], [[0.3] * 20, [0.15] * 20], atol=2e-3)
    np.testing.assert_allclose(found["minimum"], [[-0.3] * 20, [-0.15] * 20], atol=2e-3)


@pytest.mark.parametrize(
    ("data", "status", "part"),
    [
        (b"", 422, "street.wav is empty"),
        (b"hello", 415, "street.wav is neither audio nor video"),
        (sound(2.0)[:50_000], 422, "street.wav is truncated: its header promises 2.00 s"),
        (sound(21.0), 413, "street.wav is too long"),
        (sound(0.01), 422, "street.wav is too short"),
    ],
)
def test_bad_uploads(client: Client, data: bytes, status: int, part: str) -> None:
    answer = client.upload(data)
    assert answer.status_code == status
    assert answer.json()["detail"].startswith(part)
    assert str(client.studio.storage.path) not in answer.text
    assert not list(client.studio.storage.partial.iterdir())


def test_uploads_without_a_form_are_refused(client: Client) -> None:
    assert client.http.post("/api/recordings", content=b"x").status_code == 400
    assert client.http.post("/api/recordings", data={"file": "text"}).status_code == 400
    assert client.http.post("/api/recordings", files={"other": b"x"}).status_code == 400


def test_a_job_from_its_request_to_its_stems(client: Client) -> None:
    recording = client.recording(1.0, hertz=500)
    job = client.start(recording, "dog barking", spans=[[0.1, 0.5]], not_spans=[[0.6, 0.7]], seed=5)
    done = client.until(job, "done")
    assert done["progress"] == 1.0
    assert done["stems"] == ["target", "residual"]
    assert done["target_level_db"] == pytest.approx(-6.02)
    assert done["request"]["text"] == "dog barking"
    assert done["request"]["spans"] == [[0.1, 0.5]]
    assert (done["recording"], done["name"], done["error"]) == (recording, "street.wav", None)
    assert done["command"] == (
        "soundsift separate street.wav --text 'dog barking' --span 0.1-0.5 --not-span 0.6-0.7 "
        "--model default --preset standard --seed 5 --judge --out stems"
    )
    assert done["created"] <= done["started"] <= done["finished"] < done["expires"]
    np.testing.assert_allclose(client.stem(job, "target"), tone(1.0, 500) / 2, atol=1e-4)
    total = client.stem(job, "target") + client.stem(job, "residual")
    np.testing.assert_allclose(total, tone(1.0, 500), atol=1e-4)
    settings = client.http.get(f"/api/jobs/{job}/settings?download=1")
    name = settings.headers["content-disposition"]
    assert name == "attachment; filename*=utf-8''street.dog-barking.json"
    assert settings.json()["seed"] == 5
    assert settings.json()["input"] == "street.wav"
    assert settings.json()["command"] == done["command"]
    assert str(client.studio.storage.path) not in settings.text
    listed = client.http.get("/api/jobs?limit=1").json()["jobs"]
    assert [one["id"] for one in listed] == [job]
    points = client.http.get(f"/api/jobs/{job}/stems/target/peaks?points=3").json()
    np.testing.assert_allclose(points["maximum"], [[0.15] * 3, [0.075] * 3], atol=2e-3)
    quiet = client.http.get(f"/api/jobs/{job}/stems/residual?format=flac")
    assert (
        quiet.headers["content-disposition"]
        == 'inline; filename="street.dog-barking.residual.flac"'
    )


def test_results_are_rated_unless_declined(client: Client) -> None:
    recording = client.recording()
    rated, unrated = client.do(recording), client.do(recording, judge=False)
    assert rated["judge"] == RATING | {"advice": None}
    assert "--judge" in rated["command"]
    assert "--judge" not in unrated["command"]
    assert rated["settings"]["judge"] == RATING
    assert (unrated["request"]["judge"], unrated["judge"]) == (False, None)


def test_a_second_turn_works_on_a_stem(client: Client) -> None:
    recording = client.recording()
    first = client.do(recording, mode="remove")
    second = client.do({"job": first["id"], "stem": "residual"}, "cat")
    np.testing.assert_allclose(client.stem(second["id"], "target"), tone(1.0) / 4, atol=1e-4)
    assert second["recording"] == recording
    assert second["command"].startswith(
        "soundsift separate stems/street.dog.without.wav --text cat"
    )
    name = client.http.get(f"/api/jobs/{first['id']}/stems/residual").headers
    assert name["content-disposition"] == 'inline; filename="street.dog.without.wav"'


def test_a_job_is_followed_to_its_end(client: Client) -> None:
    job = client.start(client.recording(), "slow")
    client.until(job, "running")
    client.http.post(f"/api/jobs/{job}/cancel")
    events = client.http.get(f"/api/jobs/{job}/events")
    assert events.headers["content-type"].startswith("text/event-stream")
    *before, last = [part.split("\n") for part in events.text.strip().split("\n\n")]
    assert {lines[0] for lines in before} <= {"event: progress"}
    assert last[0] == "event: cancelled"
    assert json.loads(last[1].removeprefix("data: "))["id"] == job


def test_progress_and_remaining_time_are_reported(client: Client) -> None:
    job = client.start(client.recording(), "slow")
    seen = []
    with client.http.stream("GET", f"/api/jobs/{job}/events"):
        while len(seen) < 3:
            state = client.job(job)
            if state["eta"] is not None and state["progress"] not in [s[0] for s in seen]:
                seen.append((state["progress"], state["eta"]))
        client.http.post(f"/api/jobs/{job}/cancel")
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    # A hundred parts of a tenth of a second.
    assert all(5 < eta / (1 - fraction) < 40 for fraction, eta in seen)


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ({"text": None}, "The prompt is empty"),
        ({"text": "?!"}, "The text prompt '?!' has no word in it"),
        ({"text": "x" * 201}, "The text prompt has 201 characters"),
        ({"spans": [[2, 1]]}, "Invalid span 2-1: it ends before"),
        ({"spans": [[3, 4]]}, "Span 3-4 is outside the recording"),
        ({"spans": [[-1, 1]]}, "spans.0.0: input should be greater than or equal to 0."),
        ({"spans": [["a", 1]]}, "spans.0.0: input should be a valid number"),
        ({"spans": [[1]]}, "spans.0.1: field required."),
        ({"spans": [[0, 1]] * 501}, "spans: list should have at most 500 items"),
        ({"model": "/etc/passwd"}, "Model '/etc/passwd' is not offered here. Use one of: default."),
        ({"preset": "worst"}, "preset: input should be 'draft', 'standard' or 'best'."),
        ({"seed": -1}, "seed: input should be greater than or equal to 0."),
        ({"seed": 2**32}, "seed: input should be less than or equal to 4294967295."),
        ({"judge": "no"}, "judge: input should be a valid boolean."),
        ({"mode": "both"}, "mode: input should be 'separate' or 'remove'."),
        ({"boxes": [{"x": 0, "y": 0, "width": 1, "height": 1}]}, "street.wav has no picture"),
        ({"extra": 1}, "extra: extra inputs are not permitted."),
        ({"recording": "../../etc/passwd"}, "recording"),
        ({"recording": {"job": NO_JOB, "stem": "../x"}}, "recording"),
    ],
)
def test_bad_requests(client: Client, more: dict[str, object], part: str) -> None:
    answer = client.http.post(
        "/api/jobs", json={"recording": client.recording(), "text": "dog"} | more
    )
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(part)
    assert answer.json()["detail"].endswith(".")


@pytest.mark.parametrize(
    ("span", "part"),
    [
        ([0, 0], "Invalid span 0-0: it is empty"),
        ([1, 0.5], "Invalid span 1-0.5: it ends before"),
        ([0, True], "boxes.0.span.1: input should be a valid number."),
        ([50, 60], "Box 0,0,1,1@50-60 is after the end of film.mp4"),
    ],
)
def test_bad_boxes(client: Client, tmp_path: Path, span: list[float], part: str) -> None:
    seen = client.upload(film(tmp_path / "film.mp4"), "film.mp4").json()["id"]
    box = {"x": 0, "y": 0, "width": 1, "height": 1, "span": span}
    answer = client.ask(seen, boxes=[box])
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(part)
    # Nothing of it was kept that can't be told later.
    assert client.http.get("/api/jobs").status_code == 200


def test_bodies_without_valid_json(client: Client) -> None:
    for body in (b"", b"{", b"[]", b"null", b"\xff", b"\x80abc", b'{"recording": 1e999}'):
        answer = client.http.post("/api/jobs", content=body, headers=JSON)
        assert answer.status_code == 422
        assert answer.json()["detail"].endswith(".")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/recordings", "GET, POST"),
        ("PUT", "/api/jobs", "POST, GET"),
        ("OPTIONS", f"/api/jobs/{NO_JOB}", "GET, DELETE"),
        ("POST", "/app.js", "GET"),
    ],
)
def test_allowed_methods_are_reported(client: Client, method: str, path: str, allowed: str) -> None:
    answer = client.http.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert answer.json()["detail"] == f"{method} is not supported here. Use {allowed}."


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/api/recordings/{NOWHERE}", 404),
        ("GET", f"/api/recordings/{NOWHERE}/audio", 404),
        ("GET", f"/api/recordings/{NOWHERE}/video", 404),
        ("GET", f"/api/recordings/{NOWHERE}/peaks", 404),
        ("DELETE", f"/api/recordings/{NOWHERE}", 404),
        ("GET", f"/api/jobs/{NO_JOB}", 404),
        ("GET", f"/api/jobs/{NO_JOB}/events", 404),
        ("GET", f"/api/jobs/{NO_JOB}/settings", 404),
        ("GET", f"/api/jobs/{NO_JOB}/stems/target", 404),
        ("POST", f"/api/jobs/{NO_JOB}/cancel", 404),
        ("DELETE", f"/api/jobs/{NO_JOB}", 404),
        ("GET", f"/api/jobs/{NO_JOB}/stems/both", 422),
        ("GET", f"/api/jobs/{NO_JOB}/stems/target?format=exe", 422),
        ("GET", "/api/recordings/1", 422),
        ("GET", "/api/jobs/1", 422),
        ("GET", "/api/jobs?limit=0", 422),
        ("GET", "/api/nothing", 404),
        ("GET", "/nothing.js", 404),
        ("PUT", "/api/jobs", 405),
        ("POST", "/", 405),
    ],
)
def test_unknown_paths(client: Client, method: str, path: str, status: int) -> None:
    answer = client.http.request(method, path)
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)


@pytest.mark.parametrize(
    "path",
    [
        "/..%2f..%2fapp.py",
        "/%2e%2e/app.py",
        "/static/../../app.py",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/vendor/../../app.py",
        "/..\\app.py",
        "/app.py%00.js",
        "/api/recordings/..%2f..%2fstudio.db/audio",
        "/api/recordings/%2e%2e/audio",
        f"/api/jobs/{NO_JOB}/stems/..%2f..%2f..%2fstudio.db",
        "/api/jobs/../../studio.db/settings",
        "/open/..%2f..%2fx",
    ],
)
def test_path_traversal_is_refused(client: Client, path: str) -> None:
    answer = client.http.get(path)
    assert answer.status_code in (403, 404, 422)
    assert "SQLite" not in answer.text
    assert "root:" not in answer.text


def test_names_of_uploads_touch_no_file(client: Client) -> None:
    before = {p for p in client.studio.storage.path.parent.rglob("*") if p.is_file()}
    for number, name in enumerate(("../../escaped.wav", "/tmp/escaped.wav", "..\\..\\escaped.wav")):
        facts = client.upload(sound(0.5 + number / 10), name).json()
        assert facts["name"] == "escaped.wav"
        new = {p for p in client.studio.storage.path.parent.rglob("*") if p.is_file()} - before
        assert not [path for path in new if "escaped" in path.name]
        assert all(client.studio.storage.path in path.parents for path in new)


def test_recordings_and_jobs_in_use_are_not_deleted(client: Client) -> None:
    recording = client.recording(1.1)
    job = client.start(recording, "slow")
    client.until(job, "running")
    assert client.http.delete(f"/api/recordings/{recording}").status_code == 409
    assert client.http.delete(f"/api/jobs/{job}").status_code == 409
    assert client.http.get(f"/api/jobs/{job}/stems/target").status_code == 409
    assert client.http.get(f"/api/jobs/{job}/settings").status_code == 409
    assert client.ask({"job": job, "stem": "target"}).status_code == 409
    client.http.post(f"/api/jobs/{job}/cancel")
    assert client.until(job, "cancelled")["stems"] == []


def test_deletion_removes_files_and_rows(client: Client) -> None:
    recording = client.recording(1.2)
    job = client.do(recording)["id"]
    client.http.get(f"/api/jobs/{job}/stems/target?format=mp3")
    client.http.get(f"/api/recordings/{recording}/audio?format=mp3")
    folder = client.studio.storage
    assert client.http.delete(f"/api/recordings/{recording}").status_code == 204
    # The stems of a removed recording stay.
    assert len(client.stem(job, "target")) == 19_200
    assert client.http.get(f"/api/jobs/{job}/stems/target?format=video").status_code == 409
    assert client.http.delete(f"/api/jobs/{job}").status_code == 204
    assert client.http.get(f"/api/jobs/{job}").status_code == 404
    assert client.http.get(f"/api/recordings/{recording}").status_code == 404
    left = [p.name for p in folder.path.rglob("*") if recording in p.name or job in p.name]
    assert left == []


def test_recordings_are_listed_renamed_and_deleted_with_results(client: Client) -> None:
    recording = client.recording(1.35)
    job = client.do(recording)["id"]
    listed = client.http.get("/api/recordings").json()["recordings"][0]
    assert (listed["id"], listed["name"], listed["results"]) == (recording, "street.wav", 1)
    files = [
        path
        for folder in (client.studio.storage.recording(recording), client.studio.storage.job(job))
        for path in folder.iterdir()
    ]
    assert listed["stored_bytes"] == sum(path.stat().st_size for path in files) > 100_000
    path = f"/api/recordings/{recording}"
    renamed = client.http.patch(path, json={"name": "../the \n dog.wav"})
    assert renamed.json()["name"] == "the dog.wav"
    assert client.job(job)["name"] == "the dog.wav"
    assert client.http.patch(path, json={"name": ""}).status_code == 422
    missing = client.http.patch(f"/api/recordings/{NOWHERE}", json={"name": "a"})
    assert missing.status_code == 404
    assert client.http.delete(f"{path}?results=true").status_code == 204
    assert client.http.get(f"/api/jobs/{job}").status_code == 404
    assert not any(path.exists() for path in files)
    ids = [one["id"] for one in client.http.get("/api/recordings").json()["recordings"]]
    assert recording not in ids


def test_several_prompts_are_a_job_each(client: Client) -> None:
    recording = client.recording(1.36)
    prompts = [{"text": "dog"}, {"text": "cat", "spans": [[0.1, 0.4]]}]
    answer = client.http.post("/api/jobs", json={"recording": recording, "prompts": prompts})
    assert answer.status_code == 202
    ids = answer.json()["ids"]
    assert answer.json()["id"] == ids[0]
    jobs = [client.until(one, "done") for one in ids]
    assert [(job["request"]["text"], job["request"]["spans"]) for job in jobs] == [
        ("dog", []),
        ("cat", [[0.1, 0.4]]),
    ]
    # All or none: the second ends after the recording.
    prompts[1]["spans"] = [[5.0, 6.0]]
    before = [job["id"] for job in client.http.get("/api/jobs").json()["jobs"]]
    refused = client.http.post("/api/jobs", json={"recording": recording, "prompts": prompts})
    assert refused.status_code == 422
    assert [job["id"] for job in client.http.get("/api/jobs").json()["jobs"]] == before
    both = client.ask(recording, "bird", prompts=prompts)
    assert (both.status_code, "prompts" in both.json()["detail"]) == (422, True)


def test_peaks_and_tiles_of_a_part(client: Client) -> None:
    recording = client.recording(3.0)
    job = client.do(recording)["id"]
    for sound_, least in (
        (f"/api/recordings/{recording}", 0.29),
        (f"/api/jobs/{job}/stems/target", 0.145),
    ):
        peaks = client.http.get(f"{sound_}/peaks?points=10&start=1.0&end=1.3").json()
        assert peaks["seconds"] == 3.0
        assert (peaks["start"], peaks["end"]) == pytest.approx((1.0, 1.3), abs=256 / 16_000)
        assert least < min(peaks["maximum"][0]) and len(peaks["maximum"][0]) == 10
        tile = client.http.get(f"{sound_}/spectrogram/2/0")
        assert tile.headers["content-type"] == "application/octet-stream"
        columns = np.frombuffer(tile.content, np.uint8).reshape(256, 128)
        # A tone of 440 Hz for 187 columns of 256 samples, then nothing.
        assert columns[100].argmax() == columns[150].argmax()
        assert columns[:187].max(axis=1).min() > 150 and columns[190:].max() == 0
        beyond = client.http.get(f"{sound_}/spectrogram/2/1")
        assert (beyond.status_code, "beyond" in beyond.json()["detail"]) == (422, True)


def test_a_copy_is_encoded_in_the_background(client: Client) -> None:
    job = client.do(client.recording(4.0))["id"]
    path = f"/api/jobs/{job}/stems/target"
    assert client.http.post(f"{path}/copy?format=wav").json() == {"ready": True, "progress": 1.0}
    asked = 0
    while not (state := client.http.post(f"{path}/copy?format=flac").json())["ready"]:
        assert 0 <= state["progress"] <= 1
        asked += 1
        assert asked < 3000
        time.sleep(0.02)
    assert client.http.get(f"{path}?format=flac").content[:4] == b"fLaC"
    refused = client.http.post(f"{path}/copy?format=video")
    assert (refused.status_code, "no picture" in refused.json()["detail"]) == (422, True)


def test_a_random_seed_is_recorded(client: Client) -> None:
    recording = client.recording()
    seeds = {client.do(recording, seed=None)["request"]["seed"] for _ in range(3)}
    assert len(seeds) == 3
    assert all(isinstance(seed, int) for seed in seeds)


def test_info(client: Client) -> None:
    info = client.http.get("/api/info").json()
    assert info["version"] == __version__
    assert info["models"] == ["default"]
    assert list(info["presets"]) == ["draft", "standard", "best"]
    assert info["formats"] == ["wav", "flac", "mp3", "opus", "video"]
    assert info["limits"]["seconds"] == 20.0
    assert info["opened"] is None


def test_health_and_metrics(client: Client) -> None:
    job = client.do(client.recording())
    health = client.http.get("/health").json()
    assert (health["status"], health["running"]) == ("ok", 0)
    text = client.http.get("/metrics").text
    assert "soundsift_jobs_waiting 0.0" in text
    assert "soundsift_workers 1.0" in text
    assert 'soundsift_job_seconds_count{status="done"}' in text
    route = '/api/jobs/{job_id}"'
    assert f'soundsift_requests_total{{method="GET",route="{route},status="200"}}' in text
    assert job["id"] not in text


def test_every_route_is_documented(client: Client) -> None:
    schema = client.http.get("/api/openapi.json").json()
    page = client.http.get("/api/docs").text
    assert set(schema["paths"]) == {
        "/api/recordings",
        "/api/recordings/{recording_id}",
        "/api/recordings/{recording_id}/outlines",
        "/api/recordings/{recording_id}/outlines/followed",
        "/api/recordings/{recording_id}/audio",
        "/api/recordings/{recording_id}/video",
        "/api/recordings/{recording_id}/heard",
        "/api/recordings/{recording_id}/peaks",
        "/api/recordings/{recording_id}/spectrogram/{level}/{tile}",
        "/api/jobs",
        "/api/jobs/{job_id}",
        "/api/jobs/{job_id}/events",
        "/api/jobs/{job_id}/cancel",
        "/api/jobs/{job_id}/stems/{stem}",
        "/api/jobs/{job_id}/stems/{stem}/peaks",
        "/api/jobs/{job_id}/stems/{stem}/spectrogram/{level}/{tile}",
        "/api/jobs/{job_id}/stems/{stem}/copy",
        "/api/jobs/{job_id}/settings",
        "/api/info",
        "/health",
        "/metrics",
    }
    for path, methods in schema["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in page
    assert "<script" not in page


def test_the_page_is_served(opens, tmp_path: Path) -> None:
    from starlette.testclient import TestClient

    from soundsift.studio.app import make_app
    from soundsift.studio.server import Studio
    from soundsift.studio.settings import Settings

    page = tmp_path / "page"
    (page / "vendor").mkdir(parents=True)
    (page / "index.html").write_text("<p>The page</p>")
    (page / "vendor" / "a.js").write_text("let a;")
    (tmp_path / "secret.txt").write_text("root:")
    studio = Studio(Settings(tmp_path / "data"), [])
    http = TestClient(make_app(studio, page), base_url="http://127.0.0.1")
    try:
        index = http.get("/")
        assert index.text == "<p>The page</p>"
        assert "style-src 'self';" in index.headers["content-security-policy"]
        script = http.get("/vendor/a.js")
        assert script.text == "let a;"
        assert script.headers["content-type"].startswith("text/javascript")
        for path in ("/index.html", "/vendor", "/../secret.txt", "/%2e%2e/secret.txt"):
            assert http.get(path).status_code == 404
    finally:
        studio.decoders.close()
        studio.close()
