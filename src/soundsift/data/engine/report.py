"""What a run of the data engine gave, and the files that say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundsift.data.engine.journal import write_lines

TRIPLETS, REPORT, RUN = "triplets.jsonl", "report.json", "run.json"


@dataclass(frozen=True)
class EngineReport:
    """What a run gave.

    Attributes:
        counts: recordings, failed ones, excerpts, candidates, and triplets.
        filters: for each filter, who answered, its threshold, how many candidates it was asked
            about and how many passed.
        errors: of the recordings that failed.
        sound_seconds: duration of the excerpts of this call.
        seconds: time of this call.
    """

    counts: dict[str, int]
    filters: dict[str, dict[str, Any]]
    errors: dict[str, str]
    sound_seconds: float = 0.0
    seconds: float = 0.0

    def write(self, out: Path) -> None:
        """Write `report.json` into the folder of the run.

        Raises:
            OSError: it cannot be written.
        """
        facts = {"counts": self.counts, "filters": self.filters, "errors": self.errors}
        write_lines(out / REPORT, [facts])


def count(
    lines: Sequence[Mapping[str, Any]], recordings: int, errors: Mapping[str, str]
) -> dict[str, int]:
    """The counts of a report.

    Args:
        lines: of the journal.
        recordings: number of recordings.
        errors: of those that failed.
    """
    return {
        "recordings": recordings,
        "failed": len(errors),
        "excerpts": len(lines),
        "candidates": sum(len(line["candidates"]) for line in lines),
        "triplets": sum(len(line["triplets"]) for line in lines),
    }


def answered(name: str, asked: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many candidates a filter was asked about, and how many passed.

    Args:
        name: of the filter.
        asked: the candidates, with what they `failed`.
    """
    return {"asked": len(asked), "passed": sum(name not in one["failed"] for one in asked)}
