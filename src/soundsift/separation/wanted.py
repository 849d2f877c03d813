"""What is wanted of a recording, as the network gets to know it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from soundsift.prompts import Prompt


@dataclass(frozen=True)
class Reference:
    """A marked moment that tells windows without a mark what is wanted of them.

    Attributes:
        start: its first frame in the recording.
        context: `(rows, frames, context_channels)`, of the moment and a little around it.
        anchors: `(frames,)`, int64: what is marked of it.
        phrases: what goes along with it as text, None for nothing; windows are asked with each, and
            their answers averaged.
    """

    start: int
    context: Tensor
    anchors: Tensor
    phrases: tuple[str | None, ...] = (None,)

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
