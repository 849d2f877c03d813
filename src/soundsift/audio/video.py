"""A video with a new sound track: the picture is copied packet by packet, not coded again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from soundsift.audio.encoding import (
    Refusals,
    SoundTrack,
    closed_at_the_end,
    coder,
    open_to_write,
    refusing,
)
from soundsift.audio.formats import Output
from soundsift.audio.tags import clean_tags
from soundsift.audio.writing import SoundFacts
from soundsift.errors import SoundsiftError

_CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}


def has_picture(path: Path) -> bool:
    """Whether a file has a moving picture; the cover of a song is none."""
    try:
        with _open(path) as container:
            return bool(_pictures(container))
    except (av.FFmpegError, ValueError, OSError):
        return False


@contextmanager
def video_file(path: Path, source: Path, facts: SoundFacts, output: Output) -> Iterator[VideoTrack]:
    """Write a video with other sound in place of its own, block by block.

    Picture, subtitles and chapters are copied. The sound is AAC, in WebM Opus, and begins where
    that of the source does. All other sound tracks are left out: they hold what was taken away.

    Args:
        path: where to, hidden from others until it is complete; its suffix names the container.
        source: the video.
        facts: of the sound.
        output: the bit rate.

    Yields:
        Takes the samples.

    Raises:
        SoundsiftError: there is no picture, or the container can't hold what is in the source.
    """
    how = coder(output, path.suffix)
    assert how is not None
    begin = _beginning(source)

    refusals = refusing(
        lambda error: f"the picture of {source} can't be put into a {path.suffix} file ({error}); "
    )
    with refusals():
        old = _open(source)
    with old:
        pictures = _pictures(old)
        if not pictures:
            raise SoundsiftError(
                f"{source} has no moving picture; a video was expected for --format video."
            )
        with refusals():
            new = open_to_write(path, _CONTAINERS[path.suffix])
        with closed_at_the_end(new, refusals):
            with refusals():
                new.metadata.update(facts.tags)
                copies = {stream.index: _copy(new, stream) for stream in pictures}
                sound = SoundTrack(new, how, facts, "f32", output, refusals, begin=begin)
                for stream in old.streams.subtitles:
                    if stream.codec_context.name in _subtitles_of(path.suffix):
                        copies[stream.index] = _copy(new, stream)
                if chapters := old.chapters():
                    new.set_chapters(chapters)
                track = VideoTrack(old, new, copies, sound, refusals)
            yield track
            track.finish()


class VideoTrack:
    """Sound and picture of a file that is being written, in turns.

    A player reads them together, and what is written far ahead of the other waits in memory.

    Args:
        old: the source, PyAV's.
        new: the file.
        copies: streams of the file, by index of those of the source that they copy.
        sound: the sound track.
        refusals: as for the sound track.

    Attributes:
        clipped: 0; AAC and Opus hold what is beyond full scale.
    """

    clipped = 0

    def __init__(
        self,
        old: Any,
        new: Any,
        copies: Mapping[int, Any],
        sound: SoundTrack,
        refusals: Refusals,
    ) -> None:
        self._new, self._copies, self._sound = new, copies, sound
        self._refusals = refusals
        self._packets = (
            packet
            for packet in old.demux([old.streams[index] for index in copies])
            if packet.dts is not None and packet.size
        )
        self._next = next(self._packets, None)

    def write(self, block: np.ndarray) -> None:
        """Take samples `(channels, samples)`, full scale ±1."""
        self._sound.write(block, self._pictures_before)

    def finish(self) -> None:
        """Write what is left of both."""
        self._sound.finish(self._pictures_before)
        with self._refusals():
            self._pictures_before(None)

    def _pictures_before(self, time: Fraction | None) -> None:
        while (packet := self._next) is not None:
            if time is not None and packet.dts * packet.time_base >= time:
                return
            packet.stream = self._copies[packet.stream.index]
            self._new.mux(packet)
            self._next = next(self._packets, None)


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
