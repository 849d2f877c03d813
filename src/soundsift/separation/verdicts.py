"""One sentence about a result that should not be trusted. Imports no PyTorch, for the reports."""

POOR = "The result is probably poor: mark when the sound is heard, or name it otherwise."


def absent_in_words(confidence: float) -> str:
    """What is said of a sound that was not heard."""
    return f"Probably not in this recording (confidence {confidence:.2f})."
