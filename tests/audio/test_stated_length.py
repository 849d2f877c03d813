"""Files that were cut off, and whole ones of the same kinds."""

import io
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from tests.audio.media import RATE, beeps, write_media

from soundsift.audio import read
from soundsift.audio.stated_length import mp3_seconds, share_present
from soundsift.errors import SoundsiftError

SOUND = 0.1 * np.random.default_rng(0).normal(size=(2 * RATE, 2))


def by_libsndfile(path: Path, form: str, subtype: str) -> Path:
    soundfile.write(path, SOUND, RATE, format=form, subtype=subtype)
    return path


def fragmented(path: Path) -> Path:
    whole = write_media(path.with_suffix(".m4a"), beeps((1.0,), 4))
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "300000"}
    with av.open(str(whole)) as old, av.open(str(path), "w", options=options) as new:
        stream = new.add_stream_from_template(old.streams.audio[0])
        for packet in old.demux(audio=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    return path


def by_ffmpeg(path: Path, codec: str, kind: str) -> Path:
    steps = (SOUND * 32_767).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, layout="stereo")
        stream.format = kind
        if codec == "wmav2":
            stream.bit_rate = 128_000
        stream.codec_context.open()
        frame = av.AudioFrame.from_ndarray(steps.reshape(1, -1), "s16", "stereo")
        frame.sample_rate, frame.pts = RATE, 0
        fifo = av.AudioFifo()
        for piece in av.AudioResampler(kind, "stereo", RATE).resample(frame):
            fifo.write(piece)
        size = stream.codec_context.frame_size or 4096
        while (piece := fifo.read(size, partial=True)) is not None:
            container.mux(stream.encode(piece))
        container.mux(stream.encode())
    return path


FILES = {
    "wav": lambda folder: by_libsndfile(folder / "a.wav", "WAV", "PCM_16"),
    "float wav": lambda folder: by_libsndfile(folder / "a.wav", "WAV", "FLOAT"),
    "a-law": lambda folder: by_libsndfile(folder / "a.wav", "WAV", "ALAW"),
    "mu-law": lambda folder: by_libsndfile(folder / "a.wav", "WAV", "ULAW"),
    "ADPCM of Microsoft": lambda folder: by_libsndfile(folder / "a.wav", "WAV", "MS_ADPCM"),
    "ADPCM of the IMA": lambda folder: by_libsndfile(folder / "a.wav", "WAV", "IMA_ADPCM"),
    "extensible": lambda folder: by_libsndfile(folder / "a.wav", "WAVEX", "PCM_24"),
    "rf64": lambda folder: by_libsndfile(folder / "a.rf64", "RF64", "PCM_16"),
    "rifx": lambda folder: big_endian_wav(folder / "a.wav"),
    "w64": lambda folder: by_libsndfile(folder / "a.w64", "W64", "PCM_24"),
    "caf": lambda folder: by_libsndfile(folder / "a.caf", "CAF", "PCM_16"),
    "alac in caf": lambda folder: by_libsndfile(folder / "a.caf", "CAF", "ALAC_16"),
    "aiff": lambda folder: by_libsndfile(folder / "a.aiff", "AIFF", "PCM_16"),
    "aiff of floats": lambda folder: by_libsndfile(folder / "a.aiff", "AIFF", "FLOAT"),
    "au": lambda folder: by_libsndfile(folder / "a.au", "AU", "PCM_16"),
    "voc": lambda folder: by_libsndfile(folder / "a.voc", "VOC", "PCM_16"),
    "flac": lambda folder: by_libsndfile(folder / "a.flac", "FLAC", "PCM_16"),
    "wavpack": lambda folder: by_ffmpeg(folder / "a.wv", "wavpack", "s16p"),
    "tta": lambda folder: by_ffmpeg(folder / "a.tta", "tta", "s16"),
    "avi": lambda folder: by_ffmpeg(folder / "a.avi", "pcm_s16le", "s16"),
    "mp3 in avi": lambda folder: by_ffmpeg(folder / "a.avi", "libmp3lame", "fltp"),
    "wma": lambda folder: by_ffmpeg(folder / "a.wma", "wmav2", "fltp"),
    "mp3 with its length": lambda folder: by_ffmpeg(folder / "a.mp3", "libmp3lame", "fltp"),
    "m4a": lambda folder: write_media(folder / "a.m4a", beeps((1.0,), 4)),
    "mp4": lambda folder: write_media(folder / "a.mp4", beeps((1.0,), 4)),
    "mkv": lambda folder: write_media(folder / "a.mkv", beeps((1.0,), 4)),
    "mka": lambda folder: write_media(folder / "a.mka", beeps((1.0,), 4)),
    "webm": lambda folder: write_media(folder / "a.webm", beeps((1.0,), 4)),
    "mp4 in fragments": lambda folder: fragmented(folder / "a.mp4"),
}


