"""The tracks of an open media file."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import av


def sound_track(container: Any, number: int | None = None) -> Any | None:
    """A sound track of an open file that FFmpeg can decode, None if there is none.

    Args:
        container: PyAV's, open for reading.
        number: which of the sound tracks, from 1; None for the best.
    """
    if number is not None:
        tracks = list(container.streams.audio)[number - 1 : number] if number > 0 else []
        return next((stream for stream in tracks if has_decoder(stream)), None)
    try:
        best = container.streams.best("audio")
    except IndexError:
        # PyAV fails where FFmpeg has found a stream since the file was opened.
        best = None
    if best is not None and has_decoder(best):
        return best
    return next((stream for stream in container.streams.audio if has_decoder(stream)), None)


def packets(container: Any, streams: Sequence[Any]) -> Iterator[Any]:
    """Packets of some streams, ending where the file does or where it cannot be read on."""
    source = container.demux(streams)
    while True:
        try:
            yield next(source)
        # PyAV fails at the end of files in which FFmpeg found more streams than at the beginning.
        except (StopIteration, av.FFmpegError, IndexError):
            return


def moving_pictures(container: Any) -> list[Any]:
    """Video streams of an open file that FFmpeg can decode, without the covers of songs."""
    cover = av.stream.Disposition.attached_pic
    return [
        stream
        for stream in container.streams.video
        if has_decoder(stream) and not stream.disposition & cover
    ]


def has_decoder(stream: Any) -> bool:
    """Whether FFmpeg has a decoder; without one a track cannot be copied either."""
    return stream.codec_context is not None


def codec_name(stream: Any) -> str | None:
    """FFmpeg's name of a stream's decoder, None if it has none."""
    return None if stream.codec_context is None else str(stream.codec_context.name)


def seconds(ticks: int | None, time_base: Fraction | None) -> Fraction | None:
    """A time stamp in seconds; None where it is unknown."""
    return None if ticks is None or time_base is None else Fraction(ticks) * Fraction(time_base)
