"""Thousands of damaged files through reading and through the command line.

Uploads have theirs in tests/studio/test_damage.py. No file may crash or hang the process, cost a
gigabyte, or end in anything but a result or one sentence.
"""

import json
import selectors
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.tiny_model import write_tiny_model

sys.path.insert(0, str(Path(__file__).parents[1] / "studio"))
from damage import damaged, media

pytestmark = [pytest.mark.slow, pytest.mark.hostile]

WORKER = Path(__file__).parent / "worker.py"
#: Seconds for one file, and megabytes of a process, at most.
MOST_SECONDS, MOST_MEGABYTES = 60.0, 1000


class Worker:
    """A process that opens files; started again after a crash or a hang."""

    def __init__(self, *arguments: str) -> None:
        self.arguments = arguments
        self.process: subprocess.Popen[str] | None = None

    def open(self, path: Path) -> dict[str, Any]:
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [sys.executable, str(WORKER), *self.arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        process = self.process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            # The first answer comes after the imports.
            if not selector.select(MOST_SECONDS):
                self.close()
                return {"result": "hung"}
        line = process.stdout.readline()
        if not line:
            return {"result": "crashed", "words": f"signal {-process.wait()}"}
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def open_many(worker: Worker, folder: Path, seed: int, count: int) -> None:
    whole = media(folder)
    results: Counter[str] = Counter()
    wrong, peak = [], 0
    try:
        for number, (what, name, data) in enumerate(damaged(whole, seed, count)):
            path = folder / f"{number}-{name}"
            path.write_bytes(data)
            found = worker.open(path)
            path.unlink()
            peak = max(peak, found.get("megabytes", 0))
            words = found.get("words", "")
            # Of several problems the command prints a line each.
            sentence = found["result"] != "refused" or ("Traceback" not in words and words)
            if found["result"] not in ("taken", "refused") or not sentence:
                wrong.append((what, found["result"], words[-600:]))
            results[found["result"]] += 1
    finally:
        worker.close()
    print(f"{count} files: {dict(results)}; {peak} MB")
    assert not wrong
    assert peak < MOST_MEGABYTES
    assert results["taken"] > count / 20, "the files are damaged beyond all reading"
    assert results["refused"] > count / 20, "the files are hardly damaged"


@pytest.mark.parametrize("seed", range(4))
def test_reading(tmp_path: Path, seed: int) -> None:
    open_many(Worker(), tmp_path, 100 + seed, 500)


@pytest.mark.parametrize("seed", range(2))
def test_the_command_line(tmp_path: Path, seed: int) -> None:
    model, out = write_tiny_model(tmp_path / "model"), tmp_path / "out"
    (tmp_path / "files").mkdir()
    open_many(Worker(str(model), str(out)), tmp_path / "files", 200 + seed, 500)
