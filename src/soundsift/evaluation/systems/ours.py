"""soundsift itself: the default model, or any that `--model` takes; in our own environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TITLE = "soundsift"
REQUIREMENTS = None
REPOSITORY = ""
WEIGHTS = "come with the package"
PROMPTED = True
CHOICE = "prompt"
SAMPLE_RATE = None
CHANNELS = None


def open_system(settings: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Load a model.

    Args:
        settings: `model` and `adapter`, as for `soundsift.load`, `preset`, and `candidates` of
            released models.
    """
    import soundsift
    from soundsift.spans import Span

    separator = soundsift.load(settings.get("model", "default"), adapter=settings.get("adapter"))
    options = {
        "preset": settings.get("preset", "standard"),
        "candidates": settings.get("candidates", 1),
    }

    def separate(mixture: Any, sample_rate: int, request: dict[str, Any]) -> dict[str, Any]:
        spans = [Span(*span) for span in request["spans"]]
        result = separator.separate(
            mixture, sample_rate=sample_rate, text=request["text"], spans=spans, **options
        )
        return {"target": result.target, "residual": result.residual}

    return separate


def ranked_by(settings: dict[str, Any]) -> list[str]:
    """What chooses among candidates, if there are several."""
    return ["clap", "judge", "span"] if settings.get("candidates", 1) > 1 else []
