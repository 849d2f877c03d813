"""Sentences about a result, and whether to trust it. Imports no PyTorch, for the reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soundsift.spans import format_seconds

POOR = "The result is probably poor: mark when the sound is heard, or name it otherwise."


def absent_in_words(confidence: float) -> str:
    """What is said of a sound that was not heard."""
    return f"Probably not in this recording (confidence {confidence:.2f})."


def seen_in_words(seen: Mapping[str, Any]) -> list[str]:
    """Sentences about the object in the video: what it is taken for, and whether it fits the sound.

    Args:
        seen: `seen` of the settings.
    """
    sentences = []
    if seen["names"] and seen["name"] is not None:
        share = dict(seen["names"])[seen["name"]]
        sentences.append(f"Taken for {seen['name']!r} ({share:.2f}).")
    if seen["lost"]:
        times = ", ".join(f"{format_seconds(s)}-{format_seconds(e)}" for s, e in seen["lost"])
        sentences.append(f"The object was lost at {times} s.")
    if seen["agreement"] == "agrees":
        sentences.append("It moves when the sound is heard.")
    elif seen["agreement"] == "disagrees":
        sentences.append(
            "Warning: the sound does not fit what the object does; it may come from something else."
        )
    return sentences
