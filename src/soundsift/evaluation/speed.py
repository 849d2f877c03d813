"""How long a first result takes and how much memory, in a process that does nothing else."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from soundsift.config import SAMPLE_RATE
from soundsift.errors import SoundsiftError

SECONDS = 10.0
_REPEATS = 5


def measure_speed(model: str | Path, preset: str, adapter: Path | None = None) -> dict[str, Any]:
    """Run this module as a program of its own, and time it from outside.

    Args:
        model: as for `soundsift.load`.
        preset: draft, standard or best.
        adapter: as for `soundsift.load`.

    Returns:
        `first_result_seconds` (from starting Python to the first result), `load_seconds`,
        `first_separation_seconds`, `real_time_factor` (median of several), `peak_memory_mb`, and
        what the machine was: `threads`, `processors`, `load_average` just before (other work on the
        machine makes the times longer).

    Raises:
        SoundsiftError: if the process fails.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    begun = time.time()
    command = [sys.executable, "-m", "soundsift.evaluation.speed", str(model), preset]
    if adapter is not None:
        command.append(str(adapter))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SoundsiftError(f"the speed measurement of model {str(model)!r} failed: {reason}")
    measured: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    measured["first_result_seconds"] = round(measured.pop("first_result_at") - begun, 3)
    return measured | {"processors": os.cpu_count(), "load_average": load}


def _measure(model: str, preset: str, adapter: str | None = None) -> dict[str, Any]:
    # Loading the libraries is part of what the user waits for.
    start = time.perf_counter()
    import numpy as np

    import soundsift

    separator = soundsift.load(model, adapter=adapter)
    loaded = time.perf_counter()
    rng = np.random.default_rng(0)
    mixture = 0.1 * rng.standard_normal((1, round(SECONDS * SAMPLE_RATE)), dtype=np.float32)
    times = []
    first_result_at = 0.0
    memory = 0.0
    for _ in range(_REPEATS):
        begun = time.perf_counter()
        separator.separate(mixture, sample_rate=SAMPLE_RATE, text="dog barking", preset=preset)
        times.append(time.perf_counter() - begun)
        if not first_result_at:
            first_result_at = time.time()
            memory = _peak_memory_mb()

    import torch

    return {
        "first_result_at": first_result_at,
        "load_seconds": round(loaded - start, 3),
        "first_separation_seconds": round(times[0], 3),
        # The first run warms caches up; it counts in `first_result_seconds`.
        "real_time_factor": round(statistics.median(times[1:]) / SECONDS, 4),
        "peak_memory_mb": round(memory, 1),
        "threads": torch.get_num_threads(),
    }


def _peak_memory_mb() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        # On Linux getrusage also counts what the process that started this one held.
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) / 2**10 for line in lines if line.startswith("VmHWM"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, kilobytes elsewhere.
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


if __name__ == "__main__":
    print(json.dumps(_measure(*sys.argv[1:])))
