"""FFmpeg, through PyAV: a file's sound track as raw samples, and the length its header states.

One decoder for nearly every format: PCM comes through bit for bit, and for the coded formats
FFmpeg already drops the encoder's delay. What it leaves to its callers is done here: the padding
at the end of the last packet (MP4), and noticing that a file is shorter than its own header says.
Ogg Vorbis goes to libsndfile, since FFmpeg loses or adds a block of samples where the file has
only one page.
"""

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

from soundsift.audio.containers import open_media
from soundsift.audio.layouts import VORBIS_ORDER, known
from soundsift.errors import SoundsiftError

# Containers whose stream duration is written down, not guessed from the bit rate. (Ogg's is read
# from the last page present, so a shortened Ogg file is indistinguishable from a short one. WAV's
# is handled in _promised_by_riff.)
_DURATION_IS_STATED = {"mov,mp4,m4a,3gp,3g2,mj2", "flac", "aiff", "au", "tta", "wv", "ape"}

# NumPy's names of FFmpeg's samples, each channel on its own.
_PLANAR = {"u8p": "u1", "s16p": "i2", "s32p": "i4", "s64p": "i8", "fltp": "f4", "dblp": "f8"}

# Streaming writers that can't go back to fill in a WAV's length leave a number near 2 or 4 GB.
_UNKNOWN_RIFF_SIZE = 0x7FFFF000


class Decoding:
    """One way through the best sound track of a file, block by block.

    Iterating gives the decoder's own numbers, (channels, samples), of dtype uint8, int16, int32,
    int64, float32 or float64, about a second at a time. It ends quietly where the file does, and
    skips what can't be decoded: both are for the caller to judge.

    Args:
        path: an existing file.

    Attributes:
        sample_rate: samples per second; known from the first block on, as is `layout`.
        layout: FFmpeg's name of the channels' arrangement, "5.1(side)"; None where unknown.
        count: samples per channel so far.
        promised: when all is read, samples per channel that the file's header announces, None where
            it says nothing.
        packets: packets in the sound track, so far.
        bad_packets: those of them that could not be decoded.

    Raises:
        SoundsiftError: FFmpeg does not know the format, there is no sound track, or the track
            changes its sample rate or its channels half way. All of it while iterating.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sample_rate = 0
        self.layout: str | None = None
        self.count = 0
        self.promised: int | None = None
        self.packets = self.bad_packets = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        """See the class."""
        held: list[np.ndarray] = []
        for piece in self._pieces():
            held.append(piece)
            self.count += piece.shape[1]
            if sum(p.shape[1] for p in held) >= self.sample_rate:
                yield np.concatenate(held, axis=1)
                held = []
        if held:
            yield np.concatenate(held, axis=1)

    def _pieces(self) -> Iterator[np.ndarray]:
        try:
            container = open_media(self.path)
        except (av.FFmpegError, ValueError) as error:
            raise SoundsiftError(
                f"{self.path} can't be read as audio or video: either it is none, or its header is "
                "damaged or cut off."
            ) from error
        with container:
            stream = container.streams.best("audio")
            if stream is None:
                raise SoundsiftError(
                    f"{self.path} has no sound track; an audio file, or a video with sound, was "
                    "expected."
                )
            if container.format.name == "ogg" and _codec(stream) == "vorbis":
                vorbis = _open_vorbis(self.path)
                if vorbis is not None:
                    yield from self._vorbis(vorbis, stream.codec_context.layout)
                    return
            yield from self._stream(container, stream)

    def _stream(self, container: Any, stream: Any) -> Iterator[np.ndarray]:
        stated = _stated_duration(container, stream)
        kind: tuple[int, int, str] | None = None
        last: Any = None
        for packet in _packets(container, stream):
            is_mp3 = container.format.name == "mp3"
            if self.packets == 0 and is_mp3 and not _has_xing(self.path, packet.pos):
                stated = None
            self.packets += 1
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.bad_packets += 1
                continue
            for frame in frames:
                now = (frame.sample_rate, frame.layout.nb_channels, frame.format.name)
                if kind is None:
                    kind = now
                    self.sample_rate = now[0]
                    self.layout = _layout(frame.layout)
                elif now != kind:
                    raise SoundsiftError(
                        f"{self.path} changes from {kind[1]} channels at {kind[0]} Hz to {now[1]} "
                        f"at {now[0]} Hz half way; one sample rate and one number of channels was "
                        "expected."
                    )
                if last is not None:
                    yield _samples(last)
                last = frame
        if last is not None:
            wave = _samples(last)
            yield wave[:, : wave.shape[1] - _padding(last, self.sample_rate)]
        self.promised = _promised_by_riff(self.path) if container.format.name == "wav" else None
        if self.promised is None and stated is not None:
            self.promised = round(stated * self.sample_rate)

    def _vorbis(self, file: soundfile.SoundFile, layout: Any) -> Iterator[np.ndarray]:
        with file:
            self.sample_rate, self.packets = int(file.samplerate), 1
            if layout.nb_channels == file.channels:
                self.layout = _layout(layout)
            # libsndfile leaves the channels in the order in which Vorbis stores them.
            order = VORBIS_ORDER.get(file.channels, slice(None))
            for block in file.blocks(self.sample_rate, dtype="float32", always_2d=True):
                # A copy: the next block is read into the same memory.
                yield block.T[order].copy()


def _codec(stream: Any) -> str | None:
    """FFmpeg's name of a track's decoder, None if it has none."""
    return None if stream.codec_context is None else str(stream.codec_context.name)


def _layout(layout: Any) -> str | None:
    """The name of a layout, PyAV's; None where it is unknown."""
    return known(layout.name) or {1: "mono", 2: "stereo"}.get(layout.nb_channels)


