"""Files that never end, or ask for much: the command line and the studio refuse them alike."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from tests.hostile.opening import MOST_MEGABYTES, Worker
from tests.tiny_model import write_tiny_model

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")

from soundsift.studio import decoder
from soundsift.studio.confinement import Confinement
from soundsift.studio.limits import Limits

pytestmark = [pytest.mark.slow, pytest.mark.hostile]

SCRIPT = b"-SE\nalloff: -\nbase: pink/40 100+1.5/50 200+4/36\nNOW base\n0:00 base"
RATE = 44_100


def sound(path: Path, kind: str, rate: int = RATE) -> bytes:
    wave = 0.1 * np.random.default_rng(0).normal(size=(RATE, 2))
    soundfile.write(path, wave, rate, format=kind, subtype="PCM_16")
    return path.read_bytes()


def script(path: Path) -> bytes:
    """SBaGen: sound without end."""
    return SCRIPT


def at_2_ghz(kind: str) -> Callable[[Path], bytes]:
    def make(path: Path) -> bytes:
        data = sound(path, kind)
        for form, rate in (("<I", 2_000_000_000), (">I", 2_000_000_000), (">d", 2e9)):
            data = data.replace(struct.pack(form, RATE), struct.pack(form, rate))
        assert data != path.read_bytes()
        return data

    return make


def wide(path: Path) -> bytes:
    """65,535 channels of 2 GHz."""
    data = bytearray(sound(path, "WAV"))
    struct.pack_into("<HIIH", data, 22, 65_535, 2_000_000_000, 0xFFFF_FFFF, 65_535)
    return bytes(data)


def late_picture(path: Path) -> bytes:
    """FLV whose header promises sound alone; a picture comes after 30 s."""
    with av.open(str(path), "w", format="flv") as container:
        stream = container.add_stream("flv", rate=10)
        stream.width = stream.height = 32
        (packet, *_) = [
            *stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))),
            *stream.encode(None),
        ]
        picture = b"\x12" + bytes(packet)
        container.mux(packet)

    def tag(kind: int, milliseconds: int, body: bytes) -> bytes:
        time = milliseconds.to_bytes(4, "big")
        head = bytes([kind]) + len(body).to_bytes(3, "big") + time[1:] + time[:1] + bytes(3)
        return head + body + (len(body) + 11).to_bytes(4, "big")

    wave = (3000 * np.random.default_rng(0).normal(size=RATE // 10)).astype("<i2").tobytes()
    heard = [tag(8, 100 * k, b"\x3e" + wave) for k in range(400)]
    heard.insert(300, tag(9, 30_000, picture))
    return b"FLV\x01\x04\0\0\0\x09\0\0\0\0" + b"".join(heard)


def playlist(path: Path) -> bytes:
    return b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1.0,\nfile:///dev/zero\n#EXT-X-ENDLIST\n"


FILES: dict[str, tuple[str, Callable[[Path], bytes]]] = {
    "script": ("a.sbg", script),
    "script by the name of a sound": ("a.wav", script),
    "script by the name of a video": ("a.mp4", script),
    "2 GHz WAV": ("a.wav", at_2_ghz("WAV")),
    "2 GHz W64": ("a.w64", at_2_ghz("W64")),
    "2 GHz AU": ("a.au", at_2_ghz("AU")),
    "2 GHz CAF": ("a.caf", at_2_ghz("CAF")),
    "2 GHz RF64": ("a.rf64", at_2_ghz("RF64")),
    "65,535 channels": ("a.wav", wide),
    "playlist": ("a.m3u8", playlist),
}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("command")
    worker = Worker(str(write_tiny_model(folder / "model")), str(folder / "out"))
    yield worker.open
    worker.close()


def uploaded(folder: Path, data: bytes) -> dict[str, Any]:
    """What the studio's decoder makes of a file."""
    folder.mkdir()
    (folder / "original").write_bytes(data)
    limits = Limits()
    arguments = {
        "folder": str(folder),
        "bounds": asdict(limits.of_recording),
        "room": 1 << 40,
    }
    request = {
        "task": "take",
        "arguments": arguments,
        "limits": {"memory": limits.decode_memory, "seconds": 60, "bytes": 1 << 30},
        "files": {"reads": [], "writes": [str(folder)]},
    }
    return decoder._apart(request, Confinement.find())


@pytest.mark.parametrize("what", FILES)
def test_refused_with_one_sentence(
    tmp_path: Path, opened: Callable[[Path], dict[str, Any]], what: str
) -> None:
    name, make = FILES[what]
    path = tmp_path / name
    data = make(path)
    path.write_bytes(data)
    found = opened(path)
    assert found["result"] == "refused", found
    assert found["words"].count("\n") == 0 and name in found["words"]
    assert found["megabytes"] < MOST_MEGABYTES
    assert uploaded(tmp_path / "upload", data)["refused"] in ("not-audio", "unusable")


def test_a_picture_that_begins_late(
    tmp_path: Path, opened: Callable[[Path], dict[str, Any]]
) -> None:
    path = tmp_path / "a.flv"
    data = late_picture(path)
    path.write_bytes(data)
    found = opened(path)
    assert found["result"] == "taken", found
    assert found["megabytes"] < MOST_MEGABYTES
    assert uploaded(tmp_path / "upload", data)["done"]["seconds"] == pytest.approx(40, abs=0.1)
