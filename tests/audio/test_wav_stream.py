"""PCM and WAV through pipes."""

import io
import struct

import numpy as np
import pytest
import soundfile

from soundsift.audio.wav_stream import PipeFormat, read_blocks, read_wav_header
from soundsift.audio.writing import SoundFacts, WavFile
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
