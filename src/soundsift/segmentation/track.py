"""An object's masks in all pictures of a video, with a score for each."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from soundsift.config import FRAME_RATE
from soundsift.segmentation.pictures import opencv
from soundsift.video.frames import fitted

State = Literal["clicked", "followed", "lost", "cut", "found"]
"""How a picture's mask came about. `cut` begins another scene; `found` ends a loss."""


@dataclass
class ObjectTrack:
    """The masks of an object, packed, at working size.

    Attributes:
        times: Of the pictures, in seconds on the recording clock.
        size: Height and width of the video's pictures.
        working_size: Height and width of the masks kept here.
        scores: How well each picture's mask agrees with what was clicked, 0 (lost) to 1.
        states: How each came about.
    """

    times: Sequence[Fraction]
    size: tuple[int, int]
    working_size: tuple[int, int]
    scores: list[float] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    _packed: list[bytes] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._packed)

    def add(self, mask: np.ndarray, score: float, state: State) -> None:
        """Add the next picture's mask, `(height, width)`, bool, of working size."""
        self._packed.append(zlib.compress(np.packbits(mask).tobytes(), 1))
        self.scores.append(round(float(score), 3))
        self.states.append(state)

    def take(self, other: ObjectTrack, index: int) -> None:
        """Add a mask of another track of the same video as the next picture's."""
        self._packed.append(other._packed[index])
        self.scores.append(other.scores[index])
        self.states.append(other.states[index])

    def small_mask(self, index: int) -> np.ndarray:
        """A picture's mask at working size, bool."""
        height, width = self.working_size
        bits = np.frombuffer(zlib.decompress(self._packed[index]), np.uint8)
        return np.unpackbits(bits, count=height * width).reshape(height, width).astype(bool)

    def mask(self, index: int, side: int | None = None) -> np.ndarray:
        """A picture's mask, bool.

        Args:
            index: The picture's number.
            side: Longest side in pixels at most; None: of the video's own size.
        """
        small = self.small_mask(index)
        size = self.size if side is None else fitted(*self.size, side)
        if size == self.working_size:
            return small
        cv2 = opencv()
        shades = small.astype(np.uint8) * 255
        grown = cv2.resize(shades, size[::-1], interpolation=cv2.INTER_LINEAR)
        mask: np.ndarray = grown >= 128
        return mask

    def masks(self, side: int | None = None) -> Iterator[np.ndarray]:
        """The masks of all pictures, `(height, width)`, bool, one by one; `side` as for `mask`."""
        return (self.mask(index, side) for index in range(len(self)))

    def lost(self) -> list[tuple[float, float]]:
        """The times at which the object is not found, (start, end) in seconds."""
        found: list[tuple[float, float]] = []
        begin: Fraction | None = None
        for time, state in zip(self.times, self.states, strict=True):
            gone = state in ("lost", "cut")
            if gone and begin is None:
                begin = time
            elif not gone and begin is not None:
                found.append((float(begin), float(time)))
                begin = None
        if begin is not None:
            found.append((float(begin), float(self.times[-1]) + 1 / FRAME_RATE))
        return found

    def described(self) -> dict[str, Any]:
        """The same for JSON, without the masks."""
        shown = [score for score, state in zip(self.scores, self.states, strict=True) if score > 0]
        return {
            "pictures": len(self),
            "found_in": len(shown),
            "mean_score": round(float(np.mean(shown)), 3) if shown else 0.0,
            "lost": [[round(start, 3), round(end, 3)] for start, end in self.lost()],
            "cuts": [
                round(float(time), 3)
                for time, state in zip(self.times, self.states, strict=True)
                if state == "cut"
            ],
        }
