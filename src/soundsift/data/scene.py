"""A scene, and a query about it.

Shapes: K sources, N samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from soundsift.config import SAMPLE_RATE
from soundsift.data.bank import Clip, Samples
from soundsift.data.drawn import DrawnScene, DrawnSource
from soundsift.data.spans import frame_power, spans_of_power
from soundsift.spans import Span


@dataclass(frozen=True)
class Source:
    """A sound in a scene.

    Attributes:
        clip: the clip that it begins with.
        wave: how it is heard `(N,)`.
        named: whether a query may ask for it; not so for synthetic noise.
    """

    clip: Clip
    wave: Samples
    named: bool = True


@dataclass(frozen=True)
class Scene:
    """Sources and their sum."""

    sources: tuple[Source, ...]

    @property
    def stems(self) -> Samples:
        """Waves of the sources `(K, N)`; they add up to the mixture."""
        return np.stack([source.wave for source in self.sources])

    @property
    def named(self) -> list[int]:
        """Indices of the sources that a query may ask for."""
        return [i for i, source in enumerate(self.sources) if source.named]

    @property
    def samples(self) -> int:
        """N."""
        return len(self.sources[0].wave)

    def power(self, targets: Sequence[int]) -> Samples:
        """Mean square of every frame of 20 ms of the sum of some sources."""
        return frame_power(self.stems[list(targets)].sum(axis=0), SAMPLE_RATE)


class Described(Protocol):
    """A source as a query sees it."""

    @property
    def clip(self) -> Clip:
        """The clip that it begins with."""


class MeasuredScene(Protocol):
    """A scene as a query sees it: what sounds, and how strongly when."""

    @property
    def sources(self) -> Sequence[Described]:
        """Its sources."""

    @property
    def named(self) -> list[int]:
        """Indices of the sources that a query may ask for."""

    @property
    def samples(self) -> int:
        """N."""

    def power(self, targets: Sequence[int]) -> Samples:
        """Mean square of every frame of 20 ms of the sum of some sources."""


@dataclass(frozen=True)
class DrawnPower:
    """A drawn scene whose sound was measured where it was rendered.

    Attributes:
        drawn: the scene.
        products: mean products of every two sources per frame
            (`soundsift.data.rendering.frame_powers`).
    """

    drawn: DrawnScene
    products: Samples

    @property
    def sources(self) -> Sequence[DrawnSource]:
        """See `MeasuredScene`."""
        return self.drawn.sources

    @property
    def named(self) -> list[int]:
        """See `MeasuredScene`."""
        return self.drawn.named

    @property
    def samples(self) -> int:
        """See `MeasuredScene`."""
        return self.drawn.samples

    def power(self, targets: Sequence[int]) -> Samples:
        """See `MeasuredScene`."""
        chosen = list(targets)
        total: Samples = self.products[:, chosen][:, :, chosen].sum(axis=(1, 2))
        return total


def heard_in(scene: MeasuredScene, targets: Sequence[int]) -> list[tuple[float, float]]:
    """When the sum of some sources is heard (`soundsift.data.spans.active_spans`)."""
    return spans_of_power(scene.power(targets), scene.samples / SAMPLE_RATE)


@dataclass(frozen=True)
class Query:
    """A prompt about a scene, and which sources answer it.

    Attributes:
        text: the phrase, or None.
        spans: where the target is (or is not) heard; may be empty.
        targets: indices of the sources that answer it; empty if the sound is absent.
        example: whether the spans are an example, and the target may be heard elsewhere too.
        parts: (start, end) in latent frames of the parts of the scene that the query sees; of two
            parts the first is an example and only the second is to be answered. Empty: the whole
            scene.
    """

    text: str | None
    spans: tuple[Span, ...]
    targets: tuple[int, ...]
    example: bool = False
    parts: tuple[tuple[int, int], ...] = ()

    def target(self, stems: Samples) -> Samples:
        """The target `(N,)`; silence if the sound is absent."""
        if not self.targets:
            return np.zeros_like(stems[0])
        wanted: Samples = stems[list(self.targets)].sum(axis=0)
        return wanted
