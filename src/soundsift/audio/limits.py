"""What is accepted of a recording, by the library, the command line and the studio alike."""

from dataclasses import dataclass

from soundsift.errors import SoundsiftError


class TooLargeError(SoundsiftError):
    """A recording that is longer, or takes more memory, than its limits allow."""


@dataclass(frozen=True)
class RecordingLimits:
    """Limits of a recording, checked while it is decoded.

    Attributes:
        least_rate: samples per second at least.
        most_rate: samples per second at most.
        channels: channels at most.
        seconds: longest duration.
        bytes: size of the decoded sound, as float32, at most. A small file may decode to very much.
    """

    least_rate: int = 1000
    most_rate: int = 768_000
    channels: int = 64
    seconds: float = 48 * 3600
    bytes: int = 1 << 40

    def check_kind(self, name: object, rate: int, channels: int) -> None:
        """Check a recording whose header is read.

        Args:
            name: of the recording, for messages.
            rate: samples per second.
            channels: number of channels.

        Raises:
            SoundsiftError: sample rate or channels are out of bounds.
        """
        if not self.least_rate <= rate <= self.most_rate:
            raise SoundsiftError(
                f"{name} has a sample rate of {rate} Hz. Use {self.least_rate} to "
                f"{self.most_rate} Hz."
            )
        if channels > self.channels:
            raise SoundsiftError(f"{name} has {channels} channels. Use at most {self.channels}.")

    def check_size(self, name: object, rate: int, channels: int, count: int) -> None:
        """Check a recording as far as it is decoded.

        Args:
            name: of the recording, for messages.
            rate: samples per second.
            channels: number of channels.
            count: samples per channel so far.

        Raises:
            TooLargeError: it is too long or too large.
        """
        if count > self.seconds * rate:
            raise TooLargeError(
                f"{name} is too long. Use at most {duration_in_words(self.seconds)}; split longer "
                "recordings."
            )
        if 4 * count * channels > self.bytes:
            raise TooLargeError(
                f"{name} is too large. Use at most {self.bytes >> 20} MiB of decoded sound."
            )


def duration_in_words(seconds: float) -> str:
    """A duration in words: "48 hours", "90 minutes", "2.5 s"."""
    if seconds >= 3 * 3600:
        return f"{seconds / 3600:.4g} hours"
    return f"{seconds / 60:.4g} minutes" if seconds >= 60 else f"{seconds:.4g} s"
