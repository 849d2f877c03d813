"""Streams of sample blocks: cutting and resampling, for recordings of any length."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import soxr


def cut(samples: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Cut samples `(channels, samples)` into blocks of `size` samples; views, not copies."""
    for start in range(0, samples.shape[1], size):
        yield samples[:, start : start + size]


class Resampler:
    """Streaming sample rate conversion; see `resampled`.

    Args:
        from_rate: samples per second of the blocks.
        to_rate: samples per second of the result.
        channels: number of channels.
    """

    def __init__(self, from_rate: int, to_rate: int, channels: int) -> None:
        self._channels = channels
        self._converter: soxr.ResampleStream | None = None
        if from_rate != to_rate:
            self._converter = soxr.ResampleStream(
                from_rate, to_rate, channels, dtype="float32", quality="HQ"
            )

    def convert(self, block: np.ndarray) -> np.ndarray:
        """Feed samples `(channels, samples)`; return finished ones, float32, possibly none."""
        if self._converter is None:
            return np.asarray(block, dtype=np.float32)
        # soxr works on (samples, channels).
        done = self._converter.resample_chunk(np.ascontiguousarray(block.T, dtype=np.float32))
        return np.ascontiguousarray(done.T)

    def finish(self) -> np.ndarray:
        """Return the remaining samples, `(channels, samples)`."""
        nothing = np.zeros((0, self._channels), np.float32)
        if self._converter is None:
            return nothing.T
        return np.ascontiguousarray(self._converter.resample_chunk(nothing, last=True).T)


def resampled(blocks: Iterator[np.ndarray], from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    """Resample a stream of blocks; equals `resample` of the whole.

    Args:
        blocks: float32 `(channels, samples)`, of any lengths.
        from_rate: samples per second of the blocks.
        to_rate: samples per second of the result.

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
