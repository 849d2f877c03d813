"""Sound as it flows: blocks of samples, one after the other, of a recording of any length."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import soxr


def cut(samples: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Samples `(channels, samples)` in blocks of so many; views, not copies."""
    for start in range(0, samples.shape[1], size):
        yield samples[:, start : start + size]


class Resampler:
    """Changes the sample rate of sound that comes in blocks; see `resampled`.

    Args:
        from_rate: samples per second of the blocks.
        to_rate: samples per second wanted.
        channels: how many.
    """

    def __init__(self, from_rate: int, to_rate: int, channels: int) -> None:
        self._channels = channels
        self._converter: soxr.ResampleStream | None = None
        if from_rate != to_rate:
            self._converter = soxr.ResampleStream(
                from_rate, to_rate, channels, dtype="float32", quality="HQ"
            )

    def convert(self, block: np.ndarray) -> np.ndarray:
        """What is ready after these samples `(channels, samples)`, float32; it may be empty."""
        if self._converter is None:
            return np.asarray(block, dtype=np.float32)
        # soxr works on (samples, channels).
        done = self._converter.resample_chunk(np.ascontiguousarray(block.T, dtype=np.float32))
        return np.ascontiguousarray(done.T)

    def finish(self) -> np.ndarray:
        """The rest, `(channels, samples)`."""
        nothing = np.zeros((0, self._channels), np.float32)
        if self._converter is None:
            return nothing.T
        return np.ascontiguousarray(self._converter.resample_chunk(nothing, last=True).T)


def resampled(blocks: Iterator[np.ndarray], from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    """Change the sample rate of a stream; together the same samples as `resample` gives.

    Args:
        blocks: float32 `(channels, samples)`, of any lengths.
        from_rate: samples per second of the blocks.
        to_rate: samples per second wanted.

    Yields:
        float32 `(channels, samples)`, some of them empty.
    """
    resampler: Resampler | None = None
    for block in blocks:
        if resampler is None:
            resampler = Resampler(from_rate, to_rate, block.shape[0])
        yield resampler.convert(block)
    if resampler is not None and from_rate != to_rate:
        yield resampler.finish()
