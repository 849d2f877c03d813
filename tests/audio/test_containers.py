"""Files that make FFmpeg open other files, or never end: none of them is read."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from soundsift.audio import read, write
from soundsift.audio.containers import CONTAINERS, SUFFIXES, open_media
from soundsift.audio.tags import read_tags
from soundsift.errors import SoundsiftError
from soundsift.video import read_video

RATE = 48_000


def noise(seconds: float = 1.0) -> np.ndarray:
    shape = (2, int(RATE * seconds))
    return (0.1 * np.random.default_rng(0).normal(size=shape)).astype(np.float32)


def encoded(path: Path, codec: str, samples: np.ndarray, form: str | None = None) -> Path:
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.layout = "stereo"
        for start in range(0, samples.shape[1], 1152):
            block = np.ascontiguousarray(
                (samples[:, start : start + 1152] * 2**15).astype(np.int16).T.reshape(1, -1)
            )
            frame = av.AudioFrame.from_ndarray(block, "s16", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A folder with sound in it that nobody asked for."""
    folder = tmp_path / "secret"
    folder.mkdir()
    write(folder / "secret.wav", noise(), RATE, "s16")
    encoded(folder / "secret.ts", "mp2", noise())
    encoded(folder / "secret.mp3", "libmp3lame", noise())
    return folder


def concat(folder: Path, secret: Path) -> Path:
    write(folder / "beside.wav", noise(), RATE, "s16")
    path = folder / "upload.wav"
    path.write_text("ffconcat version 1.0\nfile beside.wav\n")
    return path


def playlist(folder: Path, secret: Path) -> Path:
    path = folder / "upload.m3u8"
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1.0,\n"
    path.write_text(f"{head}{secret}/secret.ts\n#EXT-X-ENDLIST\n")
    return path


def master_playlist(folder: Path, secret: Path) -> Path:
    inner = playlist(folder, secret)
    path = folder / "master.m3u8"
    path.write_text(f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{inner}\n")
    return path


def many_links(folder: Path, secret: Path) -> Path:
    path = folder / "many.m3u8"
    part = f"#EXTINF:1.0,\n{secret}/secret.ts\n"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n{part * 1000}#EXT-X-ENDLIST\n")
    return path


def binaural_script(folder: Path, secret: Path) -> Path:
    """Sound without end, from a few lines."""
    path = folder / "script.wav"
    path.write_text("-S\nsine: pink/40 100+1/50\nNOW sine\n")
    return path


@pytest.mark.parametrize("make", [concat, playlist, master_playlist, many_links, binaural_script])
def test_other_files_and_endless_sound_are_refused(
    tmp_path: Path, secret: Path, make: Callable[[Path, Path], Path]
) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    path = make(folder, secret)
    # FFmpeg by itself reads them.
    with av.open(str(path), options={"safe": "0", "extension_picky": "0"}) as container:
        heard = 0
        for frame in container.decode(audio=0):
            heard += frame.samples
            if heard > RATE / 2:
                break
    assert heard > RATE / 2
    with pytest.raises(SoundsiftError, match="can't be read as audio or video"):
        read(path)
    with pytest.raises(SoundsiftError, match="can't be read as video"):
        read_video(path)
    assert read_tags(path) == {}


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".mp4", ".png", ".ts", ""])
@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile secret.wav\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1.0,\n{}/secret.ts\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
        '<?xml version="1.0"?><MPD><Period><BaseURL>{}</BaseURL></Period></MPD>',
        "[playlist]\nFile1={}/secret.wav\nNumberOfEntries=1\n",
        '<?xml version="1.0"?><smil><body><audio src="{}/secret.wav"/></body></smil>',
        "RTSPtext\nrtsp://127.0.0.1/{}\n",
        "-S\nsine: pink/40 100+1/50\nNOW sine\n",
        ";FFMETADATA1\ntitle=x\n",
        "# VobSub index file, v7\nid: en, index: 0\n",
    ],
)
def test_texts_by_any_name_are_no_recordings(secret: Path, text: str, suffix: str) -> None:
    path = secret / f"upload{suffix}"
    path.write_text(text.format(secret))
    with pytest.raises(SoundsiftError):
        read(path)


def test_a_pattern_is_one_image(tmp_path: Path) -> None:
    for number in range(3):
        with av.open(str(tmp_path / f"{number:03d}.png"), "w", format="image2") as container:
            stream = container.add_stream("png", rate=1)
            stream.width = stream.height = 16
            stream.pix_fmt = "rgb24"
            picture = np.full((16, 16, 3), number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
            container.mux(stream.encode(None))
    with pytest.raises(SoundsiftError, match="none of its pictures"):
        next(read_video(tmp_path / "%03d.png"))
    (tmp_path / "%03d.png").write_bytes((tmp_path / "002.png").read_bytes())
    (frame,) = read_video(tmp_path / "%03d.png")
    assert frame.pixels.max() == 2


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom", "/dev/full"])
def test_devices_are_not_opened(device: str) -> None:
    if not Path(device).exists():
        pytest.skip("NOT TESTED: this system has no such device")
    with pytest.raises(SoundsiftError, match="is a device or a pipe"):
        read(device)
    with pytest.raises(ValueError, match="not a regular file"):
        open_media(Path(device))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_named_pipes_are_not_waited_for(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe.wav", tmp_path / "link.wav"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(SoundsiftError, match="is a device or a pipe"):
            read(path)
        with pytest.raises(SoundsiftError, match="can't be read as video"):
            read_video(path)
        assert read_tags(path) == {}


def test_the_lists_are_names_of_ffmpeg() -> None:
    known = {part for name in av.formats_available for part in name.split(",")}
    assert known >= CONTAINERS
    assert not CONTAINERS & {"concat", "hls", "sdp", "rtsp", "rtp", "sap", "sbg", "tty", "lavfi"}
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES)
    assert not SUFFIXES & {".m3u", ".m3u8", ".pls", ".mpd", ".txt", ".json", ".png"}


@pytest.mark.parametrize(
    ("suffix", "codec", "form"),
    [
        (".rf64", "pcm_s16le", "wav"),
        (".wave", "pcm_s16le", "wav"),
        (".aifc", "pcm_s16be", "aiff"),
        (".snd", "pcm_s16be", "au"),
        (".caf", "pcm_s16le", "caf"),
        (".w64", "pcm_s16le", "w64"),
        (".3g2", "pcm_s16le", "mov"),
        (".qt", "pcm_s16le", "mov"),
        (".mxf", "pcm_s16le", "mxf"),
        (".nut", "pcm_s16le", "nut"),
        (".m2a", "mp2", "mp2"),
        (".vob", "mp2", "mpeg"),
        (".m2t", "mp2", "mpegts"),
        (".asf", "pcm_s16le", "asf"),
        (".divx", "pcm_s16le", "avi"),
        (".tta", "tta", "tta"),
        (".flv", "pcm_s16le", "flv"),
        (".weba", "mp2", "matroska"),
        (".wv", "wavpack", "wv"),
        (".voc", "pcm_s16le", "voc"),
    ],
)
def test_recordings_of_many_kinds_are_taken_from_folders(
    tmp_path: Path, suffix: str, codec: str, form: str
) -> None:
    assert suffix in SUFFIXES
    path = tmp_path / f"a{suffix}"
    try:
        encoded(path, codec, noise(), form)
    except (av.FFmpegError, ValueError):
        pytest.skip(f"NOT TESTED: this FFmpeg does not write {codec} to {form}")
    assert read(path).duration == pytest.approx(1, abs=0.1)
