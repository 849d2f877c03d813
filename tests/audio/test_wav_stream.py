"""PCM and WAV through pipes."""

import io
import struct

import numpy as np
import pytest
import soundfile

from soundsift.audio.wav_stream import PipeFormat, read_blocks, read_wav_header
from soundsift.audio.writing import SoundFacts, WavFile, encode_samples
from soundsift.errors import SoundsiftError


@pytest.mark.parametrize("sample_format", ["s16", "s24", "f32"])
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("stated", [True, False])
def test_what_is_written_is_read(sample_format, channels, stated):
    steps = np.random.default_rng(0).integers(-9000, 9000, (channels, 1001))
    sound = (steps / 2**15).astype(np.float32)
    pipe = io.BytesIO()
    facts = SoundFacts(channels, 8000, 1001 if stated else None, tags={"title": "T"})
    wav = WavFile(pipe, facts, sample_format)
    for start in range(0, 1001, 300):
        wav.write(sound[:, start : start + 300])
    wav.finish()
    pipe.seek(0)
    form = read_wav_header(pipe)
    length = 1001 if stated else None
    assert form == PipeFormat(8000, channels, sample_format, length)
    blocks = list(read_blocks(pipe, form, 0.05))
    assert {b.shape[1] for b in blocks[:-1]} == {400}
    found = np.concatenate(blocks, axis=1)[:, :1001]
    assert np.array_equal(found, sound)
    pipe.seek(0)
    assert soundfile.read(pipe)[0].reshape(-1, channels).shape[0] >= 1001


def test_samples_that_are_cut_off_are_dropped():
    form = PipeFormat(8000, 2, "s16")
    (block,) = read_blocks(io.BytesIO(bytes(4 * 10 + 3)), form, 1.0)
    assert block.shape == (2, 10)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"no sound at all, only words", b"RIFF0000WAVE"])
def test_what_is_no_wav(data):
    with pytest.raises(SoundsiftError, match="standard input"):
        read_wav_header(io.BytesIO(data))


@pytest.mark.parametrize(("stated", "length"), [(0, None), (40, 10), (2**32 + 4, 2**30 + 1)])
def test_long_wav(stated, length):
    """RF64, with a length or as a stream, which has a 0 there."""
    sound = np.arange(20, dtype="<i2")
    form = struct.pack("<HHIIHH", 1, 2, 8000, 32_000, 4, 16)
    chunks = [
        (b"ds64", 28, struct.pack("<QQQI", 0, stated, 0, 0)),
        (b"fmt ", 16, form),
        (b"data", 0xFFFFFFFF, sound.tobytes()),
    ]
    body = b"".join(name + struct.pack("<I", size) + data for name, size, data in chunks)
    pipe = io.BytesIO(b"RF64" + b"\xff" * 4 + b"WAVE" + body)
    found = read_wav_header(pipe)
    assert found == PipeFormat(8000, 2, "s16", length)
    (block,) = read_blocks(pipe, found, 1.0)
    assert np.array_equal(block * 2**15, sound.reshape(-1, 2).T)


class NonBlocking(io.RawIOBase):
    """A pipe that often has nothing ready, as one that a parent made non-blocking."""

    def __init__(self, data: bytes) -> None:
        self._data, self._calls = data, 0

    def read(self, size: int = -1, /) -> bytes | None:
        self._calls += 1
        if self._calls % 3:
            return None
        part, self._data = self._data[: min(size, 7)], self._data[min(size, 7) :]
        return part


def test_pipes_that_do_not_block():
    sound = (np.arange(-50, 50) / 2**15).astype(np.float32).reshape(1, -1)
    whole = io.BytesIO()
    wav = WavFile(whole, SoundFacts(1, 8000), "s16")
    wav.write(sound)
    pipe = NonBlocking(whole.getvalue())
    form = read_wav_header(pipe)
    assert np.array_equal(np.concatenate(list(read_blocks(pipe, form, 0.002)), axis=1), sound)


@pytest.mark.parametrize("value", [1e30, -1e30, np.inf, -np.inf, np.nan, 1e10])
def test_samples_that_are_no_sound_are_refused(value):
    sound = np.zeros(16_000, "<f4")
    sound[12_345] = value
    blocks = read_blocks(io.BytesIO(sound.tobytes()), PipeFormat(8000, 1, "f32"), 0.1)
    with pytest.raises(SoundsiftError, match=r"shortly after 1\.50 s"):
        list(blocks)


@pytest.mark.parametrize("value", [1.0, -8.0, 1e6])
def test_loud_samples_are_taken(value):
    sound = np.full(800, value, "<f4")
    (block,) = read_blocks(io.BytesIO(sound.tobytes()), PipeFormat(8000, 1, "f32"), 1.0)
    assert np.array_equal(block[0], sound)


@pytest.mark.parametrize("sample_format", ["s16", "s24", "f32"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_not_written(sample_format, value):
    with pytest.raises(ValueError, match="NaN or infinite"):
        encode_samples(np.array([[0.0, value]], np.float32), sample_format)


@pytest.mark.parametrize(
    ("channels", "rate"),
    [(1, 1), (1, 999), (1, 768_001), (1, 2**32 - 1), (65, 8000), (16_383, 8000)],
)
def test_headers_beyond_all_bounds(channels, rate):
    form = struct.pack("<HHIIHH", 1, channels, rate, 0, channels * 2, 16)
    data = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + form + b"data\xff\xff\xff\xff"
    with pytest.raises(SoundsiftError, match=r"Use at most 64|Use 1000 to 768000 Hz"):
        read_wav_header(io.BytesIO(data))


def test_a_header_without_end():
    class Endless(io.RawIOBase):
        begun = False

        def read(self, size: int = -1, /) -> bytes:
            if not self.begun:
                self.begun = True
                return b"RIFF\0\0\0\0WAVE"
            return b"junk\x04\0\0\0" if size == 8 else b"abcd"

    with pytest.raises(SoundsiftError, match="damaged header"):
        read_wav_header(Endless())
