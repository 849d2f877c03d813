"""FFmpeg, through PyAV: a file's sound track as raw samples, and the length its header states.

One decoder for nearly every format: PCM comes through bit for bit, and for the coded formats
FFmpeg already drops the encoder's delay. What it leaves to its callers is done here: the padding
at the end of the last packet (MP4), and noticing that a file is shorter than its own header says.
Ogg Vorbis goes to libsndfile, since FFmpeg loses or adds a block of samples where the file has
only one page.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

from soundsift.audio.layouts import known
from soundsift.errors import SoundsiftError

# Formats without any header to recognise them by.
_RAW_FORMATS = {".g722": "g722"}

# Containers whose stream duration is written down, not guessed from the bit rate. (Ogg's is read
# from the last page present, so a shortened Ogg file is indistinguishable from a short one. WAV's
# is handled in _promised_by_riff.)
_DURATION_IS_STATED = {"mov,mp4,m4a,3gp,3g2,mj2", "flac", "aiff", "au", "tta", "wv", "ape"}

# Streaming writers that can't go back to fill in a WAV's length leave a number near 2 or 4 GB.
_UNKNOWN_RIFF_SIZE = 0x7FFFF000


@dataclass(frozen=True)
class Decoded:
    """What came out of a file, before any judgement on it.

    Attributes:
        samples: the decoder's own numbers, (channels, samples), of dtype uint8, int16, int32,
            int64, float32, float64.
        sample_rate: samples per second.
        promised: samples per channel that the file's header announces, None where it says nothing.
        packets: packets in the sound track.
        bad_packets: packets that could not be decoded.
        layout: FFmpeg's name of the channels' arrangement, "5.1(side)"; None where unknown.
    """

    samples: np.ndarray
    sample_rate: int
    promised: int | None
    packets: int
    bad_packets: int
    layout: str | None = None


def decode(path: Path) -> Decoded:
    """Decode the best sound track of an audio or video file.

    Args:
        path: an existing file.

    Returns:
        The raw samples and what the header promises.

    Raises:
        SoundsiftError: FFmpeg does not know the format, there is no sound track, or the track
            changes its sample rate or its channels half way.
    """
    try:
        # `file:` and the whitelist: a playlist must not make us open other files or the network,
        # and a name such as "12:30.wav" is no URL.
        container = av.open(
            f"file:{path}",
            format=_RAW_FORMATS.get(path.suffix.lower()),
            options={"protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except (av.FFmpegError, ValueError) as error:
        raise SoundsiftError(
            f"{path} can't be read as audio or video: either it is none, or its header is damaged "
            "or cut off."
        ) from error
    with container:
        stream = container.streams.best("audio")
        if stream is None:
            raise SoundsiftError(
                f"{path} has no sound track; an audio file, or a video with sound, was expected."
            )
        if container.format.name == "ogg" and stream.codec_context.name == "vorbis":
            vorbis = _decode_vorbis(path)
            if vorbis is not None:
                return vorbis
        return _decode_stream(path, container, stream)


def _decode_stream(path: Path, container: Any, stream: Any) -> Decoded:
    stated = _stated_duration(container, stream)
    blocks: list[np.ndarray] = []
    kind: tuple[int, int, str] | None = None
    last: Any = None
    packets = bad_packets = 0
    for packet in _packets(container, stream):
        if packets == 0 and container.format.name == "mp3" and not _has_xing(path, packet.pos):
            stated = None
        packets += 1
        try:
            frames = packet.decode()
        except av.FFmpegError:
            bad_packets += 1
            continue
        for frame in frames:
            channels = frame.layout.nb_channels
            now = (frame.sample_rate, channels, frame.format.name)
            if kind is None:
                kind = now
            elif now != kind:
                raise SoundsiftError(
                    f"{path} changes from {kind[1]} channels at {kind[0]} Hz to {now[1]} at "
                    f"{now[0]} Hz half way; "
                    "one sample rate and one number of channels was expected."
                )
            block = frame.to_ndarray()
            blocks.append(block if frame.format.is_planar else block.reshape(-1, channels).T)
            last = frame
    if kind is None:
        return Decoded(np.zeros((1, 0), np.float32), 0, None, packets, bad_packets)
    rate = kind[0]
    samples = np.concatenate(blocks, axis=1)
    padding = _padding(last, rate)
    if padding:
        samples = samples[:, : samples.shape[1] - padding]
    promised = _promised_by_riff(path) if container.format.name == "wav" else None
    if promised is None and stated is not None:
        promised = round(stated * rate)
    layout = known(last.layout.name) or {1: "mono", 2: "stereo"}.get(kind[1])
    return Decoded(samples, rate, promised, packets, bad_packets, layout)


def _decode_vorbis(path: Path) -> Decoded | None:
    """An Ogg Vorbis file by libsndfile; None if it can't, as for one beside a video track."""
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        return None
    return Decoded(samples.T, int(rate), None, 1, 0)


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
