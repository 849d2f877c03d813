"""kill -9 at random moments: nothing finished is lost, nothing is done twice, nothing is left over.

Batches, the studio's server, and its decoders and workers. Training has tests of its own
(tests/training/test_trainer.py).
"""

import io
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.tiny_model import write_tiny_model

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")
sys.path.insert(0, str(Path(__file__).parents[1] / "studio"))
from clients import sound, tone
from processes import server, tree

pytestmark = [pytest.mark.slow, pytest.mark.hostile]

RECORDINGS = 12
MOMENTS = 10


def batch(folder: Path, out: Path, model: Path, jobs: int) -> subprocess.Popen[str]:
    words = [folder, "--text", "dog", "--model", model, "--device", "cpu", "--out", out]
    command = ["-m", "soundsift.cli", "separate", *words, "--jobs", jobs, "--preset", "draft"]
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def kill_all(process: int) -> None:
    os.killpg(process, signal.SIGKILL)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_batch(tmp_path: Path, jobs: int) -> None:
    folder, model = tmp_path / "takes", write_tiny_model(tmp_path / "model")
    folder.mkdir()
    for number in range(RECORDINGS):
        noise = np.random.default_rng(number).normal(0, 0.1, (16_000 * 4, 2))
        soundfile.write(folder / f"take{number:02}.wav", noise, 16_000, subtype="PCM_16")
    whole, out = tmp_path / "whole", tmp_path / "out"
    began = time.monotonic()
    assert batch(folder, whole, model, jobs).wait(300) == 0
    usual = time.monotonic() - began
    moments = random.Random(jobs)
    finished: dict[str, bytes] = {}
    for _ in range(MOMENTS):
        process = batch(folder, out, model, jobs)
        time.sleep(moments.uniform(0.3, 1.0) * usual)
        kill_all(process.pid)
        process.wait(30)
        # What was finished before is what it was, to the byte.
        for name, data in finished.items():
            assert (out / name).read_bytes() == data, name
        if out.is_dir():
            settings = [path for path in out.glob("*.json") if not path.name.startswith(".")]
            for path in settings:
                stems = [out / f"{path.stem}.{stem}.wav" for stem in ("target", "residual")]
                assert all(stem.is_file() for stem in stems), "settings without their stems"
                finished |= {stem.name: stem.read_bytes() for stem in stems}
    assert batch(folder, out, model, jobs).wait(300) == 0
    expected = {path.name: path.read_bytes() for path in whole.iterdir() if path.suffix == ".wav"}
    found = {path.name: path.read_bytes() for path in out.iterdir() if path.suffix == ".wav"}
    assert found == expected
    assert len(list(out.iterdir())) == 3 * RECORDINGS, "something is left over"


def test_the_server(tmp_path: Path) -> None:
    moments = random.Random(0)
    recordings: dict[str, float] = {}
    done: dict[str, str] = {}
    for number in range(MOMENTS):
        with server(tmp_path) as (client, process):
            # What was acknowledged before the last kill is there.
            for identity in recordings:
                assert client.http.get(f"/api/recordings/{identity}").status_code == 200
            for job, recording in done.items():
                expected = tone(0.5, recordings[recording]) / 2
                np.testing.assert_allclose(client.stem(job, "target"), expected, atol=1e-4)
            for k in range(3):
                hertz = 300.0 + 10 * number + k
                recording = client.recording(0.5, hertz=hertz)
                recordings[recording] = hertz
                job = client.do(recording, "dog")
                assert job["status"] == "done"
                done[job["id"]] = recording
                client.start(recording, "slow")
            time.sleep(moments.uniform(0, 0.3))
            os.kill(process.pid, signal.SIGKILL)
            process.wait(10)
    with server(tmp_path) as (client, _):
        jobs = client.http.get("/api/jobs").json()["jobs"]
        assert len({job["id"] for job in jobs}) == len(jobs)
        assert {job["id"] for job in jobs} >= set(done)
        folders = {path.name for path in (tmp_path / "data" / "recordings").iterdir()}
        assert folders == set(recordings)


def test_the_server_s_children(tmp_path: Path) -> None:
    """Decoders and workers are replaced; a request fails with a sentence at most."""
    moments = random.Random(1)
    with server(tmp_path, decoders=2) as (client, process):
        whole = sound(0.5)
        for _ in range(MOMENTS):
            children = tree(process.pid)[1:]
            if children:
                victim = moments.choice(children)
                try:
                    os.kill(victim, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(moments.uniform(0, 0.2))
            answer = client.upload(whole)
            assert answer.status_code in (201, 503, 422, 500), answer.text
            assert answer.json().get("detail", ".").endswith(".")
        until = time.monotonic() + 60
        while (answer := client.upload(whole)).status_code != 201:
            assert time.monotonic() < until, answer.text
            time.sleep(0.5)
        job = client.do(answer.json()["id"], "dog")
        assert job["status"] == "done"
        data = client.http.get(f"/api/jobs/{job['id']}/stems/target").content
        wave, _ = soundfile.read(io.BytesIO(data), dtype="float32")
        np.testing.assert_allclose(wave, tone(0.5) / 2, atol=1e-4)
