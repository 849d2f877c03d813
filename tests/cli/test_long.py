"""Memory does not grow with the recording."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 16_000


def peak(model: Path, folder: Path, seconds: int) -> int:
    """Highest memory of a process that separates a recording of this length, in system units."""
    path = folder / f"{seconds}.wav"
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE, 2, subtype="PCM_16") as file:
        for _ in range(seconds // 10):
            file.write(0.1 * rng.standard_normal((10 * RATE, 2)))
    command = [sys.executable, "-m", "soundsift.cli", "separate", str(path), "--text", "hiss"]
    command += ["--model", str(model), "--out", str(folder / "out")]
    process = os.posix_spawn(sys.executable, command, {**os.environ, "OMP_NUM_THREADS": "1"})
    _, status, usage = os.wait4(process, 0)
    assert status == 0
    return usage.ru_maxrss


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "wait4"), reason="no wait4")
def test_ten_minutes_take_the_memory_of_two(model, tmp_path):
    short, long = (peak(model, tmp_path, seconds) for seconds in (120, 600))
    assert long < 1.1 * short
