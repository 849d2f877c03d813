"""Signals that tests separate."""

import numpy as np


def noise(channels: int, samples: int, seed: int = 0) -> np.ndarray:
    """White noise of RMS 0.1, float32 `(channels, samples)`."""
    draw = np.random.default_rng(seed).standard_normal((channels, samples))
    return (0.1 * draw).astype(np.float32)
