"""Covers, chapters and time stamps of broadcast waves stay with the sound."""

import io
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from soundsift.audio import read
from soundsift.audio.extras import Cover, Extras, read_extras
from soundsift.audio.formats import Output
from soundsift.separation.result import Separation

RATE = 44_100
CHAPTERS = [
    {"id": n, "start": n * 500, "end": n * 500 + 500, "time_base": Fraction(1, 1000)}
    | {"metadata": {"title": f"Part {n + 1}"}}
    for n in range(2)
]


def picture(codec: str) -> Cover:
    data = io.BytesIO()
    with av.open(data, "w", format="image2pipe") as container:
        stream = container.add_stream(codec, rate=1)
        stream.width, stream.height = 32, 24
        stream.pix_fmt = {"png": "rgb24", "mjpeg": "yuvj420p"}[codec]
        frame = av.VideoFrame.from_ndarray(np.full((24, 32, 3), 90, np.uint8), "rgb24")
        container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode(None))
    return Cover(data.getvalue(), codec, 32, 24)


def song(extras: Extras) -> Separation:
    wave = (0.1 * np.random.default_rng(0).normal(size=(2, RATE))).astype(np.float32)
    settings = {"soundsift": "0"}
    return Separation(wave, wave, 0 * wave, RATE, "s16", settings, tags={}, extras=extras)


@pytest.mark.parametrize("codec", ["png", "mjpeg"])
@pytest.mark.parametrize("name", ["flac", "mp3", "m4a", "opus"])
def test_covers_and_chapters_stay(tmp_path: Path, name: str, codec: str) -> None:
    cover = picture(codec)
    made = song(Extras(cover, CHAPTERS))
    first = made.save(tmp_path, "a", output=Output(name), stems=("target",))["target"]
    found = read_extras(first)
    assert found.cover is not None
    assert (found.cover.data, found.cover.codec) == (cover.data, codec)
    assert (found.cover.width, found.cover.height) == (32, 24)
    assert [c["metadata"]["title"] for c in found.chapters] == ["Part 1", "Part 2"]
    starts = [float(c["start"] * c["time_base"]) for c in found.chapters]
    assert starts == pytest.approx([0, 0.5])
    # They are no part of the sound, and can be read and written again.
    assert read(first).length == pytest.approx(RATE, abs=5000)
    again = song(found).save(tmp_path, "b", output=Output(name), stems=("target",))["target"]
    assert read_extras(again).cover == found.cover


@pytest.mark.parametrize("after", [False, True])
def test_a_broadcast_waves_time_stamp_stays(tmp_path: Path, after: bool) -> None:
    content = b"night shift".ljust(256, b"\0") + b"studio".ljust(32, b"\0") + b"x".ljust(32, b"\0")
    content += b"2026-11-2701:15:00" + struct.pack("<Q", 3600 * RATE) + bytes(256)
    chunk = struct.pack("<4sI", b"bext", len(content)) + content
    plain = io.BytesIO()
    soundfile.write(plain, np.full((RATE, 1), 0.1), RATE, format="WAV", subtype="PCM_16")
    body = plain.getvalue()[12:]
    body = body + chunk if after else chunk + body
    source = tmp_path / "tape.wav"
    source.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body)
    extras = read_extras(source)
    assert extras.broadcast == content
    path = song(extras).save(tmp_path, "a", stems=("target",))["target"]
    assert read_extras(path).broadcast == content
    with av.open(str(path)) as container:
        assert container.metadata["time_reference"] == str(3600 * RATE)
    assert read(path).length == RATE


@pytest.mark.parametrize("name", ["wav", "aiff", "ogg"])
def test_formats_without_covers_and_chapters(tmp_path: Path, name: str) -> None:
    made = song(Extras(picture("png"), CHAPTERS))
    path = made.save(tmp_path, "a", output=Output(name), stems=("target",))["target"]
    assert read_extras(path) == Extras()


def test_files_without_extras_and_damaged_ones(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full((RATE, 1), 0.1), RATE)
    assert read_extras(tmp_path / "a.wav") == Extras()
    (tmp_path / "b.wav").write_bytes(b"RIFF\0\0\0\0WAVEbext\xff\xff\xff\xff")
    assert read_extras(tmp_path / "b.wav") == Extras()
    assert read_extras(tmp_path / "gone.wav") == Extras()
