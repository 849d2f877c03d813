"""A recording read from disk: decoded, converted to float32, and refused if it is unusable."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soundsift.audio.decoding import Decoded, decode
from soundsift.errors import SoundsiftError

# The model works in frames of 1/25 s and spans are marked in them. What doesn't fill one frame
# can't be divided into what is heard when, and holds less than two periods of the lowest sounds.
FRAMES_PER_SECOND = 25

# Half a step of 16-bit audio, -96 dB: quieter than the dither of a silent CD.
SILENCE = 2.0**-16

# A sound track that lacks more than this is truncated: small enough to notice a lost word, large
# enough for containers that round lengths to milliseconds or count the encoder's delay.
_MISSING_SECONDS = 0.1
_MISSING_SHARE = 0.1

_FULL_SCALE = {"uint8": 2.0**7, "int16": 2.0**15, "int32": 2.0**31, "int64": 2.0**63}


@dataclass(frozen=True)
class Recording:
    """A piece of sound in memory.

    Attributes:
        samples: float32, (channels, samples), full scale ±1.
        sample_rate: samples per second.
        sample_format: the coarsest of "s16", "s24", "f32" that holds the source without loss. Lossy
            formats decode to floats beyond full scale, so theirs is "f32"; 32-bit integers and
            doubles are rounded to "f32".
        path: the file it was read from, if any.
        layout: FFmpeg's name of the channels' arrangement, "5.1(side)"; None where unknown.
    """

    samples: np.ndarray
    sample_rate: int
    sample_format: str = "f32"
    path: Path | None = None
    layout: str | None = None

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.samples.shape[0])

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[1] / self.sample_rate)


def read(
    path: str | Path, *, max_channels: int | None = None, allow_silence: bool = False
) -> Recording:
    """Read the sound of an audio or video file, in any format that FFmpeg knows.

    WAV, FLAC and other lossless files of 16 and 24 bits and float32 come through exactly, to the
    sample and to the bit. Encoder delay and padding are trimmed as the file states them. Time zero
    is the first sample of the sound track, of the best one if there are several.

    Args:
        path: the file.
        max_channels: refuse files with more channels than this.
        allow_silence: return silent files instead of refusing them, for reading one's own results
            back.

    Returns:
        The recording at the file's own sample rate.

    Raises:
        SoundsiftError: the file is missing, unreadable, empty, a directory, not audio, without a
            sound track, damaged, truncated (over 0.1 s or a tenth missing), shorter than one frame
            of the model (0.04 s), silent (below -96 dB throughout), holds NaN or infinite values,
            or has too many channels.
    """
    path = Path(path)
    _check_file(path)
    decoded = decode(path)
    _check_length(path, decoded)
    samples, sample_format = _to_float(decoded.samples)
    channels, count = samples.shape
    if max_channels is not None and channels > max_channels:
        raise SoundsiftError(
            f"{path} has {channels} channels; at most {max_channels} were expected."
        )
    finite = np.isfinite(samples)
    if not finite.all():
        first = int(np.argmin(finite.all(axis=0)))
        raise SoundsiftError(
            f"{path} holds {int((~finite).sum())} samples that are NaN or infinite, the first at "
            f"{first / decoded.sample_rate:.3f} s; finite numbers were expected."
        )
    if not allow_silence and max(samples.max(), -samples.min()) < SILENCE:
        raise SoundsiftError(
            f"{path} is silent: all of its {count / decoded.sample_rate:.2f} s stay below -96 dB; "
            "a recording with something to hear was expected."
        )
    return Recording(samples, decoded.sample_rate, sample_format, path, decoded.layout)


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise SoundsiftError(f"{path} is a folder; an audio or video file was expected.")
        if not path.exists():
            raise SoundsiftError(f"{path} does not exist; an audio or video file was expected.")
        if not path.is_file():
            raise SoundsiftError(
                f"{path} is a device or a pipe; an audio or video file was expected."
            )
        with path.open("rb") as file:
            if not file.read(1):
                raise SoundsiftError(
                    f"{path} is empty (0 bytes); an audio or video file was expected."
                )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SoundsiftError(
            f"{str(path)!r} can't be read ({reason}); a readable audio or video file was expected."
        ) from error


def _check_length(path: Path, decoded: Decoded) -> None:
    count, rate, promised = decoded.samples.shape[1], decoded.sample_rate, decoded.promised
    if count == 0 and decoded.bad_packets:
        raise SoundsiftError(f"{path} is damaged: none of its sound can be decoded.")
    if promised and promised - count > min(_MISSING_SECONDS * rate, _MISSING_SHARE * promised):
        raise SoundsiftError(
            f"{path} is truncated: its header promises {promised / rate:.2f} s of sound, "
            f"only {count / rate:.2f} s are there."
        )
    # One bad packet is common at the end of a download or a stream, and costs some 20 ms.
    if decoded.bad_packets > max(1, decoded.packets // 100):
        raise SoundsiftError(
            f"{path} is damaged: {decoded.bad_packets} of {decoded.packets} packets can't be "
            "decoded."
        )
    if count == 0:
        raise SoundsiftError(f"{path} holds no samples; at least 0.04 s of sound was expected.")
    if count * FRAMES_PER_SECOND < rate:
        plural = "sample" if count == 1 else "samples"
        raise SoundsiftError(
            f"{path} is too short: {count} {plural} at {rate} Hz; at least 0.04 s "
            f"({-(-rate // FRAMES_PER_SECOND)} samples) was expected."
        )


def _to_float(raw: np.ndarray) -> tuple[np.ndarray, str]:
    """Decoder's numbers as float32 of full scale ±1, and the format that holds them."""
    name = raw.dtype.name
    if name not in _FULL_SCALE:
        return np.ascontiguousarray(raw, dtype=np.float32), "f32"
    if name == "uint8":
        raw = raw.astype(np.int16) - 128
    # 24-bit sources arrive in the upper three bytes of 32, whatever the container.
    exact24 = name == "int32" and not np.any(raw & 0xFF)
    # The scale is a power of two: 16- and 24-bit values stay exact in float32.
    samples = np.ascontiguousarray(raw, dtype=np.float32)
    samples *= np.float32(1 / _FULL_SCALE[name])
    return samples, "s16" if name in ("uint8", "int16") else "s24" if exact24 else "f32"
