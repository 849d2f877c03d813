"""The tracks of an open media file."""

from fractions import Fraction
from typing import Any

import av


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
