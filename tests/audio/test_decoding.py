"""Sound that changes half way, and limits on what is read."""

import io
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from soundsift.audio import examine, read
from soundsift.audio.limits import RecordingLimits, TooLargeError
from soundsift.errors import SoundsiftError


def encoded(
    form: str, codec: str, kind: str, layout: str, rate: int, seconds: float, hertz: float
) -> bytes:
    """A tone in all channels."""
    out = io.BytesIO()
    out.name = f"a.{form}"
    channels = av.AudioLayout(layout).nb_channels
    tone = 0.3 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)
    with av.open(out, "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        stream.format = kind
        stream.codec_context.open()
        wave = np.tile(tone, (channels, 1)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(wave, "fltp", layout)
        frame.sample_rate, frame.pts = rate, 0
        fifo = av.AudioFifo()
        for piece in av.AudioResampler(kind, layout, rate).resample(frame):
            fifo.write(piece)
        size = stream.codec_context.frame_size or 1024
        while (piece := fifo.read(size, partial=True)) is not None:
            container.mux(stream.encode(piece))
        container.mux(stream.encode())
    return out.getvalue()


@pytest.mark.parametrize(
    ("form", "codec", "kind", "surround"),
    [
        ("ac3", "ac3", "fltp", "5.1(side)"),
        ("eac3", "eac3", "fltp", "5.1(side)"),
        ("mp3", "libmp3lame", "fltp", "mono"),
        ("mp2", "mp2", "s16", "mono"),
        ("adts", "aac", "fltp", "5.1"),
        ("mpegts", "ac3", "fltp", "5.1(side)"),
        ("mpegts", "aac", "fltp", "5.1"),
    ],
)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("stereo", 48_000), ("SURROUND", 48_000)),
        (("SURROUND", 48_000), ("stereo", 48_000)),
        (("stereo", 44_100), ("stereo", 48_000)),
        (("mono", 48_000), ("stereo", 32_000)),
    ],
)
def test_parts_of_another_kind_are_converted_to_the_first(
    tmp_path, form, codec, kind, surround, before, after
):
    (first, rate), (second, other) = (
        (surround if layout == "SURROUND" else layout, hertz) for layout, hertz in (before, after)
    )
    path = tmp_path / "a"
    path.write_bytes(
        encoded(form, codec, kind, first, rate, 2, 500)
        + encoded(form, codec, kind, second, other, 2, 800)
    )
    recording = read(path)
    assert recording.sample_rate == rate
    assert recording.channels == av.AudioLayout(first).nb_channels
    # Each part ends with a packet that is filled up, and MP3 and AAC begin with a delay.
    assert recording.duration == pytest.approx(4, abs=0.12)
    assert examine(path).length == recording.length
    for start, hertz in ((1, 500), (3, 800)):
        piece = recording.samples[0, start * rate : start * rate + rate // 2]
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), rate))
        assert spectrum.argmax() == pytest.approx(hertz, abs=2)


def wav(path: Path, rate: int, channels: int, count: int, *, tag: int = 1, bits: int = 16) -> Path:
    align = channels * bits // 8
    steps = np.random.default_rng(0).integers(1, 99, count * align, np.uint8).tobytes()
    form = struct.pack("<HHIIHH", tag, channels, rate, min(rate * align, 2**32 - 1), align, bits)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(steps))
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks) + len(steps)) + chunks + steps)
    return path


@pytest.mark.parametrize("rate", [1, 10, 999, 768_001, 2_000_000_000, 2**31 - 1])
def test_sample_rates_that_no_sound_has_are_refused(tmp_path, rate):
    path = wav(tmp_path / "a.wav", rate, 2, 100_000)
    with pytest.raises(SoundsiftError, match=rf"sample rate of {rate} Hz|can't be read"):
        read(path)


@pytest.mark.parametrize("rate", [1000, 768_000])
def test_sample_rates_at_the_limits(tmp_path, rate):
    assert read(wav(tmp_path / "a.wav", rate, 1, rate)).sample_rate == rate


@pytest.mark.parametrize("channels", [65, 500, 32_767])
def test_too_many_channels_are_refused(tmp_path, channels):
    path = wav(tmp_path / "a.wav", 8000, channels, 1000)
    with pytest.raises(SoundsiftError, match=r"at most 64|can't be read|none of its sound"):
        read(path)
    assert read(wav(tmp_path / "a.wav", 8000, 64, 1000)).channels == 64


def test_recordings_of_days_are_refused(tmp_path):
    assert RecordingLimits().seconds == 48 * 3600
    limits = RecordingLimits(seconds=2)
    with pytest.raises(TooLargeError, match="too long"):
        read(wav(tmp_path / "a.wav", 8000, 1, 17_000), limits=limits)
    assert read(wav(tmp_path / "a.wav", 8000, 1, 16_000), limits=limits).duration == 2


def test_a_small_file_may_not_decode_to_more_than_a_limit(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.full((600_000, 8), 0.25), 8000)
    assert path.stat().st_size < 30_000
    with pytest.raises(TooLargeError, match="Use at most 1 MiB of decoded sound"):
        read(path, limits=RecordingLimits(bytes=1 << 20), allow_silence=True)
    limits = RecordingLimits(bytes=4 * 600_000 * 8)
    assert read(path, limits=limits, allow_silence=True).length == 600_000


@pytest.mark.parametrize("bits", [8, 16, 24, 32, 64])
def test_integers_of_every_size(tmp_path, bits):
    recording = read(wav(tmp_path / "a.wav", 8000, 2, 8000, bits=bits))
    assert recording.length == 8000
    assert np.abs(recording.samples).max() <= 1
    assert recording.sample_format == {8: "s16", 16: "s16", 24: "s24"}.get(bits, "f32")


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("form", ["WAV", "CAF", "AIFF", "W64", "AU"])
def test_numbers_that_are_no_sound_are_refused(tmp_path, subtype, value, form):
    path = tmp_path / f"a.{form.lower()}"
    wave = np.random.default_rng(0).normal(0, 0.1, (8000, 2))
    wave[4000, 1] = value
    soundfile.write(path, wave, 8000, form and subtype, format=form)
    with pytest.raises(SoundsiftError, match=r"NaN or infinite.*0\.500 s|full scale is 1"):
        read(path)


def test_doubles_beyond_floats_are_refused(tmp_path):
    path = tmp_path / "a.wav"
    wave = np.random.default_rng(0).normal(0, 0.1, 8000)
    wave[10] = 1e300
    soundfile.write(path, wave, 8000, "DOUBLE")
    with pytest.raises(SoundsiftError, match=r"NaN or infinite|full scale is 1"):
        read(path)


def test_files_of_bad_packets_alone_are_given_up(tmp_path):
    path = tmp_path / "a.amr"
    # Frames of a kind that does not exist.
    path.write_bytes(b"#!AMR\n" + bytes([0x7C]) * 40_000)
    with pytest.raises(SoundsiftError, match="damaged: none of its sound"):
        read(path)


@pytest.mark.parametrize("length", [-1, 0, 1 << 62, (1 << 63) - 1])
def test_chunks_of_impossible_lengths(tmp_path, length):
    path = tmp_path / "a.caf"
    description = struct.pack(">d4s5I", 8000.0, b"lpcm", 0, 2, 1, 1, 16)
    chunks = b"desc" + struct.pack(">q", len(description)) + description
    chunks += b"free" + struct.pack(">q", length) + b"data" + struct.pack(">q", -1) + bytes(9000)
    path.write_bytes(b"caff\0\1\0\0" + chunks)
    with pytest.raises(SoundsiftError):
        read(path)
