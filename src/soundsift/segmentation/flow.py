"""Dense optical flow between two pictures, and what it carries from one to the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from soundsift.segmentation.pictures import opencv


class OpticalFlow:
    """Dense inverse search (Kroeger et al., arXiv 1603.03590), by OpenCV."""

    def __init__(self) -> None:
        cv2 = opencv()
        self._dis: Any = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def between(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Where each pixel of the first picture is in the second.

        Args:
            first: `(height, width, 3)`, uint8.
            second: The same.

        Returns:
            `(height, width, 2)`, float32, in pixels to the right and down.
        """
        cv2 = opencv()
        # The algorithm refuses pictures smaller than its patches.
        if min(first.shape[:2]) < 16:
            return np.zeros((*first.shape[:2], 2), np.float32)
        grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (first, second)]
        flow: np.ndarray = self._dis.calc(*grey, None)
        return flow


@dataclass(frozen=True)
class Carried:
    """What flow carries from one picture to the next.

    Attributes:
        inside: `(height, width)`, float32, 0 to 1: how surely a pixel belongs to the object.
        error: `(height, width)`, float32: how far the colours differ from the carried ones, as the
            largest of the three, in 0..255.
        still: `(height, width)`, bool: what moves with the background while the object does not;
            None where that can't be told.
    """

    inside: np.ndarray
    error: np.ndarray
    still: np.ndarray | None = None


def carry(inside: np.ndarray, before: np.ndarray, now: np.ndarray, flow: np.ndarray) -> Carried:
    """Carry a soft mask along the flow.

    Args:
        inside: `(height, width)`, float32, of the picture before.
        before: `(height, width, 3)`, uint8.
        now: The same, of the picture that follows.
        flow: From `now` to `before`.
    """
    cv2 = opencv()
    height, width = inside.shape
    across = flow[..., 0] + np.arange(width, dtype=np.float32)
    down = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    moved = cv2.remap(inside, across, down, cv2.INTER_LINEAR, borderValue=0)
    colours = cv2.remap(before, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    error = cv2.absdiff(colours, now).max(axis=2).astype(np.float32)
    return Carried(moved, cv2.GaussianBlur(error, (0, 0), 1.5))
