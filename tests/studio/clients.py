"""Recordings, and what a page does with a server."""

import io
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

RATE = 16_000
ADDRESS = "http://127.0.0.1"
JSON = {"content-type": "application/json"}


def tone(seconds: float, hertz: float = 440.0, rate: int = RATE) -> np.ndarray:
    time_ = np.arange(round(rate * seconds)) / rate
    wave = 0.3 * np.sin(2 * np.pi * hertz * time_)
    return np.stack([wave, wave / 2], axis=1).astype(np.float32)


def sound(seconds: float = 1.0, hertz: float = 440.0, kind: str = "WAV", rate: int = RATE) -> bytes:
    """A file."""
    file = io.BytesIO()
    soundfile.write(file, tone(seconds, hertz, rate), rate, format=kind, subtype="PCM_16")
    return file.getvalue()


def film(
    path: Path, seconds: float = 1.0, picture: str | None = "mpeg4", sound: str = "aac"
) -> bytes:
    """A video with a tone; without a picture, a tone in any coding and container."""
    with av.open(str(path), "w") as container:
        shown = None if picture is None else container.add_stream(picture, rate=10)
        track = container.add_stream(sound, rate=RATE)
        track.layout = "mono"
        if shown is not None:
            shown.width, shown.height, shown.pix_fmt = 32, 32, "yuv420p"
            for number in range(round(10 * seconds)):
                frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 20 * number, np.uint8))
                frame.pts = number
                container.mux(shown.encode(frame))
            container.mux(shown.encode(None))
        wave = np.ascontiguousarray(tone(seconds)[:, :1].T)
        heard = av.AudioFrame.from_ndarray(wave, "fltp", "mono")
        heard.sample_rate, heard.pts = RATE, 0
        container.mux(track.encode(heard))
        container.mux(track.encode(None))
    return path.read_bytes()


class Client:
    """What a page does."""

    def __init__(self, http: Any, studio: Any) -> None:
        self.http, self.studio = http, studio

    def upload(self, data: bytes, name: str = "street.wav") -> Any:
        return self.http.post("/api/recordings", files={"file": (name, data)})

    def recording(self, seconds: float = 1.0, hertz: float = 440.0) -> str:
        answer = self.upload(sound(seconds, hertz))
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def ask(self, recording: Any, text: str | None = "dog", **more: Any) -> Any:
        return self.http.post("/api/jobs", json={"recording": recording, "text": text, **more})

    def start(self, recording: Any, text: str = "dog", **more: Any) -> str:
        answer = self.ask(recording, text, **more)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def job(self, identity: str) -> dict[str, Any]:
        return self.http.get(f"/api/jobs/{identity}").json()

    def until(self, identity: str, *statuses: str, seconds: float = 60.0) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while (job := self.job(identity))["status"] not in statuses:
            assert time.monotonic() < end, job
            time.sleep(0.02)
        return job

    def do(self, recording: Any, text: str = "dog", **more: Any) -> dict[str, Any]:
        return self.until(self.start(recording, text, **more), "done", "failed", "cancelled")

    def stem(self, job: str, stem: str) -> np.ndarray:
        answer = self.http.get(f"/api/jobs/{job}/stems/{stem}")
        assert answer.status_code == 200, answer.text
        return soundfile.read(io.BytesIO(answer.content), dtype="float32")[0]


Opens = Callable[..., AbstractContextManager[Client]]
