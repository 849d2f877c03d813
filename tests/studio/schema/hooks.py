"""What Schemathesis does not know: ids that are there, and sounds. It runs this file itself.

Where it made an id up, one of a recording or a job that is there takes its place, and where it made
a file up, most often a sound. Ids that it got from the server stay.
"""

import os
import sys
from itertools import count
from pathlib import Path
from typing import Any

import httpx2 as httpx
import schemathesis

sys.path.insert(0, str(Path(__file__).parents[1]))

from clients import Client, sound

_DIGITS = set("0123456789abcdef")


class _There:
    """What is there: a video and a sound, and a job on each."""

    def __init__(self) -> None:
        self._client = Client(httpx.Client(base_url=os.environ["STUDIO"], timeout=60), None)
        self._numbers = count()
        film = self._client.upload(Path(os.environ["STUDIO_FILM"]).read_bytes(), "film.mp4")
        self._recordings = [film.json()["id"], self._client.recording()]
        self._jobs = [self._client.do(one)["id"] for one in self._recordings]
        self.ids: set[str] = set()

    def sound(self) -> bytes:
        return sound(0.1, hertz=100.0 + next(self._numbers))

    def recording(self, value: Any, passing: bool = False) -> Any:
        """An id for one that was made up; of one that may be removed, if that is said."""
        if not self._is_made_up(value, 64):
            return value
        if passing:
            return self._client.upload(self.sound()).json()["id"]
        return self._recordings[next(self._numbers) % 2]

    def job(self, value: Any, passing: bool = False) -> Any:
        """As `recording`, of jobs that are done."""
        if not self._is_made_up(value, 32):
            return value
        if passing:
            return self._client.do(self._recordings[1])["id"]
        return self._jobs[next(self._numbers) % 2]

    def _is_made_up(self, value: Any, digits: int) -> bool:
        """Whether it could be an id; those that begin with an f stay what they are."""
        if not isinstance(value, str) or value in self.ids or value.startswith("f"):
            return False
        return len(value) == digits and set(value) <= _DIGITS


_there = _There()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Put what is there into a request."""
    path, body, lost = case.path_parameters or {}, case.body, case.method == "DELETE"
    for name, find in (("recording_id", _there.recording), ("job_id", _there.job)):
        if name in path:
            path[name] = find(path[name], lost)
    if not isinstance(body, dict):
        return
    if case.path == "/api/recordings" and isinstance(file := body.get("file"), bytes):
        body["file"] = _there.sound() if len(file) % 4 else file
    if case.path == "/api/jobs" and "recording" in body:
        source = body["recording"]
        body["recording"] = _there.recording(source)
        if isinstance(source, dict) and "job" in source:
            source["job"] = _there.job(source["job"])


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Note what is there now."""
    if response.status_code in (201, 202):
        _there.ids.add(response.json()["id"])


@schemathesis.check
def says_why(context: Any, response: Any, case: Any) -> None:
    """A refusal is one sentence, and does not show where our files are."""
    kind = response.headers.get("content-type", [""])[0]
    if response.status_code >= 400 and kind == "application/json" and case.path != "/health":
        detail = response.json()["detail"]
        assert detail.endswith("."), detail
        assert "/data/" not in detail, detail
