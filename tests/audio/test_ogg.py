"""Chained Ogg files."""

import io
from itertools import pairwise

import numpy as np
import pytest
import soundfile

from soundsift.audio import examine, read
from soundsift.audio.ogg import FilePart, ogg_links, sound_pages
from soundsift.errors import SoundsiftError


def link(
    seconds: float, hertz: float, channels: int = 2, codec: str = "VORBIS", rate: int = 48_000
) -> bytes:
    """A tone, as an Ogg file of its own."""
    tone = 0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    out = io.BytesIO()
    soundfile.write(out, np.tile(tone[:, None], (1, channels)), rate, format="OGG", subtype=codec)
    return out.getvalue()


def heard(samples: np.ndarray, rate: int, start: float) -> int:
    """The tone in half a second of the first channel, in Hz."""
    piece = samples[0, round(start * rate) : round((start + 0.5) * rate)]
    return round(float(np.abs(np.fft.rfft(piece * np.hanning(len(piece)), rate)).argmax()))


@pytest.mark.parametrize("codec", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("lengths", [(3, 4), (0.7, 0.8), (0.05, 2, 0.05), (1, 1, 1, 1, 1)])
def test_all_links_are_read(tmp_path, codec, lengths):
    path = tmp_path / "a.ogg"
    links = [link(s, 300 + 100 * i, codec=codec) for i, s in enumerate(lengths)]
    path.write_bytes(b"".join(links))
    bounds = np.cumsum([0, *map(len, links)]).tolist()
    assert ogg_links(path) == list(pairwise(bounds))
    recording = read(path)
    assert recording.length == sum(round(48_000 * s) for s in lengths)
    assert examine(path).length == recording.length
    start = 0.0
    for index, seconds in enumerate(lengths):
        if seconds >= 0.7:
            assert heard(recording.samples, 48_000, start + 0.1) == 300 + 100 * index
        start += seconds


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"channels": 2}, {"channels": 1}),
        ({"channels": 1}, {"channels": 2}),
        ({"rate": 44_100}, {"rate": 48_000}),
        ({"rate": 48_000}, {"rate": 8000, "channels": 1}),
        ({"channels": 2, "codec": "OPUS"}, {"channels": 1, "codec": "OPUS"}),
        ({"channels": 1, "codec": "OPUS"}, {"channels": 2, "codec": "VORBIS", "rate": 22_050}),
        ({"rate": 16_000}, {"rate": 16_000, "codec": "OPUS"}),
    ],
)
def test_links_of_another_kind_are_converted_to_the_first(tmp_path, first, second):
    path = tmp_path / "a.ogg"
    path.write_bytes(link(3, 500, **first) + link(2, 700, **second) + link(1, 900, **first))
    recording = read(path)
    rate = 48_000 if first.get("codec") == "OPUS" else first.get("rate", 48_000)
    assert (recording.sample_rate, recording.channels) == (rate, first.get("channels", 2))
    assert recording.duration == pytest.approx(6, abs=0.005)
    assert [heard(recording.samples, rate, t) for t in (1, 3.5, 5.2)] == [500, 700, 900]
    assert np.abs(recording.samples[0, 4 * rate : 4 * rate + 1000]).max() == pytest.approx(
        0.3, rel=0.5
    )


def test_a_chain_of_which_a_link_is_damaged(tmp_path):
    path = tmp_path / "a.ogg"
    middle = bytearray(link(3, 600))
    middle[3000:-3000] = np.random.default_rng(0).bytes(len(middle) - 6000)
    path.write_bytes(link(3, 500) + bytes(middle) + link(3, 700))
    try:
        recording = read(path)
    except SoundsiftError as error:
        assert "damaged" in str(error)
    else:
        assert recording.duration > 5.5


def test_pages_of_sound(tmp_path):
    path = tmp_path / "a.ogg"
    path.write_bytes(link(0.2, 500) + link(9, 500))
    short, long = ogg_links(path)
    assert (sound_pages(path, short), sound_pages(path, long)) == (1, 2)


def test_what_is_no_ogg_is_one_link(tmp_path):
    path = tmp_path / "a.ogg"
    path.write_bytes(b"nothing of the kind" * 9000)
    assert ogg_links(path) == [(0, path.stat().st_size)]


def test_a_part_of_a_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(bytes(range(100)))
    with FilePart(path, 10, 30) as part:
        assert part.read(5) == bytes(range(10, 15))
        assert part.seek(-3, io.SEEK_END) == 17
        assert part.read() == bytes(range(27, 30)) and part.read() == b""
        assert part.seek(500) == 20 and part.tell() == 20
        assert part.seek(2) == 2 and part.seek(3, io.SEEK_CUR) == 5
        assert part.read(1) == bytes([15])
