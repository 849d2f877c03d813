"""What is wanted of a recording, as the network gets to know it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from soundsift.models.inference import InferenceField
from soundsift.prompts import Prompt


@dataclass(frozen=True)
class Way:
    """One of the ways in which a window without a mark is asked for what is marked elsewhere.

    Attributes:
        phrase: its text, or None.
        share: how much of the answer it is; those of all ways add up to 1.
        example: whether the marked moment goes along.
    """

    phrase: str | None
    share: float = 1.0
    example: bool = True


@dataclass(frozen=True)
class Reference:
    """A marked moment that tells windows without a mark what is wanted of them.

    Attributes:
        start: its first frame in the recording.
        context: `(rows, frames, context_channels)`, of the moment and a little around it.
        anchors: `(frames,)`, int64: what is marked of it.
        ways: in which windows are asked; their answers are averaged.
        field: is asked instead of the model's own, as it has practised on this recording
            (`soundsift.separation.adaptation`).
    """

    start: int
    context: Tensor
    anchors: Tensor
    ways: tuple[Way, ...]
    field: InferenceField | None = None

    @property
    def length(self) -> int:
        """Its frames."""
        return len(self.anchors)


@dataclass(frozen=True)
class Wanted:
    """A prompt as the network gets to know it.

    Attributes:
        prompt: text and spans.
        video: `(latent frames, video_dim)`, what is seen of the object; None: nothing.
        reference: goes in front of the windows that no positive span touches
            (`soundsift.separation.references`).
    """

    prompt: Prompt
    video: Tensor | None = None
    reference: Reference | None = None
