"""Videos with other sound, from files whose packets or tracks are not as simple as most."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from soundsift.audio import read
from soundsift.audio.formats import Output
from soundsift.audio.video import _with_times, has_picture
from soundsift.errors import SoundsiftError
from soundsift.separation.result import Separation

COUNT = 30
RATE = 48_000


def film(path: Path, codec: str = "mpeg4", subtitle: str | None = None) -> Path:
    """30 pictures of 40 ms that change a lot, and their sound, as long, in FLAC."""
    rng = np.random.default_rng(0)
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    with av.open(str(path), "w") as container:
        picture = container.add_stream(codec, rate=25, options=options)
        picture.width = picture.height = 64
        picture.pix_fmt = "yuv420p"
        sound = container.add_stream("flac", rate=RATE, layout="mono")
        words = None
        if subtitle is not None:
            path.with_suffix(".srt").write_text(subtitle)
            words = av.open(str(path.with_suffix(".srt")))
            said = container.add_stream_from_template(words.streams[0])
        slope = np.add.outer(np.arange(96), np.arange(64))
        for index in range(COUNT):
            image = ((3 * slope + 5 * index) % 200).astype(np.uint8)
            still = av.VideoFrame.from_ndarray(image, "yuv420p")
            still.pts, still.time_base = index, Fraction(1, 25)
            container.mux(picture.encode(still))
        container.mux(picture.encode())
        steps = rng.integers(-9000, 9000, (1, COUNT * RATE // 25)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(steps, "s16", "mono")
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), 0
        for piece in av.AudioResampler(sound.format, "mono", RATE).resample(frame):
            container.mux(sound.encode(piece))
        container.mux(sound.encode())
        if words is not None:
            with words:
                for packet in words.demux():
                    if packet.size:
                        packet.stream = said
                        container.mux(packet)
    return path


def with_other_sound(source: Path, folder: Path) -> Path:
    recording = read(source)
    made = Separation(
        *(recording.samples, 0.5 * recording.samples, 0.5 * recording.samples),
        *(recording.sample_rate, "f32", {"soundsift": "0"}),
    )
    paths = made.save(folder, "a", stems=("target",), output=Output("video"), source=source)
    return paths["target"]


def pictures(path: Path) -> tuple[list[bytes], list[Any], list[np.ndarray]]:
    """Packets and when they are shown, and the decoded pictures."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        shown = [p.pts * p.time_base for p in packets]
    with av.open(str(path)) as container:
        decoded = [frame.to_ndarray() for frame in container.decode(video=0)]
    return [bytes(p) for p in packets], shown, decoded


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_pictures_that_are_stored_in_another_order_all_stay(tmp_path, codec):
    if codec not in av.codecs_available:
        pytest.skip(f"THIS PYAV HAS NO {codec}: nothing was checked")
    source = film(tmp_path / "film.mkv", codec)
    with av.open(str(source)) as container:
        first = [p for p in container.demux(video=0) if p.size][:3]
    # What this is about: no time of decoding for the key frame, and pictures that change places.
    assert first[0].is_keyframe and first[0].dts is None
    packets, shown, decoded = pictures(source)
    assert len(packets) == len(decoded) == COUNT and shown != sorted(shown)
    result = pictures(with_other_sound(source, tmp_path / "out"))
    assert result[0] == packets
    # The encoder's delay may move everything, sound and picture, by the same time.
    assert len({after - before for before, after in zip(shown, result[1], strict=True)}) == 1
    assert np.array_equal(result[2], decoded)


def test_a_video_of_one_picture_that_could_change_places(tmp_path, monkeypatch):
    if "libx264" not in av.codecs_available:
        pytest.skip("THIS PYAV HAS NO libx264: nothing was checked")
    monkeypatch.setitem(globals(), "COUNT", 1)
    source = film(tmp_path / "film.mkv", "libx264")
    assert len(pictures(with_other_sound(source, tmp_path / "out"))[2]) == 1


def packet(pts: int | None, dts: int | None, duration: int = 40, stream: int = 0) -> Any:
    return SimpleNamespace(
        pts=pts, dts=dts, duration=duration, size=1, stream=SimpleNamespace(index=stream)
    )


def times(*packets: Any) -> list[tuple[int | None, int | None]]:
    return [(p.pts, p.dts) for p in _with_times(packets)]


def test_times_of_decoding_are_filled_in():
    unknown = packet(0, None), packet(120, None), packet(40, 0), packet(80, 40)
    assert times(*unknown) == [(0, -80), (120, -40), (40, 0), (80, 40)]
    # Without a duration, as close as can be; never after the picture is shown.
    assert times(packet(5, None, 0), packet(9, None, 0), packet(9, 8, 0)) == [
        (5, 5),
        (9, 7),
        (9, 8),
    ]
    # In the middle, and what follows never goes back.
    middle = packet(0, 0), packet(80, None), packet(200, None), packet(90, 60), packet(110, 100)
    assert times(*middle) == [(0, 0), (80, 40), (200, 80), (90, 80), (110, 100)]
    # Nowhere, and for one without any time.
    assert times(packet(80, None), packet(0, None)) == [(80, -40), (0, 0)]
    assert times(packet(None, None), packet(40, 0)) == [(-40, -40), (40, 0)]
    assert times(packet(None, None)) == [(0, 0)]
    # Streams don't wait for each other; what holds nothing is dropped.
    empty = packet(None, None)
    empty.size = 0
    both = packet(0, None), packet(7, 7, 1, stream=1), packet(40, 0), empty
    assert times(*both) == [(7, 7), (0, -40), (40, 0)]


