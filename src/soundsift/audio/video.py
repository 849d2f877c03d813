"""Videos with a new sound track; the picture is copied packet by packet, without re-encoding."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from soundsift.audio.containers import open_media
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
from soundsift.audio.timeline import file_clock_start
from soundsift.audio.tracks import has_decoder, moving_pictures, packets, sound_track
from soundsift.audio.writing import SoundFacts
from soundsift.errors import SoundsiftError

_CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}

# Packets that wait until a decoding time is known; no format reorders more than 16 pictures.
_MOST_HELD = 32


def has_picture(path: Path) -> bool:
    """Whether a file has moving pictures; cover art does not count."""
    try:
        with open_media(path) as container:
            return bool(moving_pictures(container))
    except (av.FFmpegError, ValueError, OSError):
        return False


@contextmanager
def video_file(
    path: Path, source: Path, facts: SoundFacts, output: Output, track: int | None = None
) -> Iterator[VideoTrack]:
    """Write a video with a new sound track, block by block.

    Picture, subtitles and chapters are copied, except tracks that FFmpeg cannot decode. The sound
    is AAC, or Opus in WebM, and begins at the same time as that of the source. Other sound tracks
    are left out, since they hold the sound that was removed.

    Args:
        path: The file, in a staging folder; its suffix selects the container.
        source: The video.
        facts: Properties of the sound.
        output: The format with its bit rate.
        track: Which of the source's sound tracks the sound was made from; None for the best.

    Yields:
        The writer.

    Raises:
        SoundsiftError: There is no picture, or the container can't hold the source's tracks.
        OSError: The disk is full or fails.
    """
    how = coder(output, path.suffix)
    assert how is not None
    begin = file_clock_start(source, track)

    refusals = refusing(
        lambda cause: f"The picture of {source} can't be put into a {path.suffix} file ({cause})."
    )
    with refusals():
        old = open_media(source)
    with old:
        pictures = moving_pictures(old)
        if not pictures:
            raise SoundsiftError(
                f"{source} has no moving picture. Use a sound format instead of video."
            )
        with refusals():
            new = open_to_write(path, _CONTAINERS[path.suffix])
        with closed_at_the_end(new, refusals):
            with refusals():
                new.metadata.update(facts.tags)
                copies = {stream.index: _copy(new, stream) for stream in pictures}
                sound = SoundTrack(new, how, facts, "f32", output, refusals, begin=begin)
                sound.describe(_description(sound_track(old, track), new.format.name))
                subtitles = _subtitles_of(path.suffix)
                for stream in old.streams.subtitles:
                    if has_decoder(stream) and stream.codec_context.name in subtitles:
                        copies[stream.index] = _copy(new, stream)
                if chapters := old.chapters():
                    new.set_chapters(chapters)
                video = VideoTrack(old, new, copies, sound, refusals)
            yield video
            video.finish()


class VideoTrack:
    """Writer that interleaves sound and picture.

    Players read both together, and muxers hold packets in memory until the other track catches up.

    Args:
        old: PyAV's input container of the source.
        new: PyAV's output container.
        copies: Streams of `new` by the index of the source's stream that they copy.
        sound: The sound track.
        refusals: Context that turns FFmpeg's errors into messages for users.

    Attributes:
        clipped: 0; AAC and Opus hold values beyond full scale.
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
        self._packets = _with_times(packets(old, [old.streams[index] for index in copies]))
        self._next = next(self._packets, None)

    def write(self, block: np.ndarray) -> None:
        """Write samples `(channels, samples)`, full scale ±1."""
        self._sound.write(block, self._pictures_before)

    def finish(self) -> None:
        """Write the rest of both."""
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


