"""What is drawn of a scene before any of its sound is computed.

A number and a seed decide it, on every machine; `soundsift.data.rendering` makes sound of it.

Shapes: K sources, N samples at 48 kHz.
"""

from __future__ import annotations

from dataclasses import dataclass

from soundsift.data.bank import Clip
from soundsift.data.effects import Damage, Filters, Noise


@dataclass(frozen=True)
class Stretch:
    """A part of a clip, played at some speed.

    Attributes:
        clip: the clip.
        start, length: the part, in samples of the clip.
        speed: how much faster it is played; its pitch rises with it.
    """

    clip: Clip
    start: int
    length: int
    speed: float

    @property
    def samples(self) -> int:
        """Length as played."""
        return max(1, int(self.length / self.speed + 0.5))


@dataclass(frozen=True)
class Piece:
    """Some of a stretch in its place in a source.

    Attributes:
        stretch: the stretch.
        at: where in the source it begins.
        skip, samples: which part of the stretch as played.
    """

    stretch: Stretch
    at: int
    skip: int
    samples: int


@dataclass(frozen=True)
class Edge:
    """A straight rise from 0 to 1, or the fall from 1 to 0, in samples from `at` on."""

    at: float
    samples: float
    rises: bool


@dataclass(frozen=True)
class DrawnSource:
    """A source of a scene.

    Attributes:
        clip: the clip that it begins with.
        level_db: of its active part, in dB full scale.
        pieces: clips in time, none over another.
        noise: the synthetic noise that it is, instead of clips.
        edge: where it begins or ends within a long clip.
        filters, damage: effects, in this order.
        slow_gain: its changes of level in dB, at equal distances from beginning to end.
        transient: where it begins or ends, at its final level.
        named: whether a query may ask for it; not so for synthetic noise.
    """

    clip: Clip
    level_db: float
    pieces: tuple[Piece, ...] = ()
    noise: Noise | None = None
    edge: Edge | None = None
    filters: Filters | None = None
    damage: Damage | None = None
    slow_gain: tuple[float, ...] = ()
    transient: Edge | None = None
    named: bool = True


@dataclass(frozen=True)
class DrawnScene:
    """A scene.

    Attributes:
        samples: N.
        sources: its K sources.
        microphone: one filter on all of them.
    """

    samples: int
    sources: tuple[DrawnSource, ...]
    microphone: Filters | None = None

    @property
    def named(self) -> list[int]:
        """Indices of the sources that a query may ask for."""
        return [i for i, source in enumerate(self.sources) if source.named]
