"""The studio's server with an engine that needs no model: it sorts sound by frequency.

Run as `python sieve_server.py DATA_FOLDER [LIMITS]`, the limits as JSON; prints its address once
it answers.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from soundsift.studio.engine import ListenTask, Result, Task

SPLIT_HZ = 1000
#: Prompts that begin with these words take so many seconds.
SLOW = {"slow": 5.0, "slower": 30.0}
#: Where it says to have found the sound of prompts that begin with these words.
FINDS = {
    "found": {
        "found": [
            {"start": 0.5, "end": 1.0, "probability": 0.95, "sure": True},
            {"start": 1.25, "end": 1.5, "probability": 0.9, "sure": True},
            {"start": 2.0, "end": 2.5, "probability": 0.4, "sure": False},
        ],
        "confidence": 0.97,
        "presence": "sure",
    },
    "absent": {"found": [], "confidence": 0.03, "presence": "absent"},
    "offscreen": {
        "found": [],
        "confidence": 0.03,
        "presence": "absent",
        "seen": {
            "names": [["dog barking", 0.83]],
            "name": "dog barking",
            "lost": [[0.04, 0.08]],
            "agreement": "disagrees",
        },
    },
}
_PARTS = {"recall": 3.94, "precision": 2.81, "faithfulness": 3.02}
#: How it rates its results for prompts that begin with these words, if asked to.
RATES = {
    "found": {"overall": 3.14, **_PARTS, "poor": False},
    "poor": {"overall": 1.7, **_PARTS, "poor": True},
}
#: What it says to hear in every recording.
HEARD = ("a low tone", "a high tone")


def sieve(
    samples: np.ndarray,
    sample_rate: int,
    text: str | None,
    spans: Sequence[Sequence[float]],
    not_spans: Sequence[Sequence[float]],
) -> np.ndarray:
    """What lies below ("low") or above ("high") 1 kHz, within the spans and outside the others.

    Args:
        samples: `(samples, channels)`, whole numbers.
        sample_rate: in Hz.
        text: ends with "low" or "high"; else all frequencies are taken.
        spans: pairs of seconds; none means everywhere.
        not_spans: pairs of seconds.

    Returns:
        Whole numbers, so that it and what is left add up without an error.
    """
    spectrum = np.fft.rfft(samples.astype(np.float64), axis=0)
    frequency = np.fft.rfftfreq(len(samples), 1 / sample_rate)
    word = (text or "").rpartition(" ")[2]
    if word in ("low", "high"):
        spectrum[(frequency < SPLIT_HZ) != (word == "low")] = 0
    target = np.fft.irfft(spectrum, len(samples), axis=0)
    seconds = np.arange(len(samples)) / sample_rate
    inside = np.zeros(len(samples), bool) if spans else np.ones(len(samples), bool)
    for start, end in spans:
        inside |= (seconds >= start) & (seconds < end)
    for start, end in not_spans:
        inside &= ~((seconds >= start) & (seconds < end))
    target[~inside] = 0
    return np.round(target).clip(-32768, 32767).astype(np.int16)


def whole_numbers(path: Path) -> tuple[np.ndarray, int]:
    """A file's samples in 16 bits, and their rate; soundfile would not scale floats."""
    samples, sample_rate = soundfile.read(path, always_2d=True)
    return np.round(samples * 32768).clip(-32768, 32767).astype(np.int16), sample_rate


class Sieve:
    """An engine; see `soundsift.studio.engine.Engine`."""

    def prepare(self) -> None:
        """There is nothing to load."""

    def separate(self, task: Task, report: Callable[[float], None]) -> Result:
        asked = task.request
        first = (asked["text"] or "").partition(" ")[0]
        steps = round(SLOW.get(first, 0.0) / 0.2)
        for step in range(steps):
            report(step / steps)
            time.sleep(0.2)
        samples, sample_rate = whole_numbers(task.source)
        target = sieve(samples, sample_rate, asked["text"], asked["spans"], asked["not_spans"])
        residual = (samples.astype(np.int32) - target).clip(-32768, 32767).astype(np.int16)
        task.folder.mkdir(parents=True, exist_ok=True)
        for stem, sound in (("target", target), ("residual", residual)):
            soundfile.write(task.folder / f"stem.{stem}.wav", sound, sample_rate, "PCM_16")
        power = [np.square(x, dtype=np.float64).sum() + 1e-9 for x in (target, samples)]
        level = 10 * float(np.log10(power[0] / power[1]))
        settings = {"engine": "sieve", "seed": asked["seed"], "target_level_db": level}
        settings |= FINDS.get(first, {})
        if asked["judge"] and first in RATES:
            settings["judge"] = RATES[first]
        (task.folder / "stem.json").write_text(json.dumps(settings), encoding="utf-8")
        report(1.0)
        return Result(settings, level)

    def listen(self, task: ListenTask, report: Callable[[float], None]) -> list[dict[str, Any]]:
        report(1.0)
        spans = [{"start": 0.0, "end": 1.0, "probability": 0.9, "sure": True}]
        facts = {"kind": "sound", "confidence": 0.9, "presence": "sure", "spans": spans}
        return [{"text": text} | facts for text in HEARD]


def main() -> None:
    from soundsift.studio.app import make_app
    from soundsift.studio.http_server import address, listen, serve
    from soundsift.studio.limits import Limits
    from soundsift.studio.server import Studio
    from soundsift.studio.settings import Settings

    listener = listen("127.0.0.1", 0)
    limits = Limits(**json.loads(sys.argv[2]) if sys.argv[2:] else {})
    token = sys.argv[3] if sys.argv[3:] else None
    studio = Studio(Settings(Path(sys.argv[1]), limits=limits, token=token), [Sieve()])
    # Interrupted is how it ends.
    with suppress(KeyboardInterrupt):
        serve(
            make_app(studio),
            studio.settings,
            listener,
            lambda: print(address(listener, "127.0.0.1"), flush=True),
        )


if __name__ == "__main__":
    main()
