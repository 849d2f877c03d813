"""Decoding, the grid, resampling, writing. All media is made here, by PyAV and soundfile."""

import os
import stat
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile as sf

from soundsift.audio import (
    atomic_file,
    complement,
    ensure_writable,
    quantise,
    read,
    resample,
    write,
)
from soundsift.audio.limits import RecordingLimits
from soundsift.errors import SoundsiftError


def tone(rate: int, count: int, channels: int = 2) -> np.ndarray:
    time = np.arange(count) / rate
    waves = [0.5 / (c + 1) * np.sin(2 * np.pi * 330 * (c + 1) * time) for c in range(channels)]
    return np.stack(waves).astype(np.float32)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def encode(
    path: Path, codec: str, rate: int, wave: np.ndarray, video: bool = False, **options: str
) -> None:
    layout = "stereo" if wave.shape[0] == 2 else "mono"
    with av.open(str(path), "w", options=options) as container:
        if video:
            picture = container.add_stream("mpeg4", rate=25)
            picture.width = picture.height = 32
            picture.pix_fmt = "yuv420p"
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave), "fltp", layout)
        frame.sample_rate, frame.pts = rate, 0
        if video:
            for index in range(50):
                still = av.VideoFrame(32, 32, "yuv420p")
                still.pts = index
                container.mux(picture.encode(still))
            container.mux(picture.encode())
        fitted = av.AudioResampler(stream.format, layout, rate).resample(frame)
        for piece in fitted:
            container.mux(stream.encode(piece))
        container.mux(stream.encode())