def big_endian_wav(path: Path) -> Path:
    steps = (SOUND * 32_767).astype(">i2").tobytes()
    form = struct.pack(">HHIIHH", 1, 2, RATE, 4 * RATE, 4, 16)
    body = b"WAVEfmt " + struct.pack(">I", 16) + form + b"data" + struct.pack(">I", len(steps))
    path.write_bytes(b"RIFX" + struct.pack(">I", len(body) + len(steps)) + body + steps)
    return path


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_file_that_was_cut_off_is_refused_and_a_whole_one_taken(tmp_path, name, share):
    path = FILES[name](tmp_path)
    whole = read(path).duration
    assert whole == pytest.approx(2 if path.suffix not in (".mp4", ".m4a") else 4, abs=2.1)
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * share)])
    # What is cut off may also make the header unreadable.
    with pytest.raises(SoundsiftError, match=r"truncated|cut off|damaged|no sound track"):
        read(path)


@pytest.mark.parametrize("name", [name for name in FILES if "mp3" not in name])
def test_other_bytes_behind_the_sound_do_not_matter(tmp_path, name):
    path = FILES[name](tmp_path)
    whole = read(path).duration
    path.write_bytes(path.read_bytes() + bytes(5000))
    assert read(path).duration == pytest.approx(whole, abs=0.05)


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF - 36])
def test_programs_that_do_not_know_the_length_promise_nothing(tmp_path, size):
    path = by_libsndfile(tmp_path / "a.wav", "WAV", "PCM_16")
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", size)
    path.write_bytes(data)
    assert share_present(path, "wav") == 1
    assert read(path).duration == pytest.approx(2)


def test_a_promise_of_three_gigabytes_is_one(tmp_path):
    path = by_libsndfile(tmp_path / "a.wav", "WAV", "PCM_16")
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", 3_000_000_000)
    path.write_bytes(data)
    assert share_present(path, "wav") == Fraction(4 * len(SOUND), 3_000_000_000)
    with pytest.raises(SoundsiftError, match="truncated"):
        read(path)


def test_an_old_tag_promises_nothing(tmp_path):
    """A tool that shortened the file left the track's length of before."""
    path = write_media(tmp_path / "a.mkv", beeps((1.0,), 4))
    data = path.read_bytes()
    assert data.count(b"00:00:04.") or data.count(b"00:00:03.")
    for old in (b"00:00:04.", b"00:00:03."):
        data = data.replace(old, b"00:10:00.")
    path.write_bytes(data)
    assert read(path).duration == pytest.approx(4, abs=0.1)


# --- MP3 ------------------------------------------------------------------------------------------


