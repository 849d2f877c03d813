"""Open files one after the other, as the library or as the command line does, and report each.

Reads a path per line from standard input, and writes a line of JSON per file: `result` is "taken",
"refused" with the sentence, or "failed" with what went wrong; `megabytes` is the peak so far.
"""

import json
import resource
import sys
import traceback
from pathlib import Path
from typing import Any

from soundsift.errors import SoundsiftError


def read(path: Path) -> tuple[str, str]:
    import numpy as np

    from soundsift.audio import examine

    recording = examine(path, allow_silence=True)
    length = 0
    for block in recording.blocks():
        assert np.isfinite(block).all()
        assert block.shape[0] == recording.channels
        length += block.shape[1]
    assert length == recording.length
    return "taken", ""


def separate(path: Path, model: Path, out: Path) -> tuple[str, str]:
    from typer.testing import CliRunner

    from soundsift.cli import app

    asked = ["separate", str(path), "--text", "dog", "--model", str(model), "--device", "cpu"]
    found = CliRunner().invoke(app, [*asked, "--preset", "draft", "--out", str(out)])
    for file in out.glob("*"):
        file.unlink()
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        return "failed", "".join(traceback.format_exception(found.exception))
    if found.exit_code == 0:
        return "taken", ""
    return "refused" if found.exit_code in (2, 3) else "failed", found.stderr.strip()


def handle(path: Path, more: list[str]) -> tuple[str, str]:
    try:
        return separate(path, Path(more[0]), Path(more[1])) if more else read(path)
    except SoundsiftError as error:
        return "refused", str(error)
    except Exception:
        return "failed", traceback.format_exc()


for line in sys.stdin:
    result, words = handle(Path(line.rstrip("\n")), sys.argv[1:])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report: dict[str, Any] = {"result": result, "words": words, "megabytes": round(peak)}
    print(json.dumps(report), flush=True)