def test_streams_without_any_time_of_decoding_do_not_wait_in_memory():
    taken = 0

    def endless() -> Any:
        nonlocal taken
        while True:
            yield packet(40 * taken, None)
            taken += 1

    packets = _with_times(endless())
    found = [next(packets).dts for _ in range(100)]
    assert taken < 150
    assert found == sorted(found) and len({*found}) == 100


TEXT = "1\n00:00:00,100 --> 00:00:01,000\nHello\n"


def test_subtitles_of_an_unknown_kind_are_left_out(tmp_path):
    source = film(tmp_path / "film.mkv", subtitle=TEXT)
    plain = with_other_sound(source, tmp_path / "plain")
    with av.open(str(plain)) as container:
        assert len(container.streams.subtitles) == 1
    whole = source.read_bytes()
    assert whole.count(b"S_TEXT/UTF8") == 1
    source.write_bytes(whole.replace(b"S_TEXT/UTF8", b"S_TEXT/USFX"))
    result = with_other_sound(source, tmp_path / "out")
    assert pictures(result)[0] == pictures(source)[0]
    with av.open(str(result)) as container:
        assert len(container.streams.subtitles) == 0


def test_a_picture_of_an_unknown_kind_is_none(tmp_path):
    source = film(tmp_path / "film.mkv")
    whole = source.read_bytes()
    source.write_bytes(whole.replace(b"V_MPEG4/ISO/ASP", b"V_MPEG4/ISO/XYZ"))
    assert source.read_bytes() != whole
    assert not has_picture(source)
    with pytest.raises(SoundsiftError, match="no moving picture"):
        with_other_sound(source, tmp_path / "out")


def described_film(
    path: Path, codec: str, tag: str | None = None, form: str | None = None, **told: str
) -> Path:
    """A second of picture and sound whose tracks have tags."""
    if codec not in av.codecs_available:
        pytest.skip(f"NOT TESTED: this FFmpeg has no {codec}")
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    if codec == "prores_ks":
        options["profile"] = "4444"
    with av.open(str(path), "w", format=form) as container:
        picture = container.add_stream(codec, rate=25, options=options)
        picture.width = picture.height = 64
        picture.pix_fmt = {"prores_ks": "yuv444p10le", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
        if tag is not None:
            picture.codec_context.codec_tag = tag
        sound = container.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=RATE)
        sound.layout = "mono"
        for stream in (picture, sound):
            stream.metadata.update(told)
        for index in range(25):
            image = np.full((64, 64, 3), index, np.uint8)
            still = av.VideoFrame.from_ndarray(image)
            still.pts, still.time_base = index, Fraction(1, 25)
            container.mux(picture.encode(still))
        container.mux(picture.encode())
        steps = np.random.default_rng(0).normal(0, 0.1, (1, RATE)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(steps, "fltp", "mono")
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), 0
        for piece in av.AudioResampler(
            sound.format, "mono", RATE, sound.codec_context.frame_size
        ).resample(frame):
            container.mux(sound.encode(piece))
        container.mux(sound.encode())
    return path


@pytest.mark.parametrize(
    ("suffix", "codec", "tag"),
    [
        *(
            (suffix, "libx265", tag)
            for suffix in (".mp4", ".m4v", ".mov")
            for tag in ("hvc1", "hev1")
        ),
        *((suffix, "libx264", tag) for suffix in (".mp4", ".mov") for tag in ("avc1", "avc3")),
        (".mov", "prores_ks", "ap4h"),
        (".mov", "mjpeg", "jpeg"),
        (".mp4", "mpeg4", "mp4v"),
    ],
)
def test_players_find_the_codec_under_the_same_name(
    tmp_path: Path, suffix: str, codec: str, tag: str
) -> None:
    form = "mov" if suffix == ".mov" else "mp4"
    source = described_film(tmp_path / f"film{suffix}", codec, tag, form)
    with av.open(str(with_other_sound(source, tmp_path / "out"))) as container:
        assert container.streams.video[0].codec_tag == tag


def test_hevc_from_a_file_without_such_names(tmp_path: Path) -> None:
    """A Matroska file that is called .mp4."""
    source = described_film(tmp_path / "film.mp4", "libx265", form="matroska")
    with av.open(str(with_other_sound(source, tmp_path / "out"))) as container:
        assert container.format.name.startswith("mov")
        assert container.streams.video[0].codec_tag == "hvc1"


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".mkv", ".webm"])
def test_tracks_keep_language_and_title(tmp_path: Path, suffix: str) -> None:
    codec = "libvpx" if suffix == ".webm" else "mpeg4"
    source = described_film(
        tmp_path / f"film{suffix}",
        codec,
        form={".m4v": "mp4"}.get(suffix),
        language="ger",
        title="Erzählung",
    )
    with av.open(str(with_other_sound(source, tmp_path / "out"))) as container:
        for stream in (*container.streams.video, *container.streams.audio):
            found = stream.metadata
            assert found["language"] == "ger"
            assert found.get("title", found.get("name")) == "Erzählung"
        assert len(container.streams) == 2


def test_subtitles_stay_default_and_forced(tmp_path: Path) -> None:
    source = film(tmp_path / "film.mkv", subtitle="1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    marked = tmp_path / "marked.mkv"
    with av.open(str(source)) as old, av.open(str(marked), "w") as new:
        copies = [new.add_stream_from_template(stream, opaque=True) for stream in old.streams]
        copies[2].disposition = av.stream.Disposition.forced
        for packet in old.demux():
            if packet.size and packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                new.mux(packet)
    with av.open(str(with_other_sound(marked, tmp_path / "out"))) as container:
        (subtitle,) = container.streams.subtitles
        assert subtitle.disposition & av.stream.Disposition.forced
