"""Decoding with FFmpeg, through PyAV: the sound track of a file as raw samples, block by block.

One decoder for nearly every format: PCM comes through bit for bit, and for the coded formats
FFmpeg already drops the encoder's delay. What it leaves to its callers is done here: the padding
at the end of the last packet (MP4), places in time (`soundsift.audio.timeline`), the links of a
chained Ogg file, sound that changes its sample rate or channels, and noticing that a file is
shorter than its own header says. Ogg Vorbis of a single page of sound goes to libsndfile, since
FFmpeg loses or adds a block of samples there.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
import soundfile

from soundsift.audio.containers import open_media
from soundsift.audio.core_audio import settle_layout
from soundsift.audio.layouts import known
from soundsift.audio.limits import RecordingLimits
from soundsift.audio.ogg import FilePart, ogg_links, sound_pages, vorbis_blocks
from soundsift.audio.stated_length import (
    mp3_seconds,
    share_present,
    stated_seconds,
)
from soundsift.audio.timeline import Timeline, TimestampError
from soundsift.audio.tracks import codec_name, packets, seconds, sound_track
from soundsift.errors import SoundsiftError

# NumPy's names of FFmpeg's samples.
_NUMPY_TYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}

# Streams without a container, behind which other things may follow, such as tags.
_BARE_STREAMS = {"mp3", "aac", "ac3", "eac3", "dts"}

# Bad packets, if they are more than half of all, before the rest of a file is given up.
_MOST_BAD_PACKETS = 10_000

# Samples of all channels in a block at most, for many channels at high rates.
_MOST_IN_BLOCK = 1 << 22


class Decoding:
    """One pass through a sound track of a file, block by block.

    Iterating gives the decoder's own numbers, (channels, samples), of dtype uint8, int16, int32,
    int64, float32 or float64, about a second at a time. Sample 0 is at time 0 of the recording
    clock (`soundsift.audio.timeline`). Sound whose sample rate or channels change half way is
    converted to those of its beginning, as float32. Iteration ends quietly where the file does, and
    skips what can't be decoded: both are for the caller to judge.

    Args:
        path: an existing file.
        limits: what is accepted.
        track: which of its sound tracks, from 1; None for the best.

    Attributes:
        sample_rate: samples per second; known from the first block on, as is `layout`.
        layout: FFmpeg's name of the channels' arrangement, "5.1(side)"; None where unknown.
        count: samples per channel so far.
        promised: when all is read, samples per channel that the file's header announces, None where
            it says nothing.
        packets: packets in the sound track, so far.
        bad_packets: those of them that could not be decoded.

    Raises:
        SoundsiftError: while iterating, if FFmpeg does not know the format, there is no sound
            track, or sample rate, channels or time stamps are out of bounds.
        TooLargeError: while iterating, if the sound is too long or too large.
    """

    def __init__(
        self, path: Path, limits: RecordingLimits | None = None, track: int | None = None
    ) -> None:
        self.path, self.limits, self.track = path, limits or RecordingLimits(), track
        self.sample_rate = 0
        self.layout: str | None = None
        self.count = 0
        self.promised: int | None = None
        self.packets = self.bad_packets = 0
        # Sample rate, number of channels and FFmpeg's name of the samples.
        self._kind: tuple[int, int, str] | None = None
        self._dtype = np.dtype(np.float32)
        self._converter: _Converter | None = None
        # Where the layout's channels are among the stored ones, if in another order.
        self._order: list[int] | None = None

    def __iter__(self) -> Iterator[np.ndarray]:
        """See the class."""
        held: list[np.ndarray] = []
        length = 0
        for piece in self._pieces():
            if held and piece.dtype != held[0].dtype:
                yield np.concatenate(held, axis=1)
                held, length = [], 0
            held.append(piece)
            length += piece.shape[1]
            self.count += piece.shape[1]
            self.limits.check_size(self.path, self.sample_rate, piece.shape[0], self.count)
            if length >= min(self.sample_rate, _MOST_IN_BLOCK // piece.shape[0]):
                yield np.concatenate(held, axis=1)
                held, length = [], 0
        if held:
            yield np.concatenate(held, axis=1)

    def _pieces(self) -> Iterator[np.ndarray]:
        with self._open() as container:
            links = ogg_links(self.path) if container.format.name == "ogg" else []
            if len(links) < 2:
                yield from self._container(container, links[0] if links else None)
                return
        for start, end in links:
            with (
                io.BufferedReader(FilePart(self.path, start, end), 1 << 16) as file,
                self._open(file) as container,
            ):
                yield from self._container(container, (start, end))

    def _open(self, file: BinaryIO | None = None) -> Any:
        try:
            return open_media(self.path, file)
        except (av.FFmpegError, ValueError, OSError) as error:
            raise SoundsiftError(
                f"{self.path} can't be read as audio or video: either it is none, or its header is "
                "damaged or cut off."
            ) from error

    def _container(self, container: Any, link: tuple[int, int] | None) -> Iterator[np.ndarray]:
        stream = sound_track(container, self.track)
        if stream is None and self.track is not None and container.streams.audio:
            count = len(container.streams.audio)
            plural = "sound track" if count == 1 else "sound tracks"
            raise SoundsiftError(
                f"{self.path} has {count} {plural}; track {self.track} is not there or can't be "
                f"decoded. Use a track from 1 to {count}."
            )
        if stream is None:
            raise SoundsiftError(
                f"{self.path} has no sound track; an audio file, or a video with sound, was "
                "expected."
            )
        if link is not None and codec_name(stream) == "vorbis" and sound_pages(self.path, link) < 2:
            with io.BufferedReader(FilePart(self.path, *link), 1 << 16) as file:
                try:
                    vorbis = soundfile.SoundFile(file)
                except soundfile.LibsndfileError:
                    # Beside a video track, say.
                    vorbis = None
                if vorbis is not None:
                    layout = stream.codec_context.layout
                    yield from self._vorbis(vorbis, layout)
                    return
        settled = settle_layout(self.path, container, stream)
        if settled is not None:
            self.layout, self._order = settled
        try:
            yield from self._track(container, stream)
        except TimestampError as error:
            raise SoundsiftError(
                f"{self.path} has damaged time stamps: nothing for {float(error.gap):.0f} s after "
                f"{float(error.position):.2f} s. Repair it, say with `ffmpeg -i FILE OUT.wav`."
            ) from error

    def _track(self, container: Any, stream: Any) -> Iterator[np.ndarray]:
        """All of a sound track; notes what its header promises."""
        timeline = Timeline(container)
        extent = _Extent(stated_seconds(container, stream))
        last: Any = None
        # One behind: only the last frame may be padded.
        for frame in self._frames(container, stream, extent):
            if last is not None:
                yield from self._place(last, timeline)
            last = frame
        if last is not None:
            yield from self._place(last, timeline, _padding(last))
        yield from self._finish_converter()
        heard = timeline.position - timeline.lead
        whole = extent.stated is not None and heard >= extent.stated
        if last is not None and (whole or container.format.name in _BARE_STREAMS):
            self.bad_packets -= extent.trailing
        missing = heard / share_present(self.path, container.format.name) - heard
        if extent.stated is not None:
            missing = max(missing, extent.stated - max(extent.reached, heard))
        if missing > 0 or extent.stated is not None:
            self.promised = self.count + max(0, round(missing * self.sample_rate))

    def _frames(self, container: Any, stream: Any, extent: _Extent) -> Iterator[Any]:
        """Decoded frames that are not empty."""
        before = self.packets
        for packet in packets(container, [stream]):
            if self.packets == before and container.format.name == "mp3":
                extent.stated = mp3_seconds(self.path, packet.pos)
            self.packets += 1
            if self.bad_packets > max(_MOST_BAD_PACKETS, self.packets // 2):
                return
            try:
                frames = [frame for frame in packet.decode() if frame.samples]
            except av.FFmpegError:
                self.bad_packets += 1
                extent.trailing += 1
                continue
            extent.note(packet, frames)
            yield from frames
        # Where packets ended with an error, what the decoder still holds.
        with suppress(av.FFmpegError):
            yield from (frame for frame in stream.codec_context.decode(None) if frame.samples)

    def _place(self, frame: Any, timeline: Timeline, padding: int = 0) -> Iterator[np.ndarray]:
        """Samples of a frame without padding, and the silence in front of them."""
        yield from self._switch(frame)
        heard = max(0, frame.samples - padding)
        correction = timeline.place(
            seconds(frame.pts, frame.time_base), Fraction(heard, frame.sample_rate)
        )
        yield from self._silence(round(correction * self.sample_rate))
        skipped = max(0, round(-correction * frame.sample_rate))
        if skipped >= heard:
            return
        if self._converter is None:
            wave = _planes(frame)[:, skipped:heard]
            yield wave if self._order is None else wave[self._order]
        else:
            yield from self._converter.convert(frame)

    def _switch(self, frame: Any) -> Iterator[np.ndarray]:
        """Get ready for a frame's sample rate and channels; gives what is left of others."""
        kind = (frame.sample_rate, frame.layout.nb_channels, frame.format.name)
        if self._kind is None:
            self._begin(*kind, frame.layout)
        assert self._kind is not None
        if kind == (self._kind if self._converter is None else self._converter.kind):
            return
        yield from self._finish_converter()
        if kind != self._kind:
            try:
                self._converter = _Converter(kind, self._kind, self.layout)
            except (av.FFmpegError, ValueError) as error:
                raise SoundsiftError(
                    f"{self.path} changes from {self._kind[1]} channels at {self._kind[0]} Hz to "
                    f"{kind[1]} at {kind[0]} Hz half way, which can't be converted. Split it there."
                ) from error

    def _finish_converter(self) -> Iterator[np.ndarray]:
        converter, self._converter = self._converter, None
        if converter is not None:
            yield from converter.finish()

    def _begin(self, rate: int, channels: int, sample_format: str, layout: Any) -> None:
        self.limits.check_kind(self.path, rate, channels)
        self._kind = (rate, channels, sample_format)
        self.sample_rate, self.layout = rate, self.layout or _layout(layout)
        self._dtype = _numpy_type(sample_format)

    def _silence(self, count: int) -> Iterator[np.ndarray]:
        assert self._kind is not None
        value = 128 if self._dtype == np.uint8 else 0
        for start in range(0, count, self.sample_rate):
            size = min(self.sample_rate, count - start)
            yield np.full((self._kind[1], size), value, self._dtype)

    def _vorbis(self, file: soundfile.SoundFile, layout: Any) -> Iterator[np.ndarray]:
        self.packets += 1
        timeline = Timeline(None)
        for block in vorbis_blocks(file):
            frame = av.AudioFrame.from_ndarray(block, "fltp", layout)
            frame.sample_rate = int(file.samplerate)
            yield from self._place(frame, timeline)
        yield from self._finish_converter()


