"""The released SAM Audio checkpoints by our own code, in our own environment (extra `released`).

One candidate unless more are asked for. Candidates are ranked by CLAP, the judge and, with spans,
SpanIoU, and then none of these is reported: the release's own evaluation reports what it ranked by.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from soundsift.evaluation.systems import ours

TITLE = "SAM Audio (released checkpoints, our code)"
REQUIREMENTS = None
REPOSITORY = ""
WEIGHTS = (
    "facebook/sam-audio-small, -base or -large (gated) in the Hub's cache, or a folder given with "
    "--weights sam-audio=DIR; t5-base beside it"
)
PROMPTED = True
CHOICE = "prompt"
SAMPLE_RATE = 48_000
CHANNELS = None


def open_system(settings: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Load a released model: `weights`, by default facebook/sam-audio-small."""
    model = settings.get("weights") or "facebook/sam-audio-small"
    return ours.open_system({**settings, "model": model})


def ranked_by(settings: dict[str, Any]) -> list[str]:
    """What chooses among candidates, if there are several."""
    return ours.ranked_by(settings)
