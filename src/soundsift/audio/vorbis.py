"""Ogg Vorbis files, by libsndfile: FFmpeg is built without a good encoder of it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from soundsift.audio.blocks import Resampler, cut
from soundsift.audio.encoding import VORBIS
from soundsift.audio.formats import Output
from soundsift.audio.layouts import VORBIS_ORDER
from soundsift.audio.writing import SoundFacts
from soundsift.errors import SoundsiftError

#: Kilobits per second and channel, about, of the encoder's qualities 0, 0.1, ... 1.
_KILOBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 250)
_TAGS = {
    "title": "title",
    "artist": "artist",
    "album": "album",
    "date": "date",
    "genre": "genre",
    "comment": "comment",
    "track": "tracknumber",
    "copyright": "copyright",
}
# libsndfile keeps a block on the stack.
_BLOCK = 2**14
_HEADER, _SERIAL, _SUM = 27, 14, 22
_SERIAL_NUMBER = 1
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
# libsndfile's code of an error that the system reported.
_SYSTEM_ERROR = 2


class VorbisTrack:
    """Writer of an Ogg Vorbis file, block by block.

    Attributes:
        clipped: 0; Vorbis holds values beyond full scale.
    """

    clipped = 0

    def __init__(self, file: soundfile.SoundFile, facts: SoundFacts, rate: int) -> None:
        self._file = file
        self._resampler = Resampler(facts.sample_rate, rate, facts.channels)
        # Where FFmpeg's channels go in Vorbis' order.
        order = VORBIS_ORDER.get(facts.channels, list(range(facts.channels)))
        self._order = [order.index(channel) for channel in range(facts.channels)]

    def write(self, block: np.ndarray) -> None:
        """Write samples `(channels, samples)`, full scale ±1."""
        self._encode(self._resampler.convert(block))

    def finish(self) -> None:
        """Write what the resampler holds."""
        self._encode(self._resampler.finish())

    def _encode(self, block: np.ndarray) -> None:
        for piece in cut(block, _BLOCK):
            self._file.write(np.ascontiguousarray(piece[self._order].T))


@contextmanager
def vorbis_file(path: Path, facts: SoundFacts, output: Output) -> Iterator[VorbisTrack]:
    """Write an Ogg Vorbis file, block by block.

    Args:
        path: The file, in a staging folder.
        facts: Properties of the sound.
        output: The format with its bit rate.

    Yields:
        The writer.

    Raises:
        SoundsiftError: Vorbis can't hold the sound, or the file can't be written.
    """
    VORBIS.layout(facts.layout, facts.channels)
    rate = VORBIS.rate(facts.sample_rate)
    wanted = output.bits_per_second(facts.channels) / 1000 / facts.channels
    quality = float(np.interp(wanted, _KILOBITS, np.linspace(0, 1, len(_KILOBITS))))
    try:
        with soundfile.SoundFile(
            path, "x", rate, facts.channels, "VORBIS", format="OGG", compression_level=1 - quality
        ) as file:
            for name, field in _TAGS.items():
                if value := facts.tags.get(name):
                    setattr(file, field, value)
            track = VorbisTrack(file, facts, rate)
            yield track
            track.finish()
    except soundfile.SoundFileError as error:
        if getattr(error, "code", None) == _SYSTEM_ERROR:
            _write_on(path)
        raise SoundsiftError(
            f"Ogg Vorbis can't be written ({facts.channels} channels at {rate} Hz: {error}). Use "
            "another format, such as wav."
        ) from error
    _number_stream(path)


def _write_on(path: Path) -> None:
    """Meet the disk's error again, which libsndfile does not tell.

    Raises:
        OSError: the disk is full or fails, or the file has reached a limit.
    """
    with path.open("ab", buffering=0) as file:
        for _ in range(4):
            file.write(bytes(1 << 14))


def _number_stream(path: Path) -> None:
    """Give the file's stream a fixed number: libsndfile draws one, and equal sound is equal bytes.

    Every page has the number and a sum over itself (RFC 3533, section 6).
    """
    with path.open("r+b") as file:
        position = 0
        while len(head := file.read(_HEADER)) == _HEADER:
            lacing = file.read(head[26])
            page = bytearray(head + lacing + file.read(sum(lacing)))
            struct.pack_into("<I", page, _SERIAL, _SERIAL_NUMBER)
            struct.pack_into("<I", page, _SUM, 0)
            struct.pack_into("<I", page, _SUM, _page_sum(page))
            file.seek(position)
            file.write(page)
            position += len(page)


def _page_sum(page: bytes | bytearray) -> int:
    """Ogg's sum: polynomial 0x04c11db7, highest bit first, which zlib counts from the lowest."""
    low = zlib.crc32(bytes(page).translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{low:032b}"[::-1], 2)