@dataclass
class _Extent:
    """How far a sound track goes by its header and by its packets.

    Attributes:
        stated: length by the header in seconds, None where it says nothing.
        first: time stamp of the first frame in seconds.
        reached: end of the last packet, in seconds from the first frame.
        trailing: bad packets since the last good one.
    """

    stated: Fraction | None
    first: Fraction | None = None
    reached: Fraction = Fraction(0)
    trailing: int = 0

    def note(self, packet: Any, frames: Sequence[Any]) -> None:
        """Take account of a packet that was decoded to these frames."""
        if frames:
            self.trailing = 0
            if self.first is None:
                self.first = seconds(frames[0].pts, frames[0].time_base)
        if self.first is not None and packet.pts is not None and packet.duration:
            end = Fraction(packet.pts + packet.duration) * Fraction(packet.time_base)
            self.reached = max(self.reached, end - self.first)


class _Converter:
    """Frames of another sample rate or other channels, converted to those of the beginning.

    Args:
        kind: sample rate, channels and sample format of the frames.
        first: those of the first frame.
        layout: arrangement of the first frame's channels, None where unknown.
    """

    def __init__(
        self, kind: tuple[int, int, str], first: tuple[int, int, str], layout: str | None
    ) -> None:
        self.kind = kind
        self._resampler = av.AudioResampler("fltp", layout or f"{first[1]} channels", first[0])

    def convert(self, frame: Any) -> Iterator[np.ndarray]:
        """float32 `(channels, samples)`, as far as they are ready."""
        frame.pts = None
        return (_planes(done) for done in self._resampler.resample(frame))

    def finish(self) -> Iterator[np.ndarray]:
        """The rest."""
        return (_planes(done) for done in self._resampler.resample(None))


