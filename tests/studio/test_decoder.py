"""Forks that are limited, and what they refuse."""

import json
import os
import signal
import struct
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from clients import film, sound, tone

from soundsift.audio.limits import RecordingLimits
from soundsift.studio import decoder
from soundsift.studio.confinement import Confinement

LIMITS = {"memory": 1 << 30, "seconds": 20, "bytes": 1 << 28}
CONFINEMENT = Confinement.find()


def do(
    task: str,
    reads: Sequence[Path] = (),
    writes: Sequence[Path] = (),
    limits: dict[str, Any] | None = None,
    **arguments: Any,
) -> dict[str, Any]:
    request = {
        "task": task,
        "arguments": arguments,
        "limits": LIMITS | (limits or {}),
        "files": {"reads": list(map(str, reads)), "writes": list(map(str, writes))},
    }
    return decoder._apart(json.loads(json.dumps(request)), CONFINEMENT)


def take(folder: Path, data: bytes, room: int = 1 << 40, **own: Any) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    (folder / "original").write_bytes(data)
    bounds = asdict(RecordingLimits(seconds=20.0, channels=4, bytes=1 << 24)) | own
    return do("take", writes=[folder], folder=str(folder), bounds=bounds, room=room)


def test_a_sound_is_decoded_to_the_bit(tmp_path: Path) -> None:
    answer = take(tmp_path, sound(1.0, kind="FLAC"))
    facts = {"seconds": 1.0, "sample_rate": 16_000, "channels": 2, "has_video": False}
    assert answer == {"done": facts | {"suffix": ".wav"}}
    decoded, rate = soundfile.read(tmp_path / "audio.wav", dtype="int16")
    assert rate == 16_000
    # As the encoder of the fixture rounds.
    expected = np.rint(tone(1.0).astype(np.float64) * 32767)
    assert np.abs(decoded - expected).max() <= 1
    assert soundfile.info(tmp_path / "audio.wav").subtype == "PCM_16"


@pytest.mark.parametrize(
    ("name", "suffix"), [("a.mp4", ".mp4"), ("a.mov", ".mov"), ("a.mkv", ".mkv")]
)
def test_videos_are_recognised(tmp_path: Path, name: str, suffix: str) -> None:
    done = take(tmp_path / "taken", film(tmp_path / name))["done"]
    assert done["has_video"]
    assert done["suffix"] == suffix
    assert abs(done["seconds"] - 1.0) < 0.1


def test_tags_may_have_any_encoding(tmp_path: Path) -> None:
    data = film(tmp_path / "a.mkv")
    assert data.count(b"Lavf") > 1
    # Latin-1, as in many an old file.
    answer = take(tmp_path / "taken", data.replace(b"Lavf", b"Stra\xdfe"[2:6]))
    assert answer["done"]["has_video"], answer


def test_damaged_files_print_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(sound(0.5, kind="CAF"))
    # A chunk that is a little longer, so that the next one seems to end before it begins.
    data[data.index(b"free") + 11] = 255
    assert take(tmp_path, bytes(data))["refused"]
    assert capfd.readouterr().err == ""


def wav_that_claims(seconds: int) -> bytes:
    data = bytearray(sound(1.0))
    struct.pack_into("<I", data, data.index(b"data") + 4, seconds * 64_000)
    return bytes(data)


def with_a_wrong_rate(rate: int) -> bytes:
    data = bytearray(sound(1.0))
    struct.pack_into("<I", data, 24, rate)
    return bytes(data)


