"""What an object looks like, to tell whether a mask still holds it and to find it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from soundsift.segmentation.pictures import opencv

#: Sizes at which an object is looked for, relative to its size when it was last seen.
_SCALES = (0.7, 0.85, 1.0, 1.18, 1.4)
#: Longest side of the object while it is looked for, in pixels.
_SEARCH_SIDE = 24
#: Places at which it may be.
_PLACES = 3


@dataclass(frozen=True)
class Appearance:
    """The look of an object in one picture.

    Attributes:
        colours: Histogram of its colours.
        patch: `(height, width, 3)`, uint8: the part of the picture around it.
        mask: `(height, width)`, bool: the object in the patch.
    """

    colours: np.ndarray
    patch: np.ndarray
    mask: np.ndarray

    @classmethod
    def of(cls, picture: np.ndarray, mask: np.ndarray) -> Self:
        """The look of an object whose mask is known and not empty."""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        area = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        return cls(colours_of(picture, mask), picture[area].copy(), mask[area].copy())

    def search(self, picture: np.ndarray) -> list[np.ndarray]:
        """The places in a picture that look most like the object.

        Args:
            picture: `(height, width, 3)`, uint8.

        Returns:
            The object's mask laid there, `(height, width)`, bool, at most `_PLACES` of them, those
            whose colours are most alike first.
        """
        cv2 = opencv()
        factor = min(1.0, _SEARCH_SIDE / max(self.patch.shape[:2]))
        small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        found: list[tuple[float, np.ndarray]] = []
        for scale in _SCALES:
            shape = [max(3, round(side * factor * scale)) for side in self.mask.shape[::-1]]
            if shape[0] > small.shape[1] or shape[1] > small.shape[0]:
                continue
            patch = cv2.resize(self.patch, shape, interpolation=cv2.INTER_AREA)
            share = cv2.resize(self.mask.astype(np.float32), shape, interpolation=cv2.INTER_AREA)
            weight = np.repeat((share > 0.7).astype(np.float32)[..., None], 3, axis=2)
            if weight.sum() < 30:
                continue
            squares = cv2.matchTemplate(
                small.astype(np.float32), patch.astype(np.float32), cv2.TM_SQDIFF, mask=weight
            )
            for _ in range(2):
                least, _, (x, y), _ = cv2.minMaxLoc(squares)
                difference = float(np.sqrt(max(least, 0.0) / weight.sum()))
                mask = self._laid(picture.shape[:2], x / factor, y / factor, scale)
                alike = alikeness(colours_of(picture, mask), self.colours)
                found.append((alike - difference / 200, mask))
                # The second one is elsewhere.
                reach = max(shape) // 2
                squares[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = 1e12
        found.sort(key=lambda one: -one[0])
        return [mask for _, mask in found[:_PLACES]]

    def _laid(self, shape: tuple[int, int], x: float, y: float, scale: float) -> np.ndarray:
        cv2 = opencv()
        matrix = np.array([[scale, 0, x], [0, scale, y]], np.float32)
        laid: np.ndarray = cv2.warpAffine(self.mask.astype(np.uint8), matrix, shape[::-1])
        return laid.astype(bool)


def colours_of(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Shares of the colours in a mask, in smoothed bins of lightness and two chroma axes."""
    cv2 = opencv()
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return np.zeros((8, 16, 16), np.float32)
    area = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    lab = cv2.cvtColor(np.ascontiguousarray(picture[area]), cv2.COLOR_RGB2LAB)
    own = np.ascontiguousarray(mask[area]).astype(np.uint8)
    counts = cv2.calcHist([lab], [0, 1, 2], own, [8, 16, 16], [0, 256] * 3)
    for axis, size in enumerate(counts.shape):
        # Colours near a bin's edge count in both, or a little light would change everything.
        near = np.minimum(np.arange(size) + 1, size - 1), np.maximum(np.arange(size) - 1, 0)
        counts = counts + 0.5 * (counts.take(near[0], axis) + counts.take(near[1], axis))
    shares: np.ndarray = counts / counts.sum()
    return shares


def alikeness(first: np.ndarray, second: np.ndarray) -> float:
    """Bhattacharyya coefficient of two histograms, 0 (nothing in common) to 1."""
    return float(np.sqrt(first * second).sum())
