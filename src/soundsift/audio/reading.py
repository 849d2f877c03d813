"""Reading of recordings: decode, convert to float32, refuse unusable files.

`read` loads a whole recording. `examine` checks a file without keeping it, for reading it in blocks
afterwards.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from soundsift.audio.blocks import cut
from soundsift.audio.decoding import Decoding
from soundsift.audio.limits import RecordingLimits
from soundsift.audio.normalisation import LOUDEST, SILENCE, Normalisation
from soundsift.config import FRAME_RATE
from soundsift.errors import SoundsiftError

# A sound track that lacks more than this is truncated: small enough to notice a lost word, large
# enough for containers that round lengths to milliseconds or count the encoder's delay.
_MISSING_SECONDS = 0.1
_MISSING_SHARE = 0.1

_FULL_SCALE = {"uint8": 2.0**7, "int16": 2.0**15, "int32": 2.0**31, "int64": 2.0**63}


@dataclass(frozen=True)
class Recording:
    """Sound in memory.

    Attributes:
        samples: float32, (channels, samples), full scale ±1.
        sample_rate: samples per second.
        sample_format: coarsest of "s16", "s24", "f32" that holds the source without loss. Lossy
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
    def length(self) -> int:
        """Samples per channel."""
        return int(self.samples.shape[1])

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.length / self.sample_rate

    @cached_property
    def normalisation(self) -> Normalisation:
        """Offset and gain for the input of a model."""
        return Normalisation.of_samples(self.samples)

    def blocks(self) -> Generator[np.ndarray, None, None]:
        """The samples in blocks of a second, `(channels, samples)`."""
        yield from cut(self.samples, self.sample_rate)


@dataclass(frozen=True)
class RecordingFile:
    """A usable recording that stays on disk; returned by `examine`.

    Attributes:
        path: the file.
        sample_rate: samples per second.
        channels: number of channels.
        length: samples per channel.
        sample_format: see `Recording`.
        layout: FFmpeg's name of the channels' arrangement, "5.1(side)"; None where unknown.
        normalisation: offset and gain for the input of a model.
        track: which of the file's sound tracks, from 1; None for the best.
    """

    path: Path
    sample_rate: int
    channels: int
    length: int
    sample_format: str
    layout: str | None = None
    normalisation: Normalisation = field(default_factory=Normalisation)
    track: int | None = None

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.length / self.sample_rate

    def blocks(self) -> Generator[np.ndarray, None, None]:
        """Samples in blocks of about a second, float32 `(channels, samples)`, equal to `read`'s.

        Raises:
            SoundsiftError: the file has changed since it was examined.
        """
        changed = SoundsiftError(
            f"{self.path} has changed while it was being read. Run again once no program writes it."
        )
        reading = _Reading(self.path, allow_silence=True, track=self.track)
        count = 0
        for block in reading:
            count += block.shape[1]
            if reading.broken or block.shape[0] != self.channels or count > self.length:
                raise changed
            yield block
        if count != self.length or reading.decoding.sample_rate != self.sample_rate:
            raise changed


def read(
    path: str | Path,
    *,
    limits: RecordingLimits | None = None,
    allow_silence: bool = False,
    track: int | None = None,
) -> Recording:
    """Read the sound of an audio or video file, in any format that FFmpeg knows.

    WAV, FLAC and other lossless files of 16 and 24 bits and float32 come through exactly, to the
    sample and to the bit. Encoder delay and padding are trimmed as the file states them. Of several
    sound tracks, the best one is read. Sample 0 is at time 0 of the recording clock: the beginning
    of sound or picture, whichever is earlier (`soundsift.audio.timeline`).

    Args:
        path: the file.
        limits: what is accepted; those of `RecordingLimits` by default.
        allow_silence: return silent files instead of refusing them, for reading one's own results
            back.
        track: which of several sound tracks, from 1; None for the best.

    Returns:
        The recording at the file's own sample rate.

    Raises:
        SoundsiftError: the file is missing, unreadable, empty, a directory, not audio, without a
            sound track, damaged, truncated (over 0.1 s or a tenth missing), shorter than one frame
            of the model (0.04 s), too long or too large, silent (below -96 dB throughout but for a
            constant offset), holds NaN, infinite or absurdly large values, or has a sample rate or
            a number of channels out of bounds.
    """
    reading = _Reading(Path(path), limits, allow_silence, track)
    samples = np.concatenate(list(reading), axis=1)
    decoding = reading.decoding
    return Recording(
        samples, decoding.sample_rate, reading.sample_format, decoding.path, decoding.layout
    )


def examine(
    path: str | Path,
    *,
    limits: RecordingLimits | None = None,
    allow_silence: bool = False,
    track: int | None = None,
) -> RecordingFile:
    """Check a recording by reading through it once, without keeping samples.

    Args:
        path: the file.
        limits: see `read`.
        allow_silence: see `read`.
        track: see `read`.

    Raises:
        SoundsiftError: see `read`.
    """
    reading = _Reading(Path(path), limits, allow_silence, track)
    for _ in reading:
        pass
    decoding = reading.decoding
    return RecordingFile(
        decoding.path,
        decoding.sample_rate,
        reading.channels,
        decoding.count,
        reading.sample_format,
        decoding.layout,
        reading.normalisation,
        track,
    )


