"""The recording clock: where decoded sound belongs in time.

Time 0 is the beginning of the file as players show it: the first sample of the sound track or the
first picture, whichever is earlier. Spans, boxes, results and the studio all count from there.
Sound that begins later than the picture is preceded by silence, a gap in the time stamps becomes
silence of its length, and sound that is stored twice is kept once.
"""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from soundsift.audio.containers import open_media
from soundsift.audio.core_audio import settle_layout
from soundsift.audio.tracks import moving_pictures, seconds, sound_track

#: Time stamps may be off by this much before sound is moved: one frame of the model. Encoders with
#: a clock of their own jitter by some milliseconds, and each correction would be audible.
TOLERANCE = Fraction(1, 25)

# Containers with time stamps of their own. For others FFmpeg counts bytes or packets, which says
# nothing that the samples do not say.
_CLOCKED = {
    *("asf", "flv", "gxf", "matroska", "mov", "mpeg", "mpegts", "mxf", "nut", "ogg", "rm", "wtv"),
}

# Track starts closer than this are equal: Matroska and FLV round to milliseconds.
_SAME_START = Fraction(1, 1000)

# Time stamps that go back further, or in broadcast formats jump ahead further, are those of another
# recording that follows, not of the same clock.
_FURTHEST_BACK = Fraction(1)
_LONGEST_BROADCAST_GAP = Fraction(10)
_BROADCAST = {"mpegts", "mpeg", "flv", "ogg"}

#: Silence that time stamps may ask for in all.
MOST_SILENCE = Fraction(24 * 3600)


class TimestampError(Exception):
    """Time stamps ask for more silence than any recording has.

    Args:
        gap: length of the gap in seconds.
        position: where it is on the recording clock, in seconds.
    """

    def __init__(self, gap: Fraction, position: Fraction) -> None:
        super().__init__(f"gap of {float(gap):.0f} s at {float(position):.3f} s")
        self.gap, self.position = gap, position


class Timeline:
    """Places the decoded frames of one sound track on the recording clock.

    Args:
        container: PyAV's, open for reading; None for sound without pictures.

    Attributes:
        position: end of what was placed, in seconds on the recording clock.
        lead: silence in front of the first sample, in seconds.
    """

    def __init__(self, container: Any) -> None:
        self._container = container
        kinds = set() if container is None else set(container.format.name.split(","))
        self._clocked = container is None or not kinds.isdisjoint(_CLOCKED)
        self._broadcast = not _BROADCAST.isdisjoint(kinds)
        # From time stamps to the recording clock; known from the first frame on.
        self._shift: Fraction | None = None
        self._silence = Fraction(0)
        self.position = self.lead = Fraction(0)

    def place(self, time: Fraction | None, duration: Fraction) -> Fraction:
        """Place a frame.

        Args:
            time: its time stamp in seconds; None: it follows the one before.
            duration: its length in seconds.

        Returns:
            Seconds of silence in front of it if positive; if negative, seconds at its beginning
            that were heard already and are dropped (at most all of it).

        Raises:
            TimestampError: over `MOST_SILENCE`.
        """
        correction = self._correction(time)
        if correction > 0:
            self._silence += correction
            if self._silence > MOST_SILENCE:
                raise TimestampError(correction, self.position)
        correction = max(correction, -duration)
        self.position += correction + duration
        return correction

    def _correction(self, time: Fraction | None) -> Fraction:
        if time is None or not self._clocked:
            return Fraction(0)
        if self._shift is None:
            start = time if self._container is None else clock_start(self._container, time)
            self._shift = -start
            self.lead = time - start
            return self.lead
        off = time + self._shift - self.position
        if abs(off) <= TOLERANCE:
            return Fraction(0)
        if off < -_FURTHEST_BACK or (self._broadcast and off > _LONGEST_BROADCAST_GAP):
            self._shift -= off
            return Fraction(0)
        return off


def clock_start(container: Any, sound: Fraction | None) -> Fraction:
    """The time stamp at which the recording clock is 0, in seconds.

    Args:
        container: PyAV's, open for reading.
        sound: time stamp of the first decoded sample in seconds, None where there is no sound.
    """
    pictures = (
        seconds(stream.start_time, stream.time_base) for stream in moving_pictures(container)
    )
    starts = [start for start in pictures if start is not None]
    if sound is None:
        return min(starts, default=Fraction(0))
    first = min([sound, *starts])
    return sound if sound - first <= _SAME_START else first


def file_clock_start(path: Path, track: int | None = None) -> Fraction:
    """The time stamp at which a file's recording clock is 0, in seconds.

    Args:
        path: the file.
        track: which of its sound tracks, from 1; None for the best.

    Raises:
        av.FFmpegError, OSError, ValueError: the file cannot be opened.
    """
    with open_media(path) as container:
        stream = sound_track(container, track)
        sound = None
        if stream is not None:
            settle_layout(path, container, stream)
            with suppress(av.FFmpegError, StopIteration):
                frame = next(container.decode(stream))
                sound = seconds(frame.pts, frame.time_base) or Fraction(0)
        return clock_start(container, sound)
