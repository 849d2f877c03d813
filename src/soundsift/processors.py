"""The processors that this process may use."""

from __future__ import annotations

import os


def processors() -> int:
    """Number of processors that this process may use: OMP_NUM_THREADS, or those it may run on."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
