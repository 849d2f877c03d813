"""Sample rate conversion of whole recordings."""

import numpy as np
import soxr


def resample(
    samples: np.ndarray, from_rate: int, to_rate: int, *, length: int | None = None
) -> np.ndarray:
    """Resample with soxr's high quality (HQ) linear-phase filter, time-aligned.

    Args:
        samples: (channels, samples), any float type.
        from_rate: samples per second of the input.
        to_rate: samples per second of the result.
        length: samples per channel of the result, to restore a recording's exact length; the
            filter's output is cut or padded with zeros. None: the filter's own, the nearest whole
            number.

    Returns:
        float32, (channels, length).

    Raises:
        ValueError: a rate is not positive.
    """
    if from_rate <= 0 or to_rate <= 0:
        raise ValueError(f"sample rates must be positive, not {from_rate} and {to_rate}")
    result = np.asarray(samples, dtype=np.float32)
    if from_rate != to_rate:
        # soxr works on (samples, channels).
        result = soxr.resample(np.ascontiguousarray(result.T), from_rate, to_rate, quality="HQ").T
    if length is not None and result.shape[1] != length:
        result = result[:, :length]
        result = np.pad(result, ((0, 0), (0, length - result.shape[1])))
    return np.ascontiguousarray(result)
