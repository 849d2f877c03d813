"""A server in a process of its own, asked over loopback."""

import io
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")

import numpy as np
import soundfile
from clients import sound, tone
from processes import memory, server, tree

REQUESTS, AT_ONCE = 200, 20


@pytest.mark.slow
@pytest.mark.hostile
def test_concurrent_jobs_get_their_own_results(tmp_path: Path) -> None:
    with server(tmp_path) as (client, process):

        def separate(number: int) -> float:
            hertz = 200.0 + number
            recording = client.recording(0.2, hertz=hertz)
            job = client.do(recording, f"number {number}")
            assert job["request"]["text"] == f"number {number}"
            assert job["status"] == "done"
            expected = tone(0.2, hertz) / 2
            return float(np.abs(client.stem(job["id"], "target") - expected).max())

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(separate, range(20)))
            before = sum(map(memory, tree(process.pid)))
            start = time.monotonic()
            errors = list(pool.map(separate, range(20, 20 + REQUESTS)))
            seconds = time.monotonic() - start
        after = sum(map(memory, tree(process.pid)))
        print(f"{REQUESTS} in {seconds:.1f} s; memory {before:.0f} MiB, then {after:.0f} MiB")
        assert max(errors) < 1e-4
        assert after < before + 20


def test_kill_9_in_the_middle_of_jobs(tmp_path: Path) -> None:
    with server(tmp_path) as (client, process):
        recording = client.recording(0.5)
        done = client.do(recording, "dog")["id"]
        running = client.start(recording, "slow")
        client.until(running, "running")
        waiting = client.start(recording, "cat")
        everyone = tree(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        # Nobody keeps a model in memory for a server that is gone.
        end = time.monotonic() + 30
        while any(Path(f"/proc/{p}").exists() for p in everyone[1:]):
            assert time.monotonic() < end
            time.sleep(0.1)
    with server(tmp_path) as (client, _):
        data = client.http.get(f"/api/jobs/{done}/stems/target").content
        wave, _ = soundfile.read(io.BytesIO(data), dtype="float32")
        np.testing.assert_allclose(wave, tone(0.5) / 2, atol=1e-4)
        client.until(running, "running")
        client.http.post(f"/api/jobs/{running}/cancel")
        client.until(running, "cancelled")
        assert client.until(waiting, "done")["error"] is None
        # Nothing is left of what was half done.
        assert {p.name for p in (tmp_path / "data" / "jobs").iterdir()} == {done, waiting}
        assert client.upload(sound(0.3)).status_code == 201
