"""What becomes of jobs when things go wrong. Each test has a studio of its own."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")

from clients import Client, Opens, sound

from soundsift.studio import device_worker


@pytest.fixture(scope="module")
def own(opens: Opens, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One for what leaves a studio as it was, with a short queue."""
    with opens(tmp_path_factory.mktemp("jobs"), queue=2) as client:
        yield client


def worker(client: Client) -> int:
    process = client.studio.jobs.device_workers[0].process_id
    assert process is not None
    return process


def test_a_full_queue_has_retry_after(own: Client) -> None:
    recording = own.recording()
    jobs = [own.start(recording, "slow")]
    own.until(jobs[0], "running")
    jobs += [own.start(recording, "slow") for _ in range(2)]
    assert [own.job(job)["waiting"] for job in jobs] == [None, 0, 1]
    refused = own.ask(recording, "slow")
    assert refused.status_code == 503
    assert refused.json()["detail"].startswith("The queue is full: 2 jobs are waiting.")
    assert 1 <= int(refused.headers["retry-after"]) <= 600
    # What waits can be cancelled at once, and makes room.
    assert own.http.post(f"/api/jobs/{jobs[2]}/cancel").json()["status"] == "cancelled"
    jobs.append(own.start(recording, "slow"))
    for job in jobs:
        own.http.post(f"/api/jobs/{job}/cancel")
    assert {own.until(job, "cancelled")["status"] for job in jobs} == {"cancelled"}


def test_a_job_is_cancelled_while_it_runs(own: Client) -> None:
    job = own.start(own.recording(), "slow")
    own.until(job, "running")
    process = worker(own)
    own.http.post(f"/api/jobs/{job}/cancel")
    assert own.until(job, "cancelled")["error"] is None
    assert not own.studio.storage.job(job).exists()
    # The worker keeps its model, and goes on.
    assert own.do(own.recording())["status"] == "done"
    assert worker(own) == process
    # Too late: it stays as it is.
    assert own.http.post(f"/api/jobs/{job}/cancel").json()["status"] == "cancelled"


def test_an_unresponsive_worker_is_killed(own: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_worker, "_PATIENCE_SECONDS", 1.0)
    job = own.start(own.recording(), "deaf")
    own.until(job, "running")
    start = time.monotonic()
    own.http.post(f"/api/jobs/{job}/cancel")
    own.until(job, "cancelled")
    assert time.monotonic() - start < 9
    assert own.do(own.recording())["status"] == "done"


