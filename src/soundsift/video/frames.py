"""Pictures of a video file at their times on the recording clock."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
import numpy as np

from soundsift.audio.containers import open_media
from soundsift.audio.timeline import file_clock_start
from soundsift.audio.tracks import moving_pictures, packets, seconds
from soundsift.config import FRAME_RATE
from soundsift.errors import SoundsiftError

#: Containers that can be searched and hold a time for every picture.
_SEARCHABLE = {"mov", "matroska"}


@dataclass(frozen=True)
class VideoFrame:
    """A picture and when it is shown.

    Attributes:
        time: Seconds on the recording clock (`soundsift.audio.timeline`), exact.
        pixels: `(height, width, 3)`, uint8, red, green, blue, upright.
        duration: Seconds, 0 if the file doesn't say.
        full_size: Height and width in the file, of a picture that was made smaller; None: its own.
    """

    time: Fraction
    pixels: np.ndarray
    duration: Fraction = Fraction(0)
    full_size: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the video's own picture."""
        height, width = self.full_size or self.pixels.shape[:2]
        return height, width

    def within(self, mask: np.ndarray) -> Self:
        """The picture with everything outside of a mask `(height, width)`, bool, black."""
        return replace(self, pixels=self.pixels * mask[..., None])


def fitted(height: int, width: int, side: int) -> tuple[int, int]:
    """Height and width of a picture whose longest side has at most so many pixels."""
    longest = max(height, width)
    if longest <= side:
        return height, width
    return max(1, round(height * side / longest)), max(1, round(width * side / longest))


def read_video(
    path: str | Path, since: float = 0.0, threads: int = 0, side: int | None = None
) -> Iterator[VideoFrame]:
    """Read the pictures of a video in any format that FFmpeg knows, one by one.

    Time 0 is the beginning of sound or picture, whichever is earlier, as in `soundsift.audio.read`.
    Pictures that are marked as rotated are turned upright.

    Args:
        path: The file; an image is a video of one picture.
        since: Second from which on pictures are needed. Earlier ones are left out as far as the
            file can be searched.
        threads: Of the decoder; 0 means one per processor. With one, no picture is decoded ahead.
        side: Longest side of the pictures in pixels; larger ones are made smaller as they are
            decoded, which is faster than to do so afterwards. None: as they are.

    Returns:
        The frames in order of time.

    Raises:
        SoundsiftError: If the file can't be opened or has no video; while reading, if no picture
            can be decoded.
    """
    path = Path(path)
    try:
        container = open_media(path)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise SoundsiftError(
            f"{path} can't be read as video: it does not exist, is no video, or its header is "
            "damaged or cut off."
        ) from error
    streams = moving_pictures(container)
    if not streams:
        container.close()
        raise SoundsiftError(f"{path} has no video. Use a file with moving pictures.")
    # Without sound, and where FFmpeg does not say when pictures begin, time 0 is the first picture.
    start = file_clock_start(path) if container.streams.audio else None
    return _decode(path, container, streams[0], start, since, threads, side)


def _decode(
    path: Path,
    container: Any,
    stream: Any,
    start: Fraction | None,
    since: float,
    threads: int,
    side: int | None,
) -> Iterator[VideoFrame]:
    """Frames of an open container, which is closed at the end."""
    with container:
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
        if since > 0 and start is not None and _SEARCHABLE & {*container.format.name.split(",")}:
            # Damaged files may have no index; they are read from their beginning.
            with suppress(av.FFmpegError):
                container.seek(int((start + Fraction(since)) * av.time_base))
        count = 0
        for frame in _pictures(container, stream):
            time = _time(frame, stream, count)
            start = time if start is None else start
            count += 1
            duration = seconds(frame.duration or 0, stream.time_base) or Fraction(0)
            pixels, size = _upright(frame, side)
            yield VideoFrame(time - start, pixels, duration, size)
        if count == 0:
            raise SoundsiftError(f"{path} is damaged: none of its pictures can be decoded.")


def _pictures(container: Any, stream: Any) -> Iterator[Any]:
    """Decoded pictures; damaged packets are left out, and a file that is cut off just ends."""
    for packet in packets(container, [stream]):
        try:
            yield from packet.decode()
        except av.FFmpegError:
            continue


def _time(frame: Any, stream: Any, number: int) -> Fraction:
    """When a picture is shown, in the container's time."""
    if frame.pts is not None:
        return Fraction(frame.pts) * Fraction(frame.time_base or stream.time_base)
    return number / Fraction(stream.average_rate or FRAME_RATE)


def _upright(frame: Any, side: int | None) -> tuple[np.ndarray, tuple[int, int]]:
    """Pixels `(height, width, 3)` of a picture, turned as the file says, and its own size."""
    size = (frame.height, frame.width)
    height, width = size if side is None else fitted(*size, side)
    if (height, width) != size:
        frame_small = frame.reformat(width, height, "rgb24", interpolation="AREA")
        pixels: np.ndarray = frame_small.to_ndarray()
    else:
        pixels = frame.to_ndarray(format="rgb24")
    quarters, rest = divmod(frame.rotation, 90)
    if rest:
        return pixels, size
    return np.rot90(pixels, quarters), size[::-1] if quarters % 2 else size
