"""What is written in every format, read back."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from soundsift.audio import complement, read, write
from soundsift.audio.formats import Output
from soundsift.audio.layouts import wave_mask
from soundsift.audio.tags import read_tags
from soundsift.errors import SoundsiftError
from soundsift.separation.result import Separation

RATE = 44_100
TAGS = {"title": "Tïtle", "artist": "Somebody", "date": "2020"}


def make(sample_format: str, layout: str = "stereo", count: int = 50_003) -> Separation:
    """Two sources of equal level: where they cancel, floats have the hardest time."""
    channels = av.AudioLayout(layout).nb_channels
    rng = np.random.default_rng(0)
    mixture, target = (rng.normal(0, 0.2, (channels, count)).astype(np.float32) for _ in "mt")
    if sample_format != "f32":
        steps = {"s16": 2**15, "s24": 2**23}[sample_format]
        mixture = (np.round(np.clip(mixture, -0.9, 0.9) * steps) / steps).astype(np.float32)
    target, residual = complement(mixture, 0.5 * mixture + target / 4, sample_format)
    settings = {"soundsift": "0", "seed": 0}
    return Separation(
        mixture, target, residual, RATE, sample_format, settings, layout=layout, tags=TAGS
    )


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1", "5.1(side)", "7.1"])
@pytest.mark.parametrize(
    ("name", "bits", "of_input"),
    [
        ("wav", None, "s16"),
        ("wav", None, "s24"),
        ("wav", "24", "s16"),
        ("wav", "32f", "s16"),
        ("wav", "32f", "s24"),
        ("flac", None, "s16"),
        ("flac", None, "s24"),
        ("flac", "24", "s16"),
        ("aiff", None, "s16"),
        ("aiff", None, "s24"),
        ("aiff", "32f", "s24"),
    ],
)
def test_lossless_stems_add_up_to_the_last_bit(tmp_path, name, bits, of_input, layout):
    made = make(of_input, layout)
    if (name, layout) == ("aiff", "7.1"):
        pytest.skip("at most six channels")
    paths = made.save(tmp_path, "a", output=Output(name, bits))
    target, residual = (read(paths[stem]) for stem in ("target", "residual"))
    assert np.array_equal(target.samples.astype(float) + residual.samples, made.mixture)
    if name != "aiff" or layout in ("mono", "stereo"):  # FFmpeg writes no layout into AIFF
        assert {target.layout, residual.layout} == {layout}
    assert target.sample_rate == RATE
    expected = {None: of_input, "24": "s24", "32f": "f32"}[bits]
    info = soundfile.info(paths["target"])
    assert info.subtype == {"s16": "PCM_16", "s24": "PCM_24", "f32": "FLOAT"}[expected]
    assert (info.frames, info.channels) == made.mixture.shape[::-1]


@pytest.mark.parametrize(("name", "bits"), [("wav", "16"), ("wav", "24"), ("flac", "16")])
@pytest.mark.parametrize("of_input", ["s24", "f32"])
def test_fewer_bits_add_up_to_the_rounded_recording(tmp_path, name, bits, of_input):
    made = make(of_input)
    paths = made.save(tmp_path, "a", output=Output(name, bits))
    write(tmp_path / "m.wav", made.mixture, RATE, f"s{bits}")
    whole = read(tmp_path / "m.wav").samples
    assert np.array_equal(read(paths["target"]).samples + read(paths["residual"]).samples, whole)


def test_stems_made_on_their_own_stay_so_in_fewer_bits(tmp_path):
    made = make("f32")
    loose = Separation(
        made.mixture, made.target, 0.5 * made.residual, RATE, "f32", {"soundsift": "0"}
    )
    paths = loose.save(tmp_path, "a", output=Output("wav", "16"))
    assert np.abs(read(paths["residual"]).samples - loose.residual).max() <= 2**-16


def test_floats_add_up_wherever_floats_can(tmp_path):
    made = make("f32")
    paths = made.save(tmp_path, "a")
    t, r = (read(paths[stem]).samples.astype(float) for stem in ("target", "residual"))
    wrong = t + r != made.mixture
    # Not where both stems are more than twice as loud as their sum, and then by half a last place.
    assert 0 < wrong.mean() < 0.1
    assert (np.abs(made.target)[wrong] > np.abs(made.mixture)[wrong]).all()
    louder = np.maximum(np.abs(made.target), np.abs(made.residual))
    assert (np.abs(t + r - made.mixture) <= np.spacing(louder) / 2).all()
    # Floats that hold 24-bit numbers: everywhere.
    coarse = np.round(made.mixture * 2**23).astype(np.float32) / np.float32(2**23)
    t, r = complement(coarse, made.target, "f32")
    assert np.array_equal(t.astype(float) + r, coarse)


@pytest.mark.parametrize(
    ("name", "rate", "written"),
    [
        ("mp3", 8000, 8000),
        ("mp3", 44_100, 44_100),
        ("mp3", 96_000, 48_000),
        ("opus", 16_000, 48_000),
        ("opus", 44_100, 48_000),
        ("m4a", 44_100, 44_100),
        ("m4a", 192_000, 96_000),
        ("ogg", 44_100, 44_100),
        ("ogg", 5_000, 8_000),
    ],
)
def test_lossy_formats_keep_length_and_alignment(tmp_path, name, rate, written):
    sweep = 0.3 * np.sin(np.cumsum(np.linspace(0.02, 0.3, rate)))
    wave = np.tile(sweep.astype(np.float32), (2, 1))
    made = Separation(wave, wave, wave * 0, rate, "s16", {"soundsift": "0"}, tags=TAGS)
    path = made.save(tmp_path, "a", stems=("target",), output=Output(name))["target"]
    back = read(path)
    assert (back.sample_rate, back.samples.shape) == (written, (2, written))
    piece = _at(wave[0], rate, written)
    found = np.correlate(back.samples[0, written // 4 :][: written // 4], piece, "valid").argmax()
    assert abs(int(found) - 50) <= 1


def _at(wave: np.ndarray, rate: int, written: int) -> np.ndarray:
    """A piece that starts 50 samples after a quarter of the whole, at another rate."""
    times = (np.arange(written // 4 - 100) + written // 4 + 50) / written
    return np.interp(times, np.arange(len(wave)) / rate, wave)


@pytest.mark.parametrize("name", ["wav", "flac", "aiff", "mp3", "ogg", "opus", "m4a"])
def test_tags_and_the_same_bytes_twice(tmp_path, name):
    made = make("s16")
    paths = [made.save(tmp_path / n, "a", output=Output(name))["target"] for n in "xy"]
    tags = read_tags(paths[0])
    assert {k: tags.get(k) for k in TAGS} == TAGS
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_higher_bit_rate_is_a_larger_file(tmp_path):
    made = make("s16")
    for name in ("mp3", "ogg", "opus", "m4a"):
        sizes = [
            made.save(tmp_path, f"{name}{rate}", output=Output(name, None, rate))["target"]
            .stat()
            .st_size
            for rate in (64, 192)
        ]
        assert sizes[1] > 1.8 * sizes[0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (("wma",), "'wma'"),
        (("flac", "32f"), "32f"),
        (("mp3", "16"), "Lossy formats"),
        (("wav", None, 128), "no bit rate"),
        (("mp3", None, 999), "320"),
        (("opus", None, 2), "510"),
    ],
)
def test_impossible_formats(values, words):
    with pytest.raises(SoundsiftError, match=words):
        Output(*values)


def test_more_kilobits_than_opus_takes(tmp_path):
    """It is written with the most that there is, as MP3 and AAC are."""
    made = make("s16", "mono")
    sizes = [
        made.save(tmp_path, f"{rate}", output=Output("opus", None, rate))["target"].stat().st_size
        for rate in (256, 510)
    ]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)


def test_too_many_channels(tmp_path):
    made = make("s16", "5.1")
    with pytest.raises(SoundsiftError, match="MP3 can't hold 6 channels"):
        made.save(tmp_path, "a", output=Output("mp3"))
    with pytest.raises(SoundsiftError, match="Opus can't hold 8 channels"):
        make("s16", "7.1").save(tmp_path, "a", output=Output("opus"))
    assert list(tmp_path.iterdir()) == []
    side = make("s16", "5.1(side)").save(tmp_path, "a", output=Output("opus"))
    assert read(side["target"]).layout == "5.1"


@pytest.mark.parametrize("layout", ["stereo", "7.1", "7.1.4"])
@pytest.mark.parametrize("kind", ["s16p", "s32p", "fltp"])
def test_channels_that_are_decoded_each_on_its_own(tmp_path, layout, kind):
    channels = av.AudioLayout(layout).nb_channels
    steps = np.random.default_rng(0).integers(-9000, 9000, (channels, 9000)).astype(np.int16)
    with av.open(str(tmp_path / "a.wv"), "w") as container:
        stream = container.add_stream("wavpack", rate=RATE, layout=layout)
        stream.format = kind
        frame = av.AudioFrame.from_ndarray(steps.T.reshape(1, -1), "s16", layout)
        frame.sample_rate, frame.pts = RATE, 0
        for piece in av.AudioResampler(kind, layout, RATE).resample(frame):
            container.mux(stream.encode(piece))
        container.mux(stream.encode())
    assert np.array_equal(read(tmp_path / "a.wv").samples * 2**15, steps)


def test_channel_masks():
    assert wave_mask("5.1", 6) == 0x3F and wave_mask("5.1(side)", 6) == 0x60F
    assert wave_mask(None, 6) == wave_mask("6 channels", 6) == wave_mask("5.1", 5) == 0


# --- video ----------------------------------------------------------------------------------------


def film(path: Path, sound_at: float = 0.0, codec: str = "aac") -> np.ndarray:
    """Two seconds of picture, with sound that may begin later."""
    # A rising whistle has one right place only.
    sweep = 0.3 * np.sin(np.cumsum(np.linspace(0.02, 0.3, 2 * 48_000)))
    wave = np.tile(sweep.astype(np.float32), (2, 1))
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "A film"
        picture = container.add_stream("libvpx" if path.suffix == ".webm" else "mpeg4", rate=25)
        picture.width = picture.height = 32
        picture.pix_fmt = "yuv420p"
        sound = container.add_stream(codec, rate=48_000, layout="stereo")
        for index in range(50):
            image = np.full((48, 32), 4 * index, np.uint8)
            still = av.VideoFrame.from_ndarray(image, "yuv420p")
            still.pts, still.time_base = index, Fraction(1, 25)
            container.mux(picture.encode(still))
        container.mux(picture.encode())
        frame = av.AudioFrame.from_ndarray(wave, "fltp", "stereo")
        frame.sample_rate, frame.time_base = 48_000, Fraction(1, 48_000)
        frame.pts = round(sound_at * 48_000)
        for piece in av.AudioResampler(sound.format, "stereo", 48_000).resample(frame):
            container.mux(sound.encode(piece))
        container.mux(sound.encode())
    return wave


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(video=0) if p.size]


def beginnings(path: Path) -> list[float]:
    found = []
    for kind in ("video", "audio"):
        with av.open(str(path)) as container:
            found.append(next(container.decode(**{kind: 0})).time)
    return found


@pytest.mark.parametrize("late", [0.0, 0.5])
@pytest.mark.parametrize(
    ("suffix", "codec", "kept"),
    [
        (".mp4", "aac", ".mp4"),
        (".mkv", "flac", ".mkv"),
        (".webm", "libopus", ".webm"),
        (".avi", "mp3", ".mkv"),
    ],
)
def test_a_video_keeps_its_picture_and_its_timing(tmp_path, suffix, codec, kept, late):
    if suffix == ".avi" and late:
        pytest.skip("AVI has no late sound")
    source = tmp_path / f"film{suffix}"
    film(source, late, codec)
    recording = read(source)
    made = Separation(
        *(recording.samples, 0.5 * recording.samples, 0.5 * recording.samples),
        *(recording.sample_rate, "f32", {"soundsift": "0"}),
        layout=recording.layout,
        tags=read_tags(source),
    )
    paths = made.save(tmp_path / "out", "film", output=Output("video"), source=source)
    assert paths["target"].suffix == kept
    assert packets(paths["target"]) == packets(source)
    again = made.save(tmp_path / "again", "film", output=Output("video"), source=source)
    assert again["target"].read_bytes() == paths["target"].read_bytes()
    back = read(paths["residual"])
    assert back.duration == pytest.approx(recording.duration, abs=0.05)
    # The same sound at the same picture: both are read on the clock of the picture.
    assert recording.duration == pytest.approx(2 + late, abs=0.05)
    assert np.abs(recording.samples[:, : round(48_000 * late * 0.9)]).max(initial=0) == 0
    start = 10_000 + round(48_000 * late)
    piece = recording.samples[0, start : start + 20_000]
    found = int(np.correlate(back.samples[0], piece, "valid").argmax())
    assert abs(found - start) < 100
    assert packets(paths["target"]) == packets(source)
    shown = beginnings(source)[0], beginnings(paths["target"])[0]
    assert shown[0] == pytest.approx(shown[1], abs=0.03)
    if suffix != ".avi":
        assert read_tags(paths["target"])["title"] == "A film"


def test_subtitles_and_chapters_stay(tmp_path):
    film(tmp_path / "plain.mkv", codec="flac")
    source = tmp_path / "film.mkv"
    text = "1\n00:00:00,500 --> 00:00:01,000\nHello\n"
    (tmp_path / "a.srt").write_text(text)
    with (
        av.open(str(tmp_path / "plain.mkv")) as old,
        av.open(str(tmp_path / "a.srt")) as words,
        av.open(str(source), "w") as new,
    ):
        copies = {s.index: new.add_stream_from_template(s) for s in old.streams}
        said = new.add_stream_from_template(words.streams[0])
        new.set_chapters(
            [{"id": 1, "start": 0, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {}}]
        )
        for packet in words.demux():
            if packet.size:
                packet.stream = said
                new.mux(packet)
        for packet in old.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                new.mux(packet)
    recording = read(source)
    made = Separation(
        *(recording.samples, recording.samples, 0 * recording.samples),
        *(recording.sample_rate, "f32", {"soundsift": "0"}),
    )
    path = made.save(tmp_path / "out", "f", output=Output("video"), source=source)["target"]
    with av.open(str(path)) as container:
        assert len(container.chapters()) == 1
        (subtitle,) = container.streams.subtitles
        assert b"Hello" in b"".join(bytes(p) for p in container.demux(subtitle) if p.size)