def mp3(*, xing: bool = True, seconds: int = 12) -> bytes:
    """Variable bit rate, with small frames at first: lengths that are guessed are far off."""
    wave = np.random.default_rng(0).normal(0, 0.3, (2, 44_100 * seconds))
    wave[:, : wave.shape[1] // 2] *= 1e-4
    out = io.BytesIO()
    out.name = "a.mp3"
    options = {"write_xing": str(int(xing)), "id3v2_version": "0"}
    with av.open(out, "w", format="mp3", options=options) as container:
        stream = container.add_stream("libmp3lame", rate=44_100, layout="stereo")
        stream.format = "fltp"
        stream.codec_context.flags |= 2
        stream.codec_context.options = {"global_quality": "472"}
        frame = av.AudioFrame.from_ndarray(wave.astype(np.float32), "fltp", "stereo")
        frame.sample_rate, frame.pts = 44_100, 0
        fifo = av.AudioFifo()
        fifo.write(frame)
        while (piece := fifo.read(1152, partial=True)) is not None:
            container.mux(stream.encode(piece))
        container.mux(stream.encode())
    return out.getvalue()


def id3(name: bytes, text: str) -> bytes:
    body = b"\0" + text.encode("latin-1")
    frame = name + struct.pack(">I", len(body)) + b"\0\0" + body
    size = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + frame


def with_header(data: bytes, offset: int, value: bytes) -> bytes:
    at = data.index(b"Xing") + offset
    return data[:at] + value + data[at + len(value) :]


@pytest.fixture(scope="module")
def plain() -> bytes:
    return mp3(xing=False)


@pytest.fixture(scope="module")
def tagged() -> bytes:
    return mp3()


def test_whole_mp3_files_are_taken(tmp_path, plain, tagged):
    noise = np.random.default_rng(1).bytes(20_000)
    files = {
        "no header": (plain, 12),
        "words in a comment": (id3(b"TIT2", "Xing Info VBRI LAME") + plain, 12),
        "a long picture": (id3(b"APIC", "Info" * 20_000) + plain, 12),
        "no number of frames": (with_header(tagged, 4, bytes(4)), 12),
        "0 frames": (with_header(tagged, 8, bytes(4)), 12),
        "two joined": (tagged + plain, 24),
        "two joined with tags": (id3(b"TIT2", "a") + tagged + id3(b"TIT2", "b") + tagged, 24),
        "zeros in front": (bytes(3000) + tagged, 12),
        "noise behind": (tagged + noise, 12),
        "tags behind": (tagged + b"TAG" + bytes(125), 12),
    }
    for name, (data, seconds) in files.items():
        (tmp_path / "a.mp3").write_bytes(data)
        assert read(tmp_path / "a.mp3").duration == pytest.approx(seconds, abs=0.3), name


@pytest.mark.parametrize("front", [b"", id3(b"TIT2", "Info"), bytes(3000)])
def test_mp3_files_with_a_length_that_were_cut_off(tmp_path, tagged, front):
    data = front + tagged
    (tmp_path / "a.mp3").write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(SoundsiftError, match=r"truncated.*promises 12\.0"):
        read(tmp_path / "a.mp3")


def test_length_in_an_mp3_header(tmp_path, tagged):
    path = tmp_path / "a.mp3"
    path.write_bytes(tagged)
    with av.open(str(path)) as container:
        packet = next(iter(container.demux(audio=0)))
    assert float(mp3_seconds(path, packet.pos) or 0) == pytest.approx(12, abs=0.03)
    assert mp3_seconds(path, packet.pos - 1) is None
    assert mp3_seconds(path, None) is None


def test_a_header_of_fraunhofer(tmp_path, plain):
    """VBRI, at a fixed place, with the number of frames 14 bytes in."""
    first = bytearray(plain[:4])
    first[2] = first[2] & 0x0F | 0x90  # 128 kbit/s
    header = bytes(first) + bytes(32) + b"VBRI" + struct.pack(">HHHII", 1, 0, 75, len(plain), 460)
    padding = first[2] >> 1 & 1
    path = tmp_path / "a.mp3"
    path.write_bytes(header.ljust(144 * 128_000 // 44_100 + padding, b"\0") + plain)
    assert mp3_seconds(path, 417 + padding) == Fraction(460 * 1152, 44_100)
