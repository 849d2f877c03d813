"""A video with a new sound track: the picture is copied packet by packet, not coded again."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from soundsift.audio.encoding import add_sound, coder, frames
from soundsift.audio.formats import Output
from soundsift.audio.resampling import resample
from soundsift.audio.tags import clean_tags
from soundsift.errors import SoundsiftError

_CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}


def has_picture(path: Path) -> bool:
    """Whether a file has a moving picture; the cover of a song is none."""
    try:
        with _open(path) as container:
            return bool(_pictures(container))
    except (av.FFmpegError, ValueError, OSError):
        return False


def with_sound(
    path: Path,
    source: Path,
    samples: np.ndarray,
    sample_rate: int,
    output: Output,
    *,
    layout: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write a video with this sound in place of its own.

    Picture, subtitles and chapters are copied. The sound is AAC, in WebM Opus, and begins where
    that of the source does. All other sound tracks are left out: they hold what was taken away.

    Args:
        path: where to, hidden from others until it is complete; its suffix names the container.
        source: the video.
        samples: (channels, samples), full scale ±1.
        sample_rate: samples per second.
        output: the bit rate.
        layout: FFmpeg's name of the channels' arrangement, None where unknown.
        tags: title, artist and so on.

    Raises:
        SoundsiftError: there is no picture, or the container can't hold what is in the source.
    """
    how = coder(output, path.suffix)
    assert how is not None
    channels = samples.shape[0]
    written = how.layout(layout, channels)
    rate = how.rate(sample_rate)
    wave = resample(samples, sample_rate, rate)
    begin = _beginning(source)
    try:
        with (
            _open(source) as old,
            av.open(
                str(path), "w", format=_CONTAINERS[path.suffix], options={"fflags": "bitexact"}
            ) as new,
        ):
            new.metadata.update(tags or {})
            pictures = _pictures(old)
            if not pictures:
                raise SoundsiftError(
                    f"{source} has no moving picture; a video was expected for --format video."
                )
            copies = {stream.index: _copy(new, stream) for stream in pictures}
            bits = output.bits_per_second(channels)
            sound = add_sound(new, how.codec, rate, written, how.samples, bits)
            for stream in old.streams.subtitles:
                if stream.codec_context.name in _subtitles_of(path.suffix):
                    copies[stream.index] = _copy(new, stream)
            if chapters := old.chapters():
                new.set_chapters(chapters)
            blocks = frames(wave, rate, written, how.samples, first=round(begin * rate))
            block = next(blocks, None)
            for packet in old.demux([old.streams[index] for index in copies]):
                if packet.dts is None or packet.size == 0:
                    continue
                # Sound and picture in turns: a player reads them together, and what is written far
                # ahead of the other waits in memory.
                now = packet.dts * packet.time_base
                while block is not None and block.pts * block.time_base <= now:
                    new.mux(sound.encode(block))
                    block = next(blocks, None)
                packet.stream = copies[packet.stream.index]
                new.mux(packet)
            while block is not None:
                new.mux(sound.encode(block))
                block = next(blocks, None)
            new.mux(sound.encode(None))
    except (av.FFmpegError, ValueError) as error:
        raise SoundsiftError(
            f"the picture of {source} can't be put into a {path.suffix} file ({error}); another "
            "--format, such as wav, was expected."
        ) from error


def _open(path: Path) -> Any:
    return av.open(
        f"file:{path}", options={"protocol_whitelist": "file"}, metadata_errors="replace"
    )


def _pictures(container: Any) -> list[Any]:
    cover = av.stream.Disposition.attached_pic
    return [stream for stream in container.streams.video if not stream.disposition & cover]


def _copy(container: Any, stream: Any) -> Any:
    copy = container.add_stream_from_template(stream, opaque=True)
    # Language and title of the track; what the muxer writes itself is left out.
    copy.metadata.update(clean_tags(stream.metadata))
    if language := stream.metadata.get("language"):
        copy.metadata["language"] = language
    return copy


def _subtitles_of(suffix: str) -> set[str]:
    """FFmpeg's names of the subtitles that a container can hold."""
    if suffix == ".mkv":
        return {"subrip", "srt", "ass", "ssa", "webvtt", "dvd_subtitle", "hdmv_pgs_subtitle"}
    return {"webvtt"} if suffix == ".webm" else {"mov_text"}


def _beginning(source: Path) -> Fraction:
    """When the sound begins, in seconds on the file's own clock."""
    with _open(source) as container:
        stream = container.streams.best("audio")
        try:
            for frame in container.decode(stream):
                if frame.pts is not None and frame.time_base is not None:
                    return Fraction(frame.pts) * Fraction(frame.time_base)
                break
        except av.FFmpegError:
            pass
    return Fraction(0)
