"""Output formats: sample formats, bit rates and suffixes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from soundsift.errors import SoundsiftError

FormatName = Literal["wav", "flac", "aiff", "mp3", "ogg", "opus", "m4a", "video"]
BitsName = Literal["16", "24", "32f"]

FORMATS: tuple[FormatName, ...] = get_args(FormatName)
LOSSLESS: tuple[FormatName, ...] = ("wav", "flac", "aiff")

_SAMPLE_FORMATS = {"16": "s16", "24": "s24", "32f": "f32"}
_FINENESS = ("s16", "s24", "f32")

# Kilobits per second: minimum and maximum of the encoder, and the default per channel.
_BITRATES = {
    "mp3": (8, 320, 96),
    "ogg": (32, 500, 80),
    "opus": (6, 510, 64),
    "m4a": (8, 1024, 96),
    "video": (6, 1024, 96),
}

#: Containers of which a video keeps its own; other videos become Matroska, which holds nearly all.
VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm")


@dataclass(frozen=True)
class Output:
    """Format of a result.

    Attributes:
        format: Name of the format; "video" is the recording's picture with a new sound track.
        bits: Bits per sample of WAV and AIFF (16, 24, 32f) and FLAC (16, 24); None for the
            recording's.
        bitrate: Kilobits per second of a lossy format; None for 96 per channel (Opus: 64,
            Vorbis: 80).

    Raises:
        SoundsiftError: The format does not have the bits or the bit rate.
    """

    format: FormatName = "wav"
    bits: BitsName | None = None
    bitrate: int | None = None

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise SoundsiftError(
                f"Unknown format {self.format!r}. Use one of {', '.join(FORMATS)}."
            )
        if self.bits is not None and self.bits not in self._possible_bits():
            possible = ", ".join(self._possible_bits())
            remedy = (
                f"Use one of {possible}." if possible else "Lossy formats have none: leave it out."
            )
            raise SoundsiftError(f"{self.format} can't be written with {self.bits} bits. {remedy}")
        if self.bitrate is not None:
            self._check_bitrate(self.bitrate)

    @property
    def lossless(self) -> bool:
        """Whether reading the file gives the written samples, bit for bit."""
        return self.format in LOSSLESS

    def suffix(self, source_suffix: str = "") -> str:
        """Suffix of the file's name, such as ".flac".

        Args:
            source_suffix: Suffix of the recording; a video keeps its container.
        """
        if self.format != "video":
            return f".{self.format}"
        own = source_suffix.lower()
        return own if own in VIDEO_SUFFIXES else ".mkv"

    def sample_format(self, of_recording: str) -> str:
        """Sample format of a lossless file, or of the samples given to a lossy encoder.

        Args:
            of_recording: The recording's sample format, "s16", "s24" or "f32".
        """
        if not self.lossless:
            return of_recording
        if self.bits is not None:
            return _SAMPLE_FORMATS[self.bits]
        # FLAC has no floats.
        return "s24" if self.format == "flac" and of_recording == "f32" else of_recording

    def bits_per_second(self, channels: int) -> int:
        """Bit rate of a lossy format."""
        least, most, usual = _BITRATES[self.format]
        return 1000 * (self.bitrate or min(max(least, usual * channels), most))

    def _possible_bits(self) -> tuple[str, ...]:
        return {
            "wav": ("16", "24", "32f"),
            "aiff": ("16", "24", "32f"),
            "flac": ("16", "24"),
        }.get(self.format, ())

    def _check_bitrate(self, bitrate: int) -> None:
        if self.format not in _BITRATES:
            raise SoundsiftError(
                f"{self.format} has no bit rate, but {bitrate} was given. Leave it out, or use one "
                f"of {', '.join(_BITRATES)}."
            )
        least, most, _ = _BITRATES[self.format]
        if not least <= bitrate <= most:
            raise SoundsiftError(
                f"{self.format} can't be written at {bitrate} kbit/s. Use {least} to {most}."
            )


def coarser(sample_format: str, than: str) -> bool:
    """Whether a sample format has less resolution than another."""
    return _FINENESS.index(sample_format) < _FINENESS.index(than)


def format_of_suffix(suffix: str) -> FormatName | None:
    """The format that a suffix such as ".mp3" stands for; None if there is none."""
    low = {".aif": ".aiff", ".oga": ".ogg"}.get(suffix.lower(), suffix.lower())
    if low in VIDEO_SUFFIXES:
        return "video"
    return next((name for name in FORMATS if low == f".{name}"), None)
