"""A process that opens files, as the library or the command line does."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
from pathlib import Path
from typing import Any

_WORKER = Path(__file__).parent / "worker.py"
#: Seconds for one file, and megabytes of a process, at most.
MOST_SECONDS, MOST_MEGABYTES = 60.0, 1000


class Worker:
    """A process that opens files; started again after a crash or a hang.

    Args:
        arguments: none for the library; for the command line, the folders of model and results.
    """

    def __init__(self, *arguments: str) -> None:
        self.arguments = arguments
        self.process: subprocess.Popen[str] | None = None

    def open(self, path: Path) -> dict[str, Any]:
        """What came of it: see `worker.py`; its `result` may also be "hung" or "crashed"."""
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [sys.executable, str(_WORKER), *self.arguments],
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
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