class _Reading:
    """One pass through a recording. Errors that concern the whole of it are raised at the end.

    Attributes:
        decoding: the decoder and its state.
        channels: number of channels, from the first block on.
        broken: number of NaN and infinite samples so far.
        sample_format: format that holds all samples so far.
    """

    def __init__(
        self,
        path: Path,
        limits: RecordingLimits | None = None,
        allow_silence: bool = False,
        track: int | None = None,
    ) -> None:
        self.decoding = Decoding(path, limits, track)
        self.channels = 0
        self.broken = 0
        self._allow_silence = allow_silence
        self._type, self._types, self._low_bits = "float32", set[str](), False
        self._first_broken = 0
        self._count = 0
        self._sum = self._lowest = self._highest = np.zeros(0)

    def __iter__(self) -> Iterator[np.ndarray]:
        path, decoding = self.decoding.path, self.decoding
        _check_file(path)
        done = 0
        for raw in decoding:
            self._type, self.channels = raw.dtype.name, raw.shape[0]
            self._types.add(self._type)
            block = self._to_float(raw)
            self._judge(block, done)
            done += block.shape[1]
            yield block
        _check_length(decoding)
        if self.broken:
            raise SoundsiftError(
                f"{path} holds {self.broken} samples that are NaN or infinite, the first at "
                f"{self._first_broken / decoding.sample_rate:.3f} s. Use finite numbers."
            )
        peak = float(max(-self._lowest.min(), self._highest.max()))
        if peak > LOUDEST:
            raise SoundsiftError(
                f"{path} holds samples as large as {peak:.0e}, where full scale is 1; the file is "
                "damaged or no sound. Samples up to 4e9 are expected."
            )
        if not self._allow_silence and float((self._highest - self._lowest).max()) < 2 * SILENCE:
            offset = "" if peak < SILENCE else ", but for a constant offset,"
            raise SoundsiftError(
                f"{path} is silent: all of its {done / decoding.sample_rate:.2f} s{offset} stay "
                "below -96 dB. Use a recording with something to hear."
            )

    @property
    def normalisation(self) -> Normalisation:
        return Normalisation.of_statistics(self._sum, self._count, self._lowest, self._highest)

    @property
    def sample_format(self) -> str:
        if self._types <= {"uint8", "int16"}:
            return "s16"
        # 24-bit sources arrive in the upper three bytes of 32, whatever the container.
        integers = self._types <= {"uint8", "int16", "int32"}
        return "s24" if integers and not self._low_bits else "f32"

    def _to_float(self, raw: np.ndarray) -> np.ndarray:
        """Convert decoded numbers to float32, full scale ±1."""
        name = self._type
        if name not in _FULL_SCALE:
            # Doubles beyond float32 become infinite, which is refused.
            with np.errstate(over="ignore"):
                return np.ascontiguousarray(raw, dtype=np.float32)
        if name == "uint8":
            raw = raw.astype(np.int16) - 128
        elif name == "int32":
            self._low_bits = self._low_bits or bool(np.any(raw & 0xFF))
        # The scale is a power of two: 16- and 24-bit values stay exact in float32.
        samples = np.ascontiguousarray(raw, dtype=np.float32)
        samples *= np.float32(1 / _FULL_SCALE[name])
        return samples

    def _judge(self, block: np.ndarray, start: int) -> None:
        if not block.size:
            return
        lowest, highest = block.min(axis=1), block.max(axis=1)
        # NaN and infinity are among the extremes.
        if not (np.isfinite(lowest).all() and np.isfinite(highest).all()):
            finite = np.isfinite(block)
            if not self.broken:
                self._first_broken = start + int(np.argmin(finite.all(axis=0)))
            self.broken += int((~finite).sum())
            return
        total = block.sum(axis=1, dtype=np.float64)
        if not self._count:
            self._sum, self._lowest, self._highest = total, lowest, highest
        else:
            self._sum = self._sum + total
            self._lowest = np.minimum(self._lowest, lowest)
            self._highest = np.maximum(self._highest, highest)
        self._count += block.shape[1]


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise SoundsiftError(f"{path} is a folder. Use an audio or video file.")
        if not path.exists():
            raise SoundsiftError(f"{path} does not exist. Check the path.")
        if not path.is_file():
            raise SoundsiftError(f"{path} is a device or a pipe. Use an audio or video file.")
        with path.open("rb") as file:
            if not file.read(1):
                raise SoundsiftError(f"{path} is empty (0 bytes). Use an audio or video file.")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SoundsiftError(
            f"{str(path)!r} can't be read ({reason}). Use a readable audio or video file."
        ) from error


def _check_length(decoded: Decoding) -> None:
    path, count = decoded.path, decoded.count
    rate, promised = decoded.sample_rate, decoded.promised
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
        raise SoundsiftError(f"{path} holds no samples. Use at least 0.04 s of sound.")
    # What doesn't fill one frame can't be divided into what sounds when, and holds less than two
    # periods of the lowest sounds.
    if count * FRAME_RATE < rate:
        plural = "sample" if count == 1 else "samples"
        raise SoundsiftError(
            f"{path} is too short: {count} {plural} at {rate} Hz. Use at least 0.04 s "
            f"({-(-rate // FRAME_RATE)} samples)."
        )
