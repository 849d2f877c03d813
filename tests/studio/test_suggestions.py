"""What is heard in recordings, and in the targets of jobs."""

import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")

from clients import Client, Opens, sound


def heard(client: Client, identity: str, seconds: float = 20.0) -> dict[str, Any]:
    """What was heard, once it was."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = client.http.get(f"/api/recordings/{identity}/heard")
        assert answer.status_code == 200, answer.text
        facts: dict[str, Any] = answer.json()
        if facts["status"] != "listening":
            return facts
        assert facts["sounds"] == []
        time.sleep(0.02)
    raise AssertionError("the studio listens too long")


def test_sounds_to_suggest(client: Client) -> None:
    identity = client.recording(1.5)
    facts = heard(client, identity)
    assert (facts["status"], facts["error"]) == ("done", None)
    (rain,) = facts["sounds"]
    assert (rain["text"], rain["confidence"], rain["presence"]) == ("rain", 0.9, "sure")
    assert rain["spans"] == [{"start": 0.0, "end": 1.5, "probability": 0.9, "sure": True}]
    # Kept, until the recording goes.
    assert client.http.get(f"/api/recordings/{identity}/heard").json() == facts
    copies = client.studio.storage.copies
    assert list(copies.glob(f"{identity}.heard.json"))
    client.http.delete(f"/api/recordings/{identity}")
    assert not list(copies.glob(f"{identity}.heard.json"))
    assert client.http.get(f"/api/recordings/{identity}/heard").status_code == 404


def test_a_failure_has_a_sentence_without_paths(client: Client) -> None:
    identity = client.upload(sound(0.9), "mute.wav").json()["id"]
    facts = heard(client, identity)
    assert facts == {"status": "failed", "error": "mute.wav is silent.", "sounds": []}


def test_jobs_go_first(opens: Opens, tmp_path: Path) -> None:
    """Listening stops for a job, and is done after it."""
    with opens(tmp_path) as client:
        identity = client.upload(sound(1.0), "long.wav").json()["id"]
        assert client.http.get(f"/api/recordings/{identity}/heard").json()["status"] == "listening"
        suggestions = client.studio.jobs.suggestions
        end = time.monotonic() + 20
        while identity not in suggestions._live and time.monotonic() < end:
            time.sleep(0.02)
        job = client.do(identity)
        # Listening takes five seconds, and began anew.
        assert client.http.get(f"/api/recordings/{identity}/heard").json()["status"] == "listening"
        assert (job["confidence"], job["presence"]) == (0.9, "sure")
        assert job["found"] == [{"start": 0.2, "end": 0.4, "probability": 0.9, "sure": True}]
        assert heard(client, identity, 40.0)["status"] == "done"
