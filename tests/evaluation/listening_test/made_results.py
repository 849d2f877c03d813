"""Results of systems, as files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
SECONDS = 1.5


def tone(hz: float, gain: float = 0.2) -> np.ndarray:
    return gain * np.sin(2 * np.pi * hz * np.arange(round(RATE * SECONDS)) / RATE)


def write_results(folder: Path, systems: dict[str, float], items: int = 4) -> list[Path]:
    """Results of systems whose outputs are the target with so much of the other sound left."""
    files = []
    for system, rest in systems.items():
        place = folder / system
        place.mkdir(parents=True)
        lines = []
        for number in range(items):
            target, other = tone(440 + 50 * number), tone(1300 + 90 * number)
            sounds = {"mixture": target + other, "target": 0.3 * (target + rest * other)}
            for name, sound in sounds.items():
                soundfile.write(place / f"{number}-{name}.wav", sound, RATE, "PCM_24")
            row = {
                "id": f"item {number}",
                "mixture": f"{number}-mixture.wav",
                "prompt": f"low tone {number}",
                "target": f"{number}-target.wav",
                "system": system,
                "scores": {"si_sdr": -20 * np.log10(rest + 1e-3) + number, "judge": None},
                "seconds": SECONDS,
            }
            lines.append(json.dumps(row) + "\n")
        (place / "results.jsonl").write_text("".join(lines))
        files.append(place / "results.jsonl")
    return files
