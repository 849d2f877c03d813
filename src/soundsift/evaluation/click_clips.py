"""Short clips with a moving object whose exact masks are known, to measure click to mask.

An object (a picture with transparency, or a drawn shape) moves, turns, changes its size and sways
over a background of textures and shapes, past a second object. In a fifth of the clips each, a bar
passes in front of it, the scene is cut to another and back, or it leaves the picture and returns;
in half of them the camera pans. Everything follows from a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from soundsift.errors import SoundsiftError
from soundsift.optional import library
from soundsift.video.points import Point

HEIGHT, WIDTH, FRAMES, RATE = 270, 480, 75, 25

_MARGIN = 120
#: Longest side of the object in pixels.
_SMALLEST, _LARGEST = 80.0, 150.0
#: What happens in the clips, in turn.
_EVENTS = ("none", "occlusion", "cut", "leaves", "none")


@dataclass(frozen=True)
class ClickClip:
    """A clip and its exact masks.

    Attributes:
        number: which one it is.
        event: what happens in it.
        pictures: `(frames, height, width, 3)`, uint8, red, green, blue.
        masks: `(frames, height, width)`, bool; where the object is seen.
        point: a click on the object, well inside it.
    """

    number: int
    event: str
    pictures: np.ndarray
    masks: np.ndarray
    point: Point


def make_clip(number: int, objects: Sequence[np.ndarray] = (), frames: int = FRAMES) -> ClickClip:
    """A clip.

    Args:
        number: seeds everything in it.
        objects: pictures `(height, width, 4)`, uint8, with transparency; none: drawn shapes.
        frames: its length, at 25 a second.

    Raises:
        SoundsiftError: OpenCV is missing.
    """
    cv2 = library("cv2", "synthetic clips", "visual")
    rng = np.random.default_rng([20, number])
    event = _EVENTS[number % len(_EVENTS)]
    seen, other = _objects(rng, objects, cv2)
    size = rng.uniform(_SMALLEST, _LARGEST)
    seen, other = smoothed(seen, size, cv2), smoothed(other, 0.7 * size, cv2)
    backgrounds = [make_background(rng, cv2) for _ in range(2)]
    camera = _Path(rng, 40.0 if number % 2 else 0.0)
    own, second = _Path(rng, 70.0), _Path(rng, 50.0)
    sway = rng.uniform(0.02, 0.08)
    away = rng.uniform(-60, 60, 2) + np.where(rng.random(2) < 0.5, -90, 90)
    bar = rng.integers(0, 256, 3)
    pictures = np.empty((frames, HEIGHT, WIDTH, 3), np.uint8)
    masks = np.zeros((frames, HEIGHT, WIDTH), bool)
    for index in range(frames):
        time = index / RATE
        gone = event == "cut" and frames // 3 <= index < frames // 2
        x, y = (_MARGIN + camera.at(time)).round().astype(int)
        picture = backgrounds[gone][y : y + HEIGHT, x : x + WIDTH].astype(np.float32)
        middle = np.array([WIDTH / 2, HEIGHT / 2])
        draw(picture, other, 0.7 * size, middle + away + second.at(time), 0.0, 0.0, cv2)
        if not gone:
            place = middle + own.at(time)
            if event == "leaves":
                place[0] += 420 * max(0.0, np.sin(2 * np.pi * index / frames)) ** 2
            grown = size * (1 + 0.15 * np.sin(2 * time + number))
            turned = 15 * np.sin(1.7 * time + number)
            alpha = draw(picture, seen, grown, place, turned, sway * np.sin(6 * time), cv2)
            if event == "occlusion":
                left = round(WIDTH * (1.6 * index / frames - 0.4))
                picture[:, max(0, left) : max(0, left + 40)] = bar
                alpha[:, max(0, left) : max(0, left + 40)] = 0
            masks[index] = alpha >= 0.5
        pictures[index] = picture.round().astype(np.uint8)
    return ClickClip(number, event, pictures, masks, _click(rng, masks, cv2))


def write_clip(clip: ClickClip, path: Path) -> Path:
    """Write a clip as H.264, with the losses of a usual video."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(
            "libx264", rate=RATE, options={"crf": "23", "preset": "veryfast"}
        )
        stream.height, stream.width = clip.pictures.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for index, picture in enumerate(clip.pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def overlap(found: np.ndarray, right: np.ndarray) -> float:
    """Intersection over union of two masks; 1 if both are empty."""
    union = np.count_nonzero(found | right)
    return 1.0 if union == 0 else float(np.count_nonzero(found & right) / union)


def read_objects(
    folder: Path,
    least: int = 100,
    pattern: str = "*.png",
    filled: tuple[float, float] = (0.15, 0.85),
) -> list[np.ndarray]:
    """Pictures with transparency from a folder and its subfolders, in the order of their names.

    Args:
        folder: with PNG files.
        least: pictures whose shorter side has fewer pixels are left out.
        pattern: which files.
        filled: share of its frame that an object takes; others are left out.

    Returns:
        `(height, width, 4)` each, uint8, red, green, blue, opacity, cut to the object; without
        those that fill their frame or are nearly all transparent.

    Raises:
        SoundsiftError: there is none.
    """
    cv2 = library("cv2", "synthetic clips", "visual")
    found = []
    for path in sorted(folder.rglob(pattern)):
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if picture is None or picture.ndim != 3 or picture.shape[2] != 4:
            continue
        opaque = picture[..., 3] > 127
        if min(picture.shape[:2]) < least or not filled[0] < opaque.mean() < filled[1]:
            continue
        rows, columns = np.flatnonzero(opaque.any(1)), np.flatnonzero(opaque.any(0))
        cut = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        found.append(cv2.cvtColor(cut, cv2.COLOR_BGRA2RGBA))
    if not found:
        raise SoundsiftError(f"{folder} holds no PNG pictures with transparency.")
    return found


class _Path:
    """A smooth way around a place: two waves in each direction."""

    def __init__(self, rng: np.random.Generator, reach: float) -> None:
        self._sizes = rng.uniform(0.3, 0.7, (2, 2)) * reach
        self._rates = rng.uniform((1.0, 2.0), (2.0, 3.5), (2, 2))
        self._phases = rng.uniform(0, 2 * np.pi, (2, 2))

    def at(self, time: float) -> np.ndarray:
        """Position in pixels, x and y."""
        waves = self._sizes * np.sin(self._rates * time + self._phases)
        place: np.ndarray = waves.sum(1)
        return place


def _objects(rng: np.random.Generator, objects: Sequence[np.ndarray], cv2: Any) -> list[np.ndarray]:
    if not objects:
        return [_shape(rng, cv2), _shape(rng, cv2)]
    return [objects[i] for i in rng.choice(len(objects), 2, replace=False)]


def _shape(rng: np.random.Generator, cv2: Any) -> np.ndarray:
    """A rounded shape in two or three colours."""
    size = 160
    angles = np.sort(rng.uniform(0, 2 * np.pi, 7))
    radii = rng.uniform(45, 78, 7)
    corners = np.stack((radii * np.cos(angles), radii * np.sin(angles)), 1) + size / 2
    opaque = np.zeros((size, size), np.uint8)
    cv2.fillPoly(opaque, [corners.round().astype(np.int32)], 255)
    cv2.circle(opaque, (size // 2, size // 2), 45, 255, -1)
    opaque = (cv2.GaussianBlur(opaque, (0, 0), 5) > 127).astype(np.uint8) * 255
    picture = np.empty((size, size, 4), np.uint8)
    picture[..., :3] = rng.integers(0, 256, 3)
    for _ in range(3):
        centre = tuple(int(v) for v in rng.integers(30, 130, 2))
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        cv2.circle(picture, centre, int(rng.integers(8, 25)), (*colour, 255), -1)
    picture[..., 3] = opaque
    return picture


def make_background(rng: np.random.Generator, cv2: Any) -> np.ndarray:
    """Textures of four scales in colour, with shapes."""
    height, width = HEIGHT + 2 * _MARGIN, WIDTH + 2 * _MARGIN
    picture = np.full((height, width, 3), rng.uniform(60, 190, 3), np.float32)
    for cells, strength in ((4, 45), (12, 25), (48, 18), (160, 10)):
        shape = (cells * height // width + 1, cells)
        # Light varies more than colour, as in most scenes.
        noise = rng.normal(0, strength, (*shape, 1)) + rng.normal(0, 0.4 * strength, (*shape, 3))
        noise = noise.astype(np.float32)
        picture += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    picture = picture.clip(0, 255)
    for _ in range(12):
        centre = rng.uniform((0, 0), (width, height))
        corners = centre + rng.uniform(-50, 50, (4, 2))
        colour = tuple(float(v) for v in rng.uniform(0, 255, 3))
        cv2.fillConvexPoly(picture, corners.round().astype(np.int32), colour, lineType=16)
    return picture.astype(np.uint8)


def smoothed(seen: np.ndarray, size: float, cv2: Any) -> np.ndarray:
    """A picture at about its size in the clip, float32, its colours multiplied by the opacity."""
    factor = size / max(seen.shape[:2])
    smooth = seen.astype(np.float32)
    smooth[..., :3] *= smooth[..., 3:] / 255
    if factor < 1:
        shape = [max(2, round(side * factor)) for side in seen.shape[1::-1]]
        smooth = cv2.resize(smooth, shape, interpolation=cv2.INTER_AREA)
    return smooth


def draw(
    picture: np.ndarray,
    seen: np.ndarray,
    size: float,
    place: np.ndarray,
    turned: float,
    sway: float,
    cv2: Any,
) -> np.ndarray:
    """Draw an object into a picture, float32, and return its opacity there, 0 to 1.

    Args:
        picture: `(height, width, 3)`, changed.
        seen: the object, from `smoothed`.
        size: its longer side in pixels.
        place: its middle, x and y in pixels.
        turned: degrees.
        sway: how far it leans, as a share of its size.
        cv2: OpenCV.
    """
    height, width = seen.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turned, size / max(height, width))
    matrix[0, 1] += sway * size / height
    matrix[:, 2] += place - (width / 2, height / 2)
    shape = (picture.shape[1], picture.shape[0])
    moved = cv2.warpAffine(seen, matrix, shape, flags=cv2.INTER_LINEAR)
    alpha: np.ndarray = moved[..., 3] / 255
    picture *= 1 - alpha[..., None]
    picture += moved[..., :3]
    np.clip(picture, 0, 255, out=picture)
    return alpha


def _click(rng: np.random.Generator, masks: np.ndarray, cv2: Any) -> Point:
    """A point well inside the object, in a picture that shows most of it."""
    sizes = masks.sum((1, 2))
    index = int(rng.choice(np.flatnonzero(sizes >= 0.7 * sizes.max())))
    depth = cv2.distanceTransform(masks[index].astype(np.uint8), cv2.DIST_L2, 5)
    rows, columns = np.nonzero(depth >= 0.5 * depth.max())
    chosen = int(rng.integers(len(rows)))
    return Point(index / RATE, float(columns[chosen]) + 0.5, float(rows[chosen]) + 0.5)
