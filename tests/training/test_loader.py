"""Batches that workers make."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

#: Fills a worker's pipe with large batches, writes the worker's number, and is killed.
LIFE = """
import os, signal, sys
import numpy as np
from soundsift.training.loader import batch_loader

class Large:
    def __len__(self):
        return 100
    def __getitem__(self, number):
        return os.getpid(), np.zeros(1 << 20)

worker, _ = next(batch_loader(Large(), 0, 1))
print(worker, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_end_when_training_is_killed() -> None:
    killed = subprocess.run(
        [sys.executable, "-c", LIFE], capture_output=True, text=True, timeout=60, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    worker = int(killed.stdout)
    try:
        for _ in range(150):
            if not _runs(worker):
                break
            time.sleep(0.1)
        assert not _runs(worker)
    finally:
        if _runs(worker):
            os.kill(worker, signal.SIGKILL)


def _runs(process: int) -> bool:
    status = Path(f"/proc/{process}/status")
    return status.exists() and "State:\tZ" not in status.read_text()