def cut(path: Path, share: float = 0.5) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("rate", [8000, 44100, 96000])
@pytest.mark.parametrize(
    ("subtype", "sample_format", "steps"),
    [("PCM_16", "s16", 2**15), ("PCM_24", "s24", 2**23), ("FLOAT", "f32", 0)],
)
def test_wav_comes_through_bit_for_bit(tmp_path, channels, rate, subtype, sample_format, steps):
    rng = np.random.default_rng(0)
    wave = rng.uniform(-1, 1, (channels, rate // 10 + 7)).astype(np.float32)
    if steps:
        wave = (np.floor(wave * steps) / steps).astype(np.float32)
        wave[0, :2] = -1, (steps - 1) / steps
    sf.write(tmp_path / "a.wav", wave.T, rate, subtype=subtype)
    recording = read(tmp_path / "a.wav")
    assert recording.sample_rate == rate
    assert recording.sample_format == sample_format
    assert recording.samples.dtype == np.float32
    assert np.array_equal(recording.samples, wave)
    write(tmp_path / "b.wav", recording.samples, rate, sample_format)
    assert np.array_equal(sf.read(tmp_path / "b.wav", dtype="float32", always_2d=True)[0].T, wave)
    assert sf.info(tmp_path / "b.wav").subtype == subtype
    assert np.array_equal(read(tmp_path / "b.wav").samples, wave)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
@pytest.mark.parametrize("extension", ["flac", "aiff", "caf", "w64"])
def test_lossless_files_come_through_bit_for_bit(tmp_path, extension, subtype):
    rng = np.random.default_rng(0)
    steps = 2 ** (int(subtype[4:]) - 1)
    wave = (rng.integers(-steps, steps, (2, 5001)) / steps).astype(np.float32)
    path = tmp_path / f"a.{extension}"
    sf.write(path, wave.T, 48000, subtype=subtype)
    recording = read(path)
    assert recording.sample_format == "s" + subtype[4:]
    assert np.array_equal(recording.samples, wave)


def test_other_widths(tmp_path):
    wave = tone(16000, 4000, 1)
    for subtype, sample_format in (("PCM_U8", "s16"), ("PCM_32", "f32"), ("DOUBLE", "f32")):
        sf.write(tmp_path / "a.wav", wave.T, 16000, subtype=subtype)
        recording = read(tmp_path / "a.wav")
        assert recording.sample_format == sample_format
        assert np.abs(recording.samples - wave).max() < 0.01


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("name", "codec", "rates"),
    [
        ("a.mp3", "libmp3lame", (8000, 44100, 48000)),
        ("a.m4a", "aac", (8000, 44100, 48000, 96000)),
        ("a.m4a", "alac", (44100, 96000)),
        ("a.opus", "libopus", (48000,)),
        ("a.webm", "libopus", (48000,)),
        ("v.mp4", "aac", (44100, 48000)),
        ("v.mkv", "libopus", (48000,)),
        ("v.mkv", "flac", (44100,)),
    ],
)
def test_coded_files_keep_length_and_alignment(tmp_path, name, codec, rates, channels):
    for rate in rates:
        # A rising whistle has one right place only.
        sweep = 0.3 * np.sin(np.cumsum(np.linspace(0.05, 1, rate + 123)))
        wave = np.tile(sweep.astype(np.float32), (channels, 1))
        path = tmp_path / name
        encode(path, codec, rate, wave, video=name[0] == "v")
        recording = read(path)
        assert recording.sample_rate == rate
        assert recording.samples.shape == wave.shape
        piece = wave[0, rate // 4 : rate // 2]
        heard = recording.samples[0, rate // 4 - 50 : rate // 2 + 50]
        assert np.correlate(heard, piece, "valid").argmax() == 50


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_vorbis_has_the_length_that_its_own_library_reads(tmp_path, rate):
    path = tmp_path / "a.ogg"
    for count in (rate // 20, rate // 4 + 77, rate + 123, 2 * rate + 1000):
        for wave in (tone(rate, count), np.random.default_rng(0).normal(0, 0.1, (2, count))):
            sf.write(path, wave.T, rate)
            expected = sf.read(path, dtype="float32")[0].T
            samples = read(path).samples
            assert samples.shape == expected.shape == (2, count)
            assert np.abs(samples - expected).max() < 1e-5


def test_bare_g722(tmp_path):
    encode(tmp_path / "a.g722", "g722", 16000, tone(16000, 8000, 1))
    recording = read(tmp_path / "a.g722")
    assert (recording.sample_rate, recording.samples.shape) == (16000, (1, 8000))
    assert recording.sample_format == "s16"


def test_opus_and_matroska_without_stated_length(tmp_path):
    encode(tmp_path / "a.mka", "aac", 44100, tone(44100, 44100))
    assert read(tmp_path / "a.mka").duration == pytest.approx(1, abs=0.03)
    encode(tmp_path / "a.aac", "aac", 44100, tone(44100, 44100))
    assert read(tmp_path / "a.aac").duration == pytest.approx(1, abs=0.06)
    encode(tmp_path / "a.mp3", "libmp3lame", 44100, tone(44100, 44100), write_xing="0")
    assert read(tmp_path / "a.mp3").duration == pytest.approx(1, abs=0.1)


def test_wav_from_a_pipe_has_no_length_in_its_header(tmp_path):
    path = tmp_path / "a.wav"
    write(path, tone(8000, 8000), 8000, "s16")
    data = bytearray(path.read_bytes())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert read(path).samples.shape == (2, 8000)


def test_names_that_look_like_urls(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("http:a.wav", "12:30 %d.wav", "-a.wav", "très.wav"):
        write(name, tone(8000, 800), 8000, "s16")
        assert read(name).samples.shape == (2, 800)


# ---- bad input


def refuse(path, *words: str, **options) -> None:
    with pytest.raises(SoundsiftError) as caught:
        read(path, **options)
    message = str(caught.value)
    assert "\n" not in message and Path(path).name in message
    for word in words:
        assert word in message


def test_missing_empty_folder_and_non_audio(tmp_path):
    refuse(tmp_path / "none.wav", "does not exist")
    refuse(tmp_path, "is a folder")
    (tmp_path / "empty.wav").touch()
    refuse(tmp_path / "empty.wav", "is empty")
    (tmp_path / "a.txt").write_text("hello world\n" * 100)
    refuse(tmp_path / "a.txt", "can't be read as audio")
    for name in ("noise.wav", "noise.mp3", "noise.bin", "noise"):
        (tmp_path / name).write_bytes(np.random.default_rng(1).bytes(50_000))
        refuse(tmp_path / name)
    refuse(tmp_path / ("x" * 300 + ".wav"))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.wav")
        refuse(tmp_path / "pipe.wav", "pipe")


def test_video_without_sound(tmp_path):
    with av.open(str(tmp_path / "v.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode())
    refuse(tmp_path / "v.mp4", "no sound track")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_no_permission(tmp_path):
    write(tmp_path / "a.wav", tone(8000, 800), 8000, "s16")
    (tmp_path / "a.wav").chmod(0)
    refuse(tmp_path / "a.wav", "Permission denied")


def test_permission_denied_is_told(tmp_path, monkeypatch):
    write(tmp_path / "a.wav", tone(8000, 800), 8000, "s16")

    def deny(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    refuse(tmp_path / "a.wav", "Permission denied")


def test_silent(tmp_path):
    write(tmp_path / "a.wav", np.zeros((2, 8000), np.float32), 8000, "s16")
    refuse(tmp_path / "a.wav", "is silent")
    assert read(tmp_path / "a.wav", allow_silence=True).samples.shape == (2, 8000)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(tmp_path, value):
    wave = tone(8000, 8000)
    wave[1, 4000:4003] = value
    sf.write(tmp_path / "a.wav", wave.T, 8000, subtype="FLOAT")
    refuse(tmp_path / "a.wav", "3 samples", "0.500 s")


def test_too_short(tmp_path):
    for count, words in ((0, "no samples"), (1, "1 sample at"), (319, "319 samples at 8000 Hz")):
        sf.write(tmp_path / "a.wav", tone(8000, count).T, 8000)
        refuse(tmp_path / "a.wav", words, "0.04 s")
    sf.write(tmp_path / "a.wav", tone(8000, 320).T, 8000)
    assert read(tmp_path / "a.wav").samples.shape == (2, 320)


def test_too_many_channels(tmp_path):
    write(tmp_path / "a.wav", tone(8000, 8000, 6), 8000, "s24")
    assert read(tmp_path / "a.wav").channels == 6
    refuse(tmp_path / "a.wav", "6 channels", "at most 2", limits=RecordingLimits(channels=2))


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.flac", "flac"),
        ("a.mp3", "libmp3lame"),
        ("a.mka", "aac"),
        ("v.mkv", "libopus"),
        ("a.m4a", "aac"),
    ],
)
def test_truncated(tmp_path, name, codec):
    path = tmp_path / name
    options = {"movflags": "faststart"} if name == "a.m4a" else {}
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 96000)).astype(np.float32)
    encode(path, codec, 48000, noise, video=name[0] == "v", **options)
    read(path)
    refuse(cut(path, 0.6), "is truncated", "2.0")


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("extension", ["wav", "aiff"])
def test_truncated_uncompressed(tmp_path, extension, subtype):
    path = tmp_path / f"a.{extension}"
    sf.write(path, tone(8000, 16000).T, 8000, subtype=subtype)
    refuse(cut(path), "is truncated", "2.00 s", "1.00 s")


def test_truncated_inside_the_header(tmp_path):
    encode(tmp_path / "a.m4a", "aac", 44100, tone(44100, 44100))
    refuse(cut(tmp_path / "a.m4a"), "header is damaged or cut off")
    write(tmp_path / "a.wav", tone(8000, 8000), 8000, "s16")
    refuse(cut(tmp_path / "a.wav", 0.001))


# ---- the grid


@pytest.mark.parametrize(("sample_format", "steps"), [("s16", 2**15), ("s24", 2**23)])
def test_stems_add_up_in_the_files(tmp_path, sample_format, steps):
    rng = np.random.default_rng(0)
    mixture = rng.uniform(-1.1, 1.1, (2, 20_000)).astype(np.float32)
    target = rng.uniform(-1.5, 1.5, (2, 20_000)).astype(np.float32)
    stems = complement(mixture, target, sample_format)
    for name, wave in zip(("m", "t", "r"), (mixture, *stems), strict=True):
        clipped = write(tmp_path / f"{name}.wav", wave, 44100, sample_format)
        assert (clipped > 0) == (name == "m")
    m, t, r = (sf.read(tmp_path / f"{name}.wav", dtype="int32")[0].astype(int) for name in "mtr")
    assert np.array_equal(t + r, m)
    for stem in stems:
        assert np.array_equal(quantise(stem, sample_format), stem)
        assert stem.min() >= -1 and stem.max() <= (steps - 1) / steps
    # Where the residual has room, the target is only rounded.
    wanted = quantise(target, sample_format)
    room = np.abs(quantise(mixture, sample_format) - wanted) < 0.999
    assert np.array_equal(stems[0][room], wanted[room])


def test_float_stems_add_up_to_rounding():
    rng = np.random.default_rng(0)
    mixture, target = rng.normal(0, 0.3, (2, 2, 20_000)).astype(np.float32)
    t, r = complement(mixture, target, "f32")
    error = np.abs(t.astype(float) + r - mixture)
    assert (error <= np.spacing(np.maximum(np.abs(t), np.abs(r))) / 2).all()
    assert np.abs(t - target).max() < 1e-6
    quieter = np.abs(target) <= np.abs(mixture)
    assert not error[quieter].any()


def test_grid_refuses_what_it_cannot_round():
    wave = np.full((1, 3), np.nan, np.float32)
    with pytest.raises(ValueError, match="NaN"):
        quantise(wave, "s16")
    with pytest.raises(ValueError, match="s8"):
        quantise(wave, "s8")
    with pytest.raises(ValueError, match="shape"):
        complement(wave, wave[:, :2], "s16")


# ---- resampling


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 96000])
def test_resampling_there_and_back(rate):
    wave = tone(rate, rate + 17)
    up = resample(wave, rate, 48000)
    back = resample(up, 48000, rate, length=wave.shape[1])
    assert back.shape == wave.shape and back.dtype == np.float32 and back.flags.c_contiguous
    middle = slice(rate // 8, -rate // 8)
    assert np.abs(back - wave)[:, middle].max() < 1e-4


def test_resampling_to_an_exact_length():
    wave = tone(44100, 44100)
    for length in (0, 47_990, 48_000, 48_010):
        assert resample(wave, 44100, 48000, length=length).shape == (2, length)
    assert np.array_equal(resample(wave, 44100, 44100), wave)
    with pytest.raises(ValueError, match="positive"):
        resample(wave, 44100, 0)


# ---- writing


def test_clipping_is_counted(tmp_path):
    wave = np.array([[0, 1.0, -1.0, 1.5, -2.0, 0.5]], np.float32)
    assert write(tmp_path / "a.wav", wave, 8000, "s16") == 3
    assert sf.read(tmp_path / "a.wav", dtype="int16")[0].tolist() == [
        *(0, 32767, -32768, 32767, -32768, 16384)
    ]
    assert write(tmp_path / "b.wav", wave, 8000, "f32") == 0
    assert np.array_equal(sf.read(tmp_path / "b.wav", dtype="float32")[0], wave[0])


def test_same_bytes_twice_and_odd_sizes(tmp_path):
    for sample_format in ("s16", "s24", "f32"):
        for channels, count in ((1, 401), (2, 400), (3, 401)):
            wave = tone(8000, count, channels)
            paths = [tmp_path / f"{sample_format}{channels}{n}.wav" for n in "ab"]
            for path in paths:
                write(path, wave, 8000, sample_format)
            assert paths[0].read_bytes() == paths[1].read_bytes()
            assert paths[0].stat().st_size % 2 == 0
            assert sf.info(paths[0]).frames == count


def test_long_files_get_a_64_bit_header():
    from soundsift.audio.writing import _header

    head = _header(2, 2**30, 48000, "f32")
    assert head[:4] == b"RF64" and head[12:16] == b"ds64"
    assert int.from_bytes(head[28:36], "little") == 2**33
    assert int.from_bytes(head[20:28], "little") == len(head) - 8 + 2**33


def test_existing_files_stay(tmp_path):
    path = tmp_path / "a.wav"
    path.write_text("precious")
    with pytest.raises(SoundsiftError, match="exists already"):
        write(path, tone(8000, 800), 8000, "s16")
    assert path.read_text() == "precious"
    write(path, tone(8000, 800), 8000, "s16", overwrite=True)
    assert read(path).samples.shape == (2, 800)
    assert names(tmp_path) == ["a.wav"]


def test_nothing_is_left_after_a_failure(tmp_path):
    path = tmp_path / "a.wav"
    path.write_text("precious")
    for error in (KeyboardInterrupt, RuntimeError):
        with pytest.raises(error), atomic_file(path, overwrite=True) as file:
            file.write(b"half")
            raise error
    with (
        pytest.raises(SoundsiftError, match="no space left"),
        atomic_file(path, overwrite=True) as file,
    ):
        raise OSError(28, "no space left on device")
    with pytest.raises(ValueError, match="NaN"):
        write(tmp_path / "b.wav", np.full((1, 9), np.nan), 8000, "f32")
    assert names(tmp_path) == ["a.wav"]
    assert path.read_text() == "precious"


def test_unwritable_places(tmp_path, monkeypatch):
    wave = tone(8000, 800)
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "a.wav", tmp_path / "file" / "b" / "a.wav"):
        with pytest.raises(SoundsiftError, match="folder"):
            write(path, wave, 8000, "s16")
    with pytest.raises(SoundsiftError):
        write(tmp_path / ("x" * 300), wave, 8000, "s16")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SoundsiftError, match="no permission"):
        write(tmp_path / "new" / "a.wav", wave, 8000, "s16")
    assert names(tmp_path) == ["file"]


def test_missing_folders_are_made_only_by_writing(tmp_path):
    path = tmp_path / "a" / "b" / "c.wav"
    ensure_writable(path)
    assert not names(tmp_path)
    write(path, tone(8000, 800), 8000, "s16")
    assert read(path).samples.shape == (2, 800)


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_files_have_the_usual_mode(tmp_path):
    (tmp_path / "plain").touch()
    write(tmp_path / "a.wav", tone(8000, 800), 8000, "s16")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "a.wav")}
    assert len(modes) == 1
