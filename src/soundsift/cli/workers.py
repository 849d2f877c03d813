"""Options of commands that share much work among many processes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def duration(seconds: float) -> str:
    """A duration in words: "12 s", "3.50 hours"."""
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 3600:.2f} hours"


Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Processes that share the work, by Ray (the extra ray). The results are the same.",
        show_default="1; with --ray, as many as the cluster has GPUs or processors",
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="A Ray cluster for the workers, or auto on a machine of it.",
        show_default="the workers run on this machine",
    ),
]
Metrics = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.prom",
        dir_okay=False,
        help="Write counters in Prometheus's text format at the end.",
    ),
]
