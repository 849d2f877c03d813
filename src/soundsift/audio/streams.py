"""Sound as it flows: blocks of samples, one after the other, of a recording of any length."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import soxr


def cut(samples: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Samples `(channels, samples)` in blocks of so many; views, not copies."""
    for start in range(0, samples.shape[1], size):
        yield samples[:, start : start + size]


def resampled(blocks: Iterator[np.ndarray], from_rate: int, to_rate: int) -> Iterator[np.ndarray]:
    """Change the sample rate of a stream; together the same samples as `resample` gives.

    Args:
        blocks: float32 `(channels, samples)`, of any lengths.
        from_rate: samples per second of the blocks.
        to_rate: samples per second wanted.

    Yields:
        float32 `(channels, samples)`, some of them empty.
    """
    if from_rate == to_rate:
        yield from blocks
        return
    converter: soxr.ResampleStream | None = None
    channels = 1
    for block in blocks:
        if converter is None:
            channels = block.shape[0]
            converter = soxr.ResampleStream(
                from_rate, to_rate, channels, dtype="float32", quality="HQ"
            )
        # soxr works on (samples, channels).
        done = converter.resample_chunk(np.ascontiguousarray(block.T, dtype=np.float32))
        yield np.ascontiguousarray(done.T)
    if converter is not None:
        rest = converter.resample_chunk(np.zeros((0, channels), np.float32), last=True)
        yield np.ascontiguousarray(rest.T)
