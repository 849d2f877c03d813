"""Results of two systems, and a test that is made of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

# Tests are imported by file: what stands beside them is found through the path.
sys.path.insert(0, str(Path(__file__).parent))

pytest.importorskip("pyloudnorm", reason="the extra `listening` is not installed")
pytest.importorskip("fastapi", reason="the extra `listening` is not installed")

from soundsift.evaluation.listening_test.design import TestSettings
from soundsift.evaluation.listening_test.folder import TestFolder
from soundsift.evaluation.listening_test.making import make_test

RATE = 16_000
SECONDS = 1.5

Results = Callable[..., list[Path]]


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


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_results(tmp_path_factory.mktemp("results"), {"ours": 0.1, "theirs": 0.7})


@pytest.fixture(scope="session")
def made(results: list[Path], tmp_path_factory: pytest.TempPathFactory) -> TestFolder:
    """A test without the headphone check, of one training item, two gold items and a repeat."""
    out = tmp_path_factory.mktemp("made") / "test"
    settings = TestSettings(
        comparisons=4, training=1, gold=2, repeats=1, headphones="off", least_seconds=0.3
    )
    make_test([(None, path) for path in results], out, settings)
    return TestFolder(out)
