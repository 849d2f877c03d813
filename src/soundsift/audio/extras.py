"""What comes with the sound of a file: its cover, chapters, and a broadcast wave's time stamp."""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av

from soundsift.audio.containers import open_media

#: Larger ones are left out.
_MOST_COVER, _MOST_BROADCAST = 2**24, 2**20
_MOST_CHUNKS = 1000
_READERS = {"mjpeg": "jpeg_pipe", "png": "png_pipe"}
_MIME = {"mjpeg": "image/jpeg", "png": "image/png"}
_FRONT_COVER = 3


@dataclass(frozen=True)
class Cover:
    """The picture of a song.

    Attributes:
        data: the coded picture.
        codec: FFmpeg's name of its codec, "mjpeg" or "png".
        width, height: in pixels.
    """

    data: bytes
    codec: str
    width: int
    height: int

    def as_comment(self) -> str:
        """The picture as Ogg's comment METADATA_BLOCK_PICTURE (RFC 9639, section 8.8)."""
        mime = _MIME[self.codec].encode()
        block = struct.pack(">II", _FRONT_COVER, len(mime)) + mime
        block += struct.pack(">IIIIII", 0, self.width, self.height, 24, 0, len(self.data))
        return base64.b64encode(block + self.data).decode()


@dataclass(frozen=True)
class Extras:
    """What comes with the sound of a file.

    Attributes:
        cover: the picture of a song.
        chapters: as PyAV gives and takes them.
        broadcast: content of a WAV file's `bext` chunk (EBU Tech 3285): originator, date and time
            of recording, and the first sample's number since midnight.
    """

    cover: Cover | None = None
    chapters: Sequence[Any] = ()
    broadcast: bytes = b""


def read_extras(path: Path) -> Extras:
    """The extras of an audio or video file; none where they can't be read."""
    try:
        with open_media(path) as container:
            return Extras(_cover(container), tuple(container.chapters()), _broadcast(path))
    except (av.FFmpegError, ValueError, OSError, IndexError):
        return Extras()


def add_cover(container: Any, cover: Cover) -> None:
    """Add a cover to PyAV's output container, whose sound track is there already."""
    with av.open(io.BytesIO(cover.data), format=_READERS[cover.codec]) as picture:
        (template,) = picture.streams.video
        # Opaque: formats hold the pictures of songs whose lists of codecs have none.
        stream = container.add_stream_from_template(template, opaque=True)
        stream.disposition = av.stream.Disposition.attached_pic
        packet = av.Packet(cover.data)
        packet.stream, packet.pts, packet.dts = stream, 0, 0
        packet.is_keyframe = True
        container.mux(packet)


def chapter_comments(chapters: Sequence[Any]) -> dict[str, str]:
    """Chapters as comments of Ogg and FLAC files: CHAPTER001 is a time, CHAPTER001NAME a title."""
    comments: dict[str, str] = {}
    for number, chapter in enumerate(chapters, start=1):
        milliseconds = round(1000 * chapter["start"] * Fraction(chapter["time_base"]))
        minutes, rest = divmod(milliseconds, 60_000)
        time = f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"
        name = f"CHAPTER{number:03}"
        comments |= {name: time, f"{name}NAME": chapter["metadata"].get("title", "")}
    return comments


def broadcast_chunk(broadcast: bytes) -> bytes:
    """A `bext` chunk with its header; empty if there is no content."""
    if not broadcast:
        return b""
    return struct.pack("<4sI", b"bext", len(broadcast)) + broadcast + b"\0" * (len(broadcast) % 2)


def _cover(container: Any) -> Cover | None:
    for stream in container.streams.video:
        context = stream.codec_context
        attached = stream.disposition & av.stream.Disposition.attached_pic
        if not attached or context is None or context.name not in _MIME:
            continue
        for packet in container.demux(stream):
            data = bytes(packet)
            if 0 < len(data) <= _MOST_COVER:
                return Cover(data, context.name, context.width or 0, context.height or 0)
            break
    return None


def _broadcast(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:] != b"WAVE":
            return b""
        return _chunk(file, b"bext")


def _chunk(file: BinaryIO, wanted: bytes) -> bytes:
    """Content of a chunk before the samples, or after them in a plain WAV file."""
    for _ in range(_MOST_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            break
        name, size = struct.unpack("<4sI", header)
        if name == wanted:
            return file.read(size) if size <= _MOST_BROADCAST else b""
        if size == 0xFFFFFFFF:
            break
        file.seek(size + size % 2, 1)
    return b""