class _DecodingTimes:
    """Fills in missing decoding times of one stream's packets.

    Matroska stores presentation times only. FFmpeg derives decoding times once it has seen as many
    packets as pictures can be reordered; the first packets, the key frame among them, have none.
    """

    def __init__(self) -> None:
        self._held: list[Any] = []
        self._last: int | None = None
        self._step = 1

    def take(self, packet: Any) -> list[Any]:
        """Packets ready to be written; the first ones wait for one with a decoding time."""
        if self._last is None:
            self._held.append(packet)
            wait = packet.dts is None and len(self._held) < _MOST_HELD
            return [] if wait else self.rest()
        if packet.dts is None:
            _decode_at(packet, self._last + self._step)
        if packet.dts < self._last:
            # The time filled in before was too late; muxers refuse decreasing times.
            _decode_at(packet, self._last)
        self._last, self._step = packet.dts, packet.duration or 1
        return [packet]

    def rest(self) -> list[Any]:
        """The packets that still wait."""
        held, self._held = self._held, []
        if held:
            last = held[-1]
            if last.dts is None:
                # A picture is decoded before it is shown.
                shown = [packet.pts for packet in held if packet.pts is not None]
                _decode_at(last, min(shown, default=0))
            self._last, self._step = last.dts, last.duration or 1
            for packet, following in zip(held[-2::-1], held[:0:-1], strict=True):
                _decode_at(packet, following.dts - (packet.duration or 1))
        return held


def _decode_at(packet: Any, time: int) -> None:
    """Set the decoding time of a packet, at most its presentation time."""
    if packet.pts is None:
        packet.pts = time
    packet.dts = min(time, packet.pts)


def _with_times(packets: Iterable[Any]) -> Iterator[Any]:
    """Non-empty packets of several streams, each with a decoding time."""
    times: defaultdict[int, _DecodingTimes] = defaultdict(_DecodingTimes)
    for packet in packets:
        # Empty ones only tell decoders that a stream has ended.
        if packet.size:
            yield from times[packet.stream.index].take(packet)
    for waiting in times.values():
        yield from waiting.rest()


def _copy(container: Any, stream: Any) -> Any:
    """New stream for the packets of another one, with its tags, disposition and codec tag."""
    copy = container.add_stream_from_template(stream, opaque=True)
    kind = container.format.name
    copy.metadata.update(_description(stream, kind))
    copy.disposition = stream.disposition
    if kind in ("mp4", "mov") and (tag := _codec_tag(stream, kind)):
        copy.codec_tag = tag
    return copy


def _description(stream: Any, kind: str) -> dict[str, str]:
    """Language, title and other tags of a track, for a container of FFmpeg's name `kind`."""
    found = dict(stream.metadata)
    # QuickTime and MP4 files have the title under another name.
    if "name" in found:
        found.setdefault("title", found.pop("name"))
    tags = clean_tags(found)
    if (language := found.get("language", "und")) != "und":
        tags["language"] = language
    # The title that editors show.
    handler = found.get("handler_name", "")
    if kind in ("mp4", "mov") and handler not in ("", "VideoHandler", "SoundHandler"):
        tags["handler_name"] = handler
    return tags


def _codec_tag(stream: Any, kind: str) -> str | None:
    """Codec tag (FourCC) of a copied track in MP4 or QuickTime; None for FFmpeg's choice.

    A codec can have several tags, and players may know only some: Apple's play HEVC as "hvc1" but
    not as "hev1". The source's tag is kept if the container allows it.

    Args:
        stream: The track to be copied.
        kind: "mp4" or "mov".
    """
    own = str(stream.codec_tag).strip("\0")
    hevc = "hvc1" if stream.codec_context.name == "hevc" else ""
    for tag in filter(None, (own, hevc)):
        try:
            with av.open(io.BytesIO(), "w", format=kind) as trial:
                copy = trial.add_stream_from_template(stream, opaque=True)
                copy.codec_tag = tag
                trial.start_encoding()
                return tag
        except (av.FFmpegError, ValueError):
            continue
    return None


def _subtitles_of(suffix: str) -> set[str]:
    """FFmpeg's names of the subtitle codecs that a container can hold."""
    if suffix == ".mkv":
        return {"subrip", "srt", "ass", "ssa", "webvtt", "dvd_subtitle", "hdmv_pgs_subtitle"}
    return {"webvtt"} if suffix == ".webm" else {"mov_text"}
