"""The pictures of a video at working size, in a temporary file, in any order."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import numpy as np

from soundsift.errors import SoundsiftError
from soundsift.optional import library
from soundsift.video.frames import VideoFrame, fitted

#: Longest side at which objects are followed, in pixels.
WORKING_SIDE = 384

#: JPEG quality: the losses are far below those of the video itself.
_QUALITY = 95


def opencv() -> Any:
    """OpenCV.

    Raises:
        SoundsiftError: It is not installed.
    """
    return library("cv2", "visual prompts", "visual")


def shrink(pixels: np.ndarray, side: int = WORKING_SIDE) -> np.ndarray:
    """A picture, uint8, whose longest side has at most so many pixels; `(height, width[, 3])`."""
    height, width = fitted(pixels.shape[0], pixels.shape[1], side)
    whole = np.ascontiguousarray(pixels)
    if (height, width) == pixels.shape[:2]:
        return whole
    cv2 = opencv()
    small: np.ndarray = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    return small


class WorkingPictures:
    """All pictures of a video, made smaller, in a temporary file of about 40 kB a picture.

    Memory is independent of the video's length, and pictures can be read backwards.

    Attributes:
        times: of the pictures, in seconds on the recording clock.
        size: height and width of the video's own pictures.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.times: list[Fraction] = []
        self.size = (0, 0)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `close`
        self._places: list[tuple[int, int]] = []

    @classmethod
    def of(
        cls, frames: Iterable[VideoFrame], side: int = WORKING_SIDE, folder: Path | None = None
    ) -> Self:
        """Read a video to its end.

        Args:
            frames: The video.
            side: Longest side of the pictures in pixels.
            folder: For the temporary file; the system's temporary folder unless given.

        Raises:
            SoundsiftError: The video is damaged or changes its size, or the temporary folder is
                full.
        """
        kept = cls(folder)
        try:
            for frame in frames:
                kept._add(frame, side)
        except OSError as error:
            kept.close()
            raise SoundsiftError(
                f"The temporary folder {folder or tempfile.gettempdir()} can't hold the video's "
                f"pictures ({error.strerror}). Free space there, or set TMPDIR to another folder."
            ) from error
        except BaseException:
            kept.close()
            raise
        return kept

    def _add(self, frame: VideoFrame, side: int) -> None:
        cv2 = opencv()
        if not self._places:
            self.size = frame.size
        elif frame.size != self.size:
            raise SoundsiftError(
                f"The video's pictures change their size at {float(frame.time):.2f} s. Convert it "
                "to one size to click on it."
            )
        small = shrink(frame.pixels, side)
        settings = [
            cv2.IMWRITE_JPEG_QUALITY,
            _QUALITY,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        ]
        _, packed = cv2.imencode(".jpg", small, settings)
        self._places.append((self._file.tell(), len(packed)))
        self._file.write(packed.tobytes())
        self.times.append(frame.time)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> np.ndarray:
        """A picture, `(height, width, 3)`, uint8, red, green, blue."""
        cv2 = opencv()
        place, length = self._places[index]
        self._file.seek(place)
        packed = np.frombuffer(self._file.read(length), np.uint8)
        # Pixels go in and out in one order, so that red stays first.
        picture: np.ndarray = cv2.imdecode(packed, cv2.IMREAD_COLOR)
        return picture

    def close(self) -> None:
        """Delete the temporary file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
