"""One sentence about a result that should not be trusted. Imports no PyTorch, for the reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ABSENT = "The sound is probably not in the recording."
POOR = "The result is probably poor: mark when the sound is heard, or name it otherwise."


def verdict(judge: Mapping[str, Any]) -> str | None:
    """The warning that belongs to a result's ratings, `judge` in its settings; None for none."""
    if judge.get("absent"):
        return ABSENT
    return POOR if judge.get("poor") else None
