"""How much memory and time long recordings take, from file to files.

    python benchmarks/long.py 10 60 --folder /tmp/long

Makes stereo WAV files of noise and tones, 16 bits at 44.1 kHz, so many minutes long, runs
`soundsift separate` on each in a process of its own, and prints a line of JSON for each: the
process's highest memory, its seconds, and its real-time factor, starting Python included.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
import wave
from pathlib import Path

import numpy as np

RATE = 44_100


def main() -> None:
    """Measure every length that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("minutes", nargs="+", type=float)
    parser.add_argument("--folder", type=Path, default=Path("long"))
    parser.add_argument("--model", default="default")
    parser.add_argument("--keep", action="store_true", help="keep recordings and results")
    parser.add_argument("--text", default="tone", help='what to ask for; "" for nothing')
    parser.add_argument("--option", action="append", default=[], help="passed on, as --picture")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for minutes in given.minutes:
        path = given.folder / f"{minutes:g}.wav"
        if not path.exists():
            make(path, minutes)
        out = given.folder / "out"
        options = ["--model", given.model, "--out", str(out), "--overwrite"]
        options += ["--text", given.text] if given.text else []
        print(json.dumps({"minutes": minutes} | measure(path, [*options, *given.option])))
        if not given.keep:
            path.unlink()
            shutil.rmtree(out)


def make(path: Path, minutes: float) -> None:
    """Write a recording: steady noise, and a tone that comes and goes."""
    rng = np.random.default_rng(0)
    total, block = round(minutes * 60 * RATE), 10 * RATE
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for start in range(0, total, block):
            at = np.arange(start, min(start + block, total)) / RATE
            tone = 0.2 * np.sin(2 * np.pi * 440 * at) * (np.sin(at) > 0)
            sound = 0.05 * rng.standard_normal((len(at), 2)) + tone[:, None]
            file.writeframes((sound * 32_000).clip(-32_768, 32_767).astype("<i2").tobytes())


def measure(path: Path, options: list[str]) -> dict[str, float]:
    """Run the command on a file.

    Args:
        path: the recording.
        options: of the command.

    Returns:
        `peak_memory_mb`, `seconds` and `real_time_factor`.
    """
    command = [sys.executable, "-m", "soundsift.cli", "separate", str(path), *options]
    begun = time.perf_counter()
    process = os.posix_spawn(sys.executable, command, os.environ)
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - begun
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    with wave.open(str(path)) as file:
        length = file.getnframes() / file.getframerate()
    # Kilobytes on Linux, bytes on macOS.
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return {
        "peak_memory_mb": round(usage.ru_maxrss / scale, 1),
        "seconds": round(seconds, 2),
        "real_time_factor": round(seconds / length, 4),
    }


if __name__ == "__main__":
    main()
