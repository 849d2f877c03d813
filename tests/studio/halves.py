"""An engine without a model: the target is half of the recording. Workers import it by name."""

import builtins
import errno
import json
import math
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from soundsift.errors import SoundsiftError
from soundsift.studio.engine import ListenTask, Result, Task

#: How it rates its results, if asked to.
RATING = {"overall": 2.5, "recall": 3.0, "precision": 3.5, "faithfulness": 4.0, "poor": False}


class _UnspeakableError(Exception):
    def __str__(self) -> str:
        raise ValueError("a secret")


@dataclass
class Halves:
    """What the text asks for happens on the way:

    - "slow": takes ten seconds, telling how far it is
    - "deaf": takes a minute and tells nothing, nor hears of a cancellation
    - "fail": ends with a sentence
    - "full", "wrapped full": finds the disk full
    - "raise NAME": raises a built-in exception
    - "unspeakable": raises an exception that can't be shown
    - "unpicklable": ends with a result that can't be sent
    - "nan": its level is no number
    - "bug": ends with an exception
    - "crash": kills its process; "crash once" only if `folder` has no note that it did
    """

    folder: Path
    step: float = 0.01

    def prepare(self) -> None:
        pass

    def listen(self, task: ListenTask, report: Callable[[float], None]) -> list[dict[str, object]]:
        from soundsift.audio import read

        if "mute" in task.name:
            raise SoundsiftError(f"{task.source} is silent.")
        for part in range(100):
            report(part / 100)
            time.sleep(0.05 if "long" in task.name else 0)
        span = {"start": 0.0, "end": read(task.source).duration, "probability": 0.9, "sure": True}
        said = {"text": "rain", "kind": "ambience", "confidence": 0.9, "presence": "sure"}
        return [said | {"spans": [span]}]

    def separate(self, task: Task, report: Callable[[float], None]) -> Result:
        from soundsift.audio import read
        from soundsift.separation.occurrences import Finding, Occurrence
        from soundsift.separation.result import Separation

        text = task.request["text"] or ""
        if text.startswith("crash"):
            note = self.folder / "crashed"
            if text == "crash" or not note.exists():
                note.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        if text == "fail":
            raise SoundsiftError(f"{task.source} is not to be separated.")
        if text == "full":
            raise OSError(errno.ENOSPC, "No space left on device", str(task.folder))
        if text == "wrapped full":
            try:
                raise OSError(errno.ENOSPC, "No space left on device", str(task.folder))
            except OSError as error:
                raise SoundsiftError(f"{task.folder} can't be written.") from error
        if text.startswith("raise "):
            raise getattr(builtins, text.removeprefix("raise "))("a secret")
        if text == "unspeakable":
            raise _UnspeakableError
        if text == "unpicklable":
            return Result({"a": lambda: None}, 0.0)
        if text == "bug":
            raise ZeroDivisionError("a secret")
        if text == "deaf":
            time.sleep(60)
        recording = read(task.source, allow_silence=True)
        for part in range(100):
            report(part / 100)
            time.sleep(0.1 if text == "slow" else self.step / 100)
        half = recording.samples / 2
        settings = {"seed": task.request["seed"], "text": text}
        if task.request.get("judge", True):
            settings["judge"] = RATING
        separation = Separation(
            recording.samples,
            half,
            recording.samples - half,
            recording.sample_rate,
            "f32",
            settings,
            finding=Finding((Occurrence(0.2, 0.4, 0.9, True),), 0.9, "sure"),
        )
        paths = separation.save(task.folder, "stem", record={"input": task.name})
        level = math.nan if text == "nan" else separation.target_level_db
        return Result(json.loads(paths["settings"].read_text()), level)