def _samples(frame: Any) -> np.ndarray:
    """`(channels, samples)` of a frame."""
    channels = frame.layout.nb_channels
    if frame.format.is_planar:
        # PyAV's own conversion of eight planes takes what is behind them in memory for a ninth, and
        # brings the program down.
        kind, planes = _PLANAR[frame.format.name], frame.planes[:channels]
        return np.stack([np.frombuffer(plane, kind, frame.samples) for plane in planes])
    block: np.ndarray = frame.to_ndarray()
    return block.reshape(-1, channels).T


def _open_vorbis(path: Path) -> soundfile.SoundFile | None:
    """An Ogg Vorbis file by libsndfile; None if it can't, as for one beside a video track."""
    try:
        return soundfile.SoundFile(path)
    except soundfile.LibsndfileError:
        return None


def _packets(container: Any, stream: Any) -> Iterator[Any]:
    """The stream's packets, ending quietly where the file does; its length is judged later."""
    packets = container.demux(stream)
    while True:
        try:
            yield next(packets)
        except (StopIteration, av.FFmpegError):
            return


def _padding(frame: Any, rate: int) -> int:
    """Samples at the end of the last frame that only fill up its packet."""
    if not frame.duration or frame.time_base is None or frame.time_base > Fraction(1, rate):
        return (
            0  # no duration, or a clock too coarse (Matroska's milliseconds) to count samples with
        )
    heard = round(Fraction(frame.duration) * Fraction(frame.time_base) * rate)
    return max(0, int(frame.samples) - heard)


def _stated_duration(container: Any, stream: Any) -> Fraction | None:
    """The length in seconds that the container's header states for the sound track."""
    name = container.format.name
    if (name in _DURATION_IS_STATED or name == "mp3") and stream.duration:
        return Fraction(stream.duration) * Fraction(stream.time_base)
    if name == "matroska,webm":
        tag = stream.metadata.get("DURATION", "")
        try:
            hours, minutes, seconds = tag.split(":")
            # It is when the track ends, and a track may begin later than the file.
            begin = Fraction(max(0, stream.start_time or 0)) * Fraction(stream.time_base)
            return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds) - begin
        except ValueError:
            pass
        # The container's own length is that of its longest track, which may be the picture.
        if container.duration and len(container.streams) == 1:
            return Fraction(container.duration, av.time_base)
    return None


def _has_xing(path: Path, first_packet: int | None) -> bool:
    """Whether an MP3 states its length, in a frame before the sound, or leaves it to be guessed."""
    if first_packet is None:
        return False
    with path.open("rb") as file:
        file.seek(max(0, first_packet - 4096))
        head = file.read(min(4096, first_packet))
    return any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))


def _promised_by_riff(path: Path) -> int | None:
    """Samples per channel by a WAV's header; FFmpeg silently lowers it to what the file holds."""
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":  # RF64 and RIFX are too rare to be worth a second parser
            return None
        file.seek(12)
        block_align = 0
        while len(header := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", header)
            if name == b"data":
                tag_is_pcm = block_align > 0
                return size // block_align if tag_is_pcm and 0 < size < _UNKNOWN_RIFF_SIZE else None
            body = file.tell()
            if name == b"fmt ":
                tag, _, _, _, align = struct.unpack("<HHIIH", file.read(14).ljust(14, b"\0"))
                # Only uncompressed samples (PCM, float, extensible) have a fixed number of bytes
                # each.
                block_align = align if tag in (1, 3, 0xFFFE) else 0
            file.seek(body + size + size % 2)
    return None