BAD = {
    "empty": (b"", "unusable", "empty"),
    "text": (b"hello world\n" * 500, "not-audio", "neither"),
    "html": (b"<html><script>alert(1)</script></html>", "not-audio", "neither"),
    "zip": (b"PK\3\4" + bytes(2000), "not-audio", "neither"),
    "noise": (np.random.default_rng(0).bytes(5000), "not-audio", "neither"),
    "truncated": (sound(2.0)[:60_000], "unusable", "truncated"),
    "claims": (wav_that_claims(30_000), "unusable", "truncated"),
    "header only": (sound(1.0)[:44], "unusable", ""),
    "rate of 1 Hz": (with_a_wrong_rate(1), "unusable", "sample rate"),
    "rate of 4 GHz": (with_a_wrong_rate(4_000_000_000), "not-audio", ""),
    "cut flac": (sound(2.0, kind="FLAC")[:5000], "unusable", ""),
    "too long": (sound(21.0), "too-large", "at most 20 s"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_with_a_sentence(tmp_path: Path, name: str) -> None:
    data, kind, part = BAD[name]
    answer = take(tmp_path, data)
    assert answer["refused"] == kind, answer
    assert part in answer["sentence"]
    assert answer["sentence"].endswith(".")


def test_long_recordings_are_refused_early(tmp_path: Path) -> None:
    path = tmp_path / "hours.flac"
    with soundfile.SoundFile(path, "w", 8000, 1, "PCM_16", format="FLAC") as file:
        minute = np.full((8000 * 60, 1), 1000, np.int16)
        for _ in range(60):
            file.write(minute)
    data = path.read_bytes()
    # An hour in a hundredth of its size.
    assert len(data) < 60 * minute.nbytes / 100
    start = time.monotonic()
    assert take(tmp_path / "taken", data)["refused"] == "too-large"
    assert take(tmp_path / "size", data, seconds=1e6, bytes=1 << 20)["refused"] == "too-large"
    assert time.monotonic() - start < 10
    assert not (tmp_path / "taken" / "audio.wav").exists()


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{path}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {name}\n",
        "[playlist]\nFile1={path}\nNumberOfEntries=1\n",
        '<?xml version="1.0"?><smil><body><audio src="{path}"/></body></smil>',
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    ],
)
def test_playlists_open_no_other_files(tmp_path: Path, playlist: str) -> None:
    other = tmp_path / "private.wav"
    other.write_bytes(sound(1.0))
    answer = take(tmp_path, playlist.format(path=other, name=other.name).encode())
    assert answer["refused"] == "not-audio"


def test_a_picture_without_sound_is_refused(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    answer = take(tmp_path / "taken", (tmp_path / "a.mkv").read_bytes())
    assert answer["refused"] == "not-audio"
    assert "no sound" in answer["sentence"]


def test_too_many_channels_are_refused(tmp_path: Path) -> None:
    answer = take(tmp_path, sound(1.0), channels=1)
    assert answer["refused"] == "unusable"
    assert "2 channels. Use at most 1." in answer["sentence"]


# --- what a fork may use --------------------------------------------------------------------------


def task(
    monkeypatch: pytest.MonkeyPatch,
    function: Any,
    writes: Sequence[Path] = (),
    **limits: Any,
) -> dict[str, Any]:
    monkeypatch.setitem(decoder._TASKS, "task", function)
    return do("task", writes=writes, limits=limits)


def test_processor_time_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    def spin() -> dict[str, Any]:
        while True:
            pass

    assert "too long" in task(monkeypatch, spin, seconds=1)["sentence"]


def test_wall_time_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = task(monkeypatch, lambda: time.sleep(60), seconds=0.2)  # type: ignore[func-returns-value]
    assert answer == {
        "refused": "unusable",
        "sentence": "The file takes too long. Use a shorter one.",
    }


def test_memory_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    def take_all() -> dict[str, Any]:
        return {"size": len(bytes(1 << 30))}

    assert task(monkeypatch, take_all, memory=2 << 30) == {"done": {"size": 1 << 30}}
    assert "too much memory" in task(monkeypatch, take_all, memory=1 << 28)["sentence"]


def test_written_bytes_are_limited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def grow() -> dict[str, Any]:
        return {"size": (tmp_path / "x").write_bytes(bytes(1 << 20))}

    assert task(monkeypatch, grow, [tmp_path])["done"]
    assert task(monkeypatch, grow, [tmp_path], bytes=1 << 16)["refused"] == "unusable"


def test_a_crash_ends_only_its_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash() -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGUSR1)
        return {}

    assert "damaged" in task(monkeypatch, crash)["sentence"]


def test_library_errors_are_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "damaged" in task(monkeypatch, lambda: {"x": 1 / 0})["sentence"]


def test_a_full_disk_is_reported_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def write() -> dict[str, Any]:
        with Path("/dev/full").open("wb", buffering=0) as file:
            return {"size": file.write(b"x")}

    assert task(monkeypatch, write, [Path("/dev/full")])["refused"] == "no-room"


def test_channels_of_the_server_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_files() -> dict[str, Any]:
        found = []
        for number in range(64):
            try:
                os.fstat(number)
            except OSError:
                continue
            found.append(number)
        return {"count": len(found), "input": os.read(0, 1).decode()}

    # Null, standard output and error, and the pipe of the answer.
    assert task(monkeypatch, open_files) == {"done": {"count": 4, "input": ""}}