def _layout(layout: Any) -> str | None:
    """The name of a layout, PyAV's; None where it is unknown."""
    return known(layout.name) or {1: "mono", 2: "stereo"}.get(layout.nb_channels)


def _planes(frame: Any) -> np.ndarray:
    """Samples `(channels, samples)` of a frame."""
    # Not PyAV's own conversion: of eight planes it takes what is behind them in memory for a ninth,
    # and brings the program down; and it knows no integers of 64 bits.
    channels, kind = frame.layout.nb_channels, _numpy_type(frame.format.name)
    if frame.format.is_planar:
        planes = frame.planes[:channels]
        return np.stack([np.frombuffer(plane, kind, frame.samples) for plane in planes])
    block = np.frombuffer(frame.planes[0], kind, frame.samples * channels)
    return block.reshape(-1, channels).T


def _numpy_type(sample_format: str) -> np.dtype[Any]:
    """NumPy's type of FFmpeg's samples."""
    return np.dtype(_NUMPY_TYPES[sample_format.removesuffix("p")])


def _padding(frame: Any) -> int:
    """Samples at the end of the last frame that only fill up its packet."""
    if (
        not frame.duration
        or frame.time_base is None
        or frame.time_base > Fraction(1, frame.sample_rate)
    ):
        # No duration, or a clock too coarse (Matroska's milliseconds) to count samples with.
        return 0
    heard = round(Fraction(frame.duration) * Fraction(frame.time_base) * frame.sample_rate)
    return int(max(0, frame.samples - heard))