@pytest.mark.parametrize("text", ["deaf", "slow"])
def test_a_job_that_takes_too_long_is_stopped(
    opens: Opens, tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if text == "deaf":
        monkeypatch.setattr(device_worker, "_PATIENCE_SECONDS", 1.0)
    with opens(tmp_path, job_seconds=1.0, job_times=4.0) as client:
        short, long = client.recording(0.9), client.recording(1.0)
        # Until the worker is there.
        client.do(short)
        before = worker(client)
        start = time.monotonic()
        job = client.do(long, text)
        assert (job["status"], job["stems"]) == ("failed", [])
        assert job["error"].startswith("The separation of street.wav exceeded its time limit")
        # Then a worker has some seconds to end by itself.
        assert 4.0 < time.monotonic() - start < 30.0
        assert not client.studio.storage.job(job["id"]).exists()
        # One that hears of it keeps its model, one that doesn't is ended.
        assert client.do(short)["status"] == "done"
        assert (worker(client) == before) == (text == "slow")
        assert client.studio.database.job(job["id"]).attempts == 1


def test_failures_are_reported_in_a_sentence(own: Client) -> None:
    job = own.do(own.recording(), "fail")
    assert (job["status"], job["error"]) == ("failed", "street.wav is not to be separated.")


def test_unexpected_errors_do_not_leak_details(own: Client) -> None:
    job = own.do(own.recording(), "bug")
    assert job["status"] == "failed"
    assert "ZeroDivisionError" in job["error"]
    assert "a secret" not in job["error"]


@pytest.mark.parametrize(
    "text",
    [
        *("raise SystemExit", "raise KeyboardInterrupt", "raise GeneratorExit"),
        *("raise MemoryError", "raise RecursionError", "raise EOFError", "raise OSError"),
        *("raise BrokenPipeError", "raise StopIteration", "raise UnicodeError", "raise Warning"),
        *("unspeakable", "unpicklable"),
    ],
)
def test_any_exception_fails_only_its_job(own: Client, text: str) -> None:
    recording = own.recording()
    first, second = own.start(recording, text), own.start(recording)
    failed = own.until(first, "failed")
    assert failed["error"]
    assert "a secret" not in failed["error"]
    assert own.until(second, "done")["error"] is None


def test_a_job_is_retried_once_after_a_crash(own: Client) -> None:
    recording = own.recording()
    job = own.do(recording, "crash once")
    assert job["status"] == "done"
    assert own.studio.database.job(job["id"]).attempts == 2
    killed = own.do(recording, "crash")
    assert killed["status"] == "failed"
    assert "ended twice" in killed["error"]
    assert own.do(recording)["status"] == "done"
    assert "soundsift_worker_restarts_total" in own.http.get("/metrics").text


def test_an_idle_worker_is_restarted_after_kill_9(own: Client) -> None:
    recording = own.recording()
    own.do(recording)
    os.kill(worker(own), signal.SIGKILL)
    job = own.do(recording)
    assert job["status"] == "done"


def test_a_missing_input_fails_the_job(own: Client) -> None:
    recording = own.recording(1.3)
    (own.studio.storage.recording(recording) / "audio.wav").unlink()
    job = own.do(recording)
    assert job["status"] == "failed"
    assert "deleted" in job["error"]


def test_jobs_survive_a_restart(opens: Opens, tmp_path: Path) -> None:
    with opens(tmp_path) as client:
        recording = client.recording()
        done = client.do(recording)["id"]
        running = client.start(recording, "slow")
        client.until(running, "running")
        waiting = client.start(recording, "cat")
    with opens(tmp_path) as client:
        # What was running when the server was ended in order is not to blame for it.
        client.until(running, "running")
        assert client.studio.database.job(running).attempts == 1
        assert len(client.stem(done, "target")) == 16_000
        client.http.post(f"/api/jobs/{running}/cancel")
        assert client.until(waiting, "done")["progress"] == 1.0
        assert [job["id"] for job in client.http.get("/api/jobs").json()["jobs"]] == [
            waiting,
            running,
            done,
        ]


def test_a_job_running_at_two_crashes_fails(opens: Opens, tmp_path: Path) -> None:
    with opens(tmp_path) as client:
        recording = client.recording()
    from soundsift.studio.database import Database

    database = Database(tmp_path / "data" / "studio.db")
    request = {"recording": recording, "text": "dog", "spans": [], "not_spans": [], "boxes": []}
    request |= {"preset": "standard", "model": "default", "seed": 0, "mode": "separate"}
    for name in ("a" * 32, "b" * 32):
        database.add_job(name, recording, None, request, 10)
    for _ in range(2):
        assert database.begin_next().id == "a" * 32  # type: ignore[union-attr]
        database.wait_again("a" * 32)
    database._run("UPDATE jobs SET status = 'running' WHERE id = ?", "a" * 32)
    assert database.begin_next().id == "b" * 32  # type: ignore[union-attr]
    # As a killed server leaves it: something half written, and a folder that it didn't make.
    data = tmp_path / "data"
    database.list_file("partial/half", temporary=True)
    database.close()
    (data / "partial" / "half").mkdir()
    (data / "jobs" / "unknown").mkdir()
    with opens(tmp_path) as client:
        given_up = client.job("a" * 32)
        assert given_up["status"] == "failed"
        assert "server ended twice" in given_up["error"]
        assert client.until("b" * 32, "done")["request"]["text"] == "dog"
        assert not (data / "partial" / "half").exists()
        assert (data / "jobs" / "unknown").exists()


def test_unused_recordings_and_jobs_expire(opens: Opens, tmp_path: Path) -> None:
    with opens(tmp_path, keep_seconds=1000.0, keep_copies_seconds=100.0) as client:
        recording = client.recording()
        job = client.do(recording)["id"]
        client.http.get(f"/api/jobs/{job}/stems/target?format=flac")
        folder, now = client.studio.storage, client.studio.database.now()
        client.studio.sweep(now + 90)
        assert len(list(folder.copies.iterdir())) == 1
        client.studio.sweep(now + 200)
        assert not list(folder.copies.iterdir())
        assert client.job(job)["status"] == "done"
        client.studio.sweep(now + 2000)
        assert client.http.get(f"/api/jobs/{job}").status_code == 404
        assert client.http.get(f"/api/recordings/{recording}").status_code == 404
        assert not list(folder.recordings.iterdir())
        assert not list(folder.jobs.iterdir())


def test_a_damaged_record_affects_no_other_job(opens: Opens, tmp_path: Path) -> None:
    with opens(tmp_path) as client:
        for request in ("{}", '{"mode": 1}', "[", '{"recording": {"job": 1}}'):
            recording = client.recording()
            odd, good = client.do(recording)["id"], client.do(recording)["id"]
            client.studio.database._run("UPDATE jobs SET request = ? WHERE id = ?", request, odd)
            listed = client.http.get("/api/jobs")
            assert listed.status_code == 200
            assert [job["id"] for job in listed.json()["jobs"]] == [good]
            assert client.http.get(f"/api/jobs/{odd}").status_code in (404, 409)
            # Begun again, it fails, and the next job runs.
            client.studio.database._run("UPDATE jobs SET status = 'queued' WHERE id = ?", odd)
            assert client.do(recording)["status"] == "done"
            assert client.studio.database.count("failed") == 1
            assert client.http.delete(f"/api/jobs/{odd}").status_code == 204
            assert client.http.delete(f"/api/recordings/{recording}").status_code == 204
            for job in client.http.get("/api/jobs").json()["jobs"]:
                assert client.http.delete(f"/api/jobs/{job['id']}").status_code == 204


def test_slow_decoding_does_not_block_other_requests(
    own: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soundsift.studio.decoders import Decoders

    take, going = Decoders.take, threading.Event()

    def slow(*arguments: Any) -> dict[str, Any]:
        going.wait(60)
        return take(*arguments)

    recording = own.recording()
    monkeypatch.setattr(Decoders, "take", slow)
    with ThreadPoolExecutor(45) as pool:
        uploads = [pool.submit(own.upload, sound(0.5 + n / 1000)) for n in range(45)]
        time.sleep(0.5)
        for path in ("/health", "/api/info", f"/api/recordings/{recording}/audio"):
            assert own.http.get(path).status_code == 200
        assert own.do(recording)["status"] == "done"
        assert not any(upload.done() for upload in uploads)
        going.set()
        assert {upload.result().status_code for upload in uploads} == {201}


def test_concurrent_upload_copy_and_deletion_of_one_file(own: Client) -> None:
    data, allowed = sound(0.9), {200, 201, 202, 204, 404, 409, 503}

    def use(number: int) -> set[int]:
        statuses = set()
        for turn in range(5):
            uploaded = own.upload(data, f"{number}.wav")
            statuses.add(uploaded.status_code)
            path = f"/api/recordings/{uploaded.json().get('id')}"
            for more in ("/audio?format=flac", "/peaks", "/audio?format=mp3"):
                statuses.add(own.http.get(path + more).status_code)
            if (number + turn) % 2:
                statuses.add(own.http.delete(path).status_code)
        return statuses

    with ThreadPoolExecutor(20) as pool:
        assert set().union(*pool.map(use, range(20))) <= allowed
    assert own.do(own.upload(data).json()["id"])["status"] == "done"


@pytest.mark.parametrize("limit", ["uploads", "client_uploads"])
def test_concurrent_uploads_are_limited(opens: Opens, tmp_path: Path, limit: str) -> None:
    with opens(tmp_path, **{limit: 0}) as client:
        refused = client.upload(sound(0.5))
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "5"
