"""From clicks or a box to the object's mask in one picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soundsift.errors import SoundsiftError
from soundsift.segmentation.appearance import alikeness, colours_of
from soundsift.segmentation.flow import OpticalFlow
from soundsift.segmentation.pictures import opencv
from soundsift.segmentation.seeds import SMALLEST, Seeds

#: Radii of the first guesses around a click, as shares of the picture's longer side.
_RADII = (0.03, 0.05, 0.08, 0.13, 0.2)
_ROUNDS = 4
#: Objects that move less than this against the background, in pixels, are not told by motion.
_LEAST_MOTION = 0.6
#: What ten times the size is worth in a mask's quality, of about 1.
_SIZE_WEIGHT = 0.15
#: Differences of each colour up to which pixels are alike, in 0..255.
_ALIKE = 24


@dataclass(frozen=True)
class _Guess:
    """A first guess: where the object probably is, and where it may be at most."""

    inside: np.ndarray
    limit: np.ndarray


def object_at(
    picture: np.ndarray,
    seeds: Seeds,
    prior: np.ndarray | None = None,
    other: np.ndarray | None = None,
) -> np.ndarray:
    """The object's mask in a picture, by GrabCut (Rother et al., 2004) from several guesses.

    A click does not say how large the object is. GrabCut runs from discs of several radii, and from
    what moves like the clicked place if something does; the mask whose edge has the strongest
    contrast and whose colours differ most from those around it is taken.

    Further clicks on the object, or near it, correct the mask of the first. A box is cut once, and
    clicks add to what is found in it.

    Args:
        picture: `(height, width, 3)`, uint8.
        seeds: What is marked in it.
        prior: `(height, width)`, bool: the mask that was expected, to be corrected by the seeds.
        other: A picture shortly before or after, for motion.

    Returns:
        `(height, width)`, bool.

    Raises:
        SoundsiftError: Nothing but the background is found there.
    """
    if seeds.box is not None and seeds.inside:
        return _box_and_clicks(picture, seeds, other)
    if prior is None and seeds.box is None and len(seeds.inside) > 1:
        # One guess for all clicks would take in what lies between and around them.
        first = object_at(picture, Seeds(seeds.inside[:1], seeds.outside), None, other)
        prior = first if all(reaches(first, place) for place in seeds.inside[1:]) else None
    guesses = _guesses(picture, seeds, prior, other)
    masks = [cut(picture, g.inside, g.limit, seeds, _ROUNDS) for g in guesses]
    masks = [mask for mask in masks if np.count_nonzero(mask) >= SMALLEST]
    if not masks:
        if seeds.box is not None:
            raise SoundsiftError(
                "No object was found in the box: its mask is empty. Draw the box closer around the "
                "object, or click on it."
            )
        raise SoundsiftError(
            "No object was found at the click: its mask is empty. Click on another part of it, or "
            "draw a box around it."
        )
    if len(masks) == 1:
        return masks[0]
    return max(masks, key=lambda mask: _quality(picture, mask))


def _box_and_clicks(picture: np.ndarray, seeds: Seeds, other: np.ndarray | None) -> np.ndarray:
    """What is found in a box, with what clicks on the object add to it."""
    clicks = Seeds(seeds.inside, seeds.outside)
    (guess,) = _guesses(picture, seeds, None, None)
    boxed = cut(picture, guess.inside, guess.limit, replace(seeds, inside=()), _ROUNDS)
    if np.count_nonzero(boxed) < SMALLEST:
        return object_at(picture, clicks, None, other)
    near = all(reaches(boxed, place) for place in seeds.inside)
    added = object_at(picture, clicks, boxed if near else None, other)
    both: np.ndarray = boxed | added
    return both


def reaches(mask: np.ndarray, place: tuple[float, float]) -> bool:
    """Whether a place is on a mask or near it, compared with its size."""
    rows, columns = np.nonzero(mask)
    distance = np.hypot(rows - place[0], columns - place[1]).min()
    return bool(distance <= 0.5 * np.sqrt(len(rows)))


def cut(
    picture: np.ndarray, inside: np.ndarray, limit: np.ndarray, seeds: Seeds, rounds: int
) -> np.ndarray:
    """GrabCut from a guess.

    Args:
        picture: `(height, width, 3)`, uint8.
        inside: `(height, width)`, bool: where the object probably is.
        limit: The same: where it may be.
        seeds: Places that are surely on it and beside it.
        rounds: Times that the models of colour are fitted.

    Returns:
        The parts of the found mask that hold a clicked place; without clicks, the largest parts.
    """
    cv2 = opencv()
    labels = np.where(inside & limit, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[~limit | _excluded(picture, seeds)] = cv2.GC_BGD
    for places, label in ((seeds.outside, cv2.GC_BGD), (seeds.inside, cv2.GC_FGD)):
        for row, column in places:
            cv2.circle(labels, (round(column), round(row)), 2, label, -1)
    mask = grab(picture, labels, rounds)
    return _parts(mask, seeds)


def _excluded(picture: np.ndarray, seeds: Seeds) -> np.ndarray:
    """What has the colour of a place beside the object and is nearer to it than to the object's.

    A few pixels alone would not outweigh the object's models of colour.
    """
    cv2 = opencv()
    height, width = picture.shape[:2]
    found = np.zeros((height, width), bool)
    rows, columns = np.indices((height, width))
    for row, column in seeds.outside:
        near = np.hypot(rows - row, columns - column)
        for other in seeds.inside:
            farther = np.hypot(rows - other[0], columns - other[1]) < near
            near = np.where(farther, np.inf, near)
        filled = np.zeros((height + 2, width + 2), np.uint8)
        flags = 4 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | (1 << 8)
        place = (round(column), round(row))
        smooth = cv2.medianBlur(np.ascontiguousarray(picture), 3)
        cv2.floodFill(smooth, filled, place, 0, (_ALIKE,) * 3, (_ALIKE,) * 3, flags)
        found |= filled[1:-1, 1:-1].astype(bool) & np.isfinite(near)
    return found


def grab(picture: np.ndarray, labels: np.ndarray, rounds: int) -> np.ndarray:
    """GrabCut in the surroundings of what may be the object.

    Args:
        picture: `(height, width, 3)`, uint8.
        labels: `(height, width)`, uint8, OpenCV's GC_ labels.
        rounds: Times that the models of colour are fitted.

    Returns:
        `(height, width)`, bool.
    """
    cv2 = opencv()
    mask = np.zeros(labels.shape, bool)
    possible = labels != cv2.GC_BGD
    if not possible.any():
        return mask
    rows, columns = np.flatnonzero(possible.any(1)), np.flatnonzero(possible.any(0))
    margin = 8 + (rows[-1] - rows[0] + columns[-1] - columns[0]) // 8
    area = (
        slice(max(0, rows[0] - margin), rows[-1] + margin + 1),
        slice(max(0, columns[0] - margin), columns[-1] + margin + 1),
    )
    own = np.ascontiguousarray(labels[area])
    inside = np.isin(own, (cv2.GC_FGD, cv2.GC_PR_FGD))
    # It needs pixels of both kinds, and at least as many as its models have parts.
    if np.count_nonzero(inside) < SMALLEST or np.count_nonzero(~inside) < SMALLEST:
        mask[area] = inside
        return mask
    crop = np.ascontiguousarray(picture[area])
    cv2.setRNGSeed(0)
    cv2.grabCut(
        crop, own, None, np.zeros((1, 65)), np.zeros((1, 65)), rounds, cv2.GC_INIT_WITH_MASK
    )
    mask[area] = np.isin(own, (cv2.GC_FGD, cv2.GC_PR_FGD))
    return mask


def _parts(mask: np.ndarray, seeds: Seeds) -> np.ndarray:
    """Connected parts with a click in them, with their holes filled."""
    cv2 = opencv()
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count <= 1:
        return mask
    if seeds.inside:
        kept = {int(labels[round(row), round(column)]) for row, column in seeds.inside} - {0}
    else:
        sizes = stats[:, cv2.CC_STAT_AREA]
        kept = {n for n in range(1, count) if sizes[n] >= 0.2 * sizes[1:].max()}
    parts: np.ndarray = np.isin(labels, list(kept))
    return parts if seeds.outside else fill_holes(parts)


def fill_holes(mask: np.ndarray, share: float = 0.05) -> np.ndarray:
    """Fill holes that are smaller than a share of the mask."""
    cv2 = opencv()
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), None, 4)
    most = share * np.count_nonzero(mask)
    small = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] <= most]
    filled: np.ndarray = mask | np.isin(labels, small)
    return filled


def _guesses(
    picture: np.ndarray, seeds: Seeds, prior: np.ndarray | None, other: np.ndarray | None
) -> list[_Guess]:
    height, width = picture.shape[:2]
    everywhere = np.ones((height, width), bool)
    if seeds.box is not None:
        inside = ~everywhere
        inside[seeds.box] = True
        return [_Guess(inside, inside)]
    side = max(height, width)
    if prior is not None and prior.any():
        inside = prior.copy()
        for places, value in ((seeds.inside, True), (seeds.outside, False)):
            for place in places:
                near = _disc(prior.shape, (place,), _RADII[0] * side)
                inside[near] = value
        return [_Guess(inside, _dilated(inside, round(0.05 * side)))]
    guesses = []
    for share in _RADII:
        radius = share * side
        guesses.append(
            _Guess(
                _disc((height, width), seeds.inside, radius),
                _disc((height, width), seeds.inside, 2.5 * radius),
            )
        )
    if other is not None:
        moving = _moving_part(picture, other, seeds)
        if moving is not None:
            guesses.append(_Guess(moving, _dilated(moving, round(0.03 * side))))
    return guesses


def _moving_part(picture: np.ndarray, other: np.ndarray, seeds: Seeds) -> np.ndarray | None:
    """What moves like the clicked places and unlike the background; None if nothing does."""
    flow = own_motion(OpticalFlow().between(picture, other))
    places = [flow[round(row), round(column)] for row, column in seeds.inside]
    motion = np.mean(places, axis=0)
    speed = float(np.hypot(*motion))
    if speed < _LEAST_MOTION:
        return None
    alike = np.hypot(*(flow - motion).transpose(2, 0, 1)) < 0.35 * speed + 0.2
    part = _parts(alike, seeds)
    return part if SMALLEST <= np.count_nonzero(part) < 0.4 * part.size else None


def own_motion(flow: np.ndarray) -> np.ndarray:
    """Flow without the camera's: what is left of a shift, turn and zoom fitted to all of it."""
    cv2 = opencv()
    height, width = flow.shape[:2]
    rows, columns = np.mgrid[4:height:8, 4:width:8]
    start = np.stack((columns.ravel(), rows.ravel()), 1).astype(np.float32)
    end = start + flow[rows.ravel(), columns.ravel()]
    cv2.setRNGSeed(0)
    matrix, _ = cv2.estimateAffinePartial2D(start, end, ransacReprojThreshold=1.0)
    if matrix is None:
        return flow
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    fitted = np.stack((across, down, np.ones_like(across)), 2) @ matrix.T
    rest: np.ndarray = flow - (fitted - np.stack((across, down), 2)).astype(np.float32)
    return rest


def _quality(picture: np.ndarray, mask: np.ndarray) -> float:
    """How much a mask looks like an object: contrast along its edge, and colours of its own."""
    cv2 = opencv()
    kernel = np.ones((3, 3), np.uint8)
    solid = mask.astype(np.uint8)
    inner = mask & (cv2.erode(solid, kernel, iterations=2, borderValue=1) == 0)
    outer = (cv2.dilate(solid, kernel, iterations=2) > 0) & ~mask
    if not inner.any() or not outer.any():
        return 0.0
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float32)
    smooth = cv2.GaussianBlur(lab, (0, 0), 1.0)
    # Each pixel just inside is compared with the mean of the outer ones near it.
    weight = cv2.blur(outer.astype(np.float32), (9, 9))
    around = cv2.blur(smooth * outer[..., None], (9, 9)) / np.maximum(weight, 1e-6)[..., None]
    compared = inner & (weight > 0)
    step = np.linalg.norm(smooth - around, axis=2)[compared]
    contrast = float(np.minimum(step / 30, 1).mean())
    reach = max(6, round(0.35 * np.sqrt(np.count_nonzero(mask))))
    ring = (cv2.dilate(solid, kernel, iterations=reach) > 0) & ~mask
    own = 1 - alikeness(colours_of(picture, mask), colours_of(picture, ring))
    # Parts of an object have edges and colours of their own, too: of two as good, the whole.
    return contrast + 0.5 * own + _SIZE_WEIGHT * float(np.log10(np.count_nonzero(mask)))


def _disc(
    shape: tuple[int, int], places: tuple[tuple[float, float], ...], radius: float
) -> np.ndarray:
    """Discs around places, and the lines between them."""
    cv2 = opencv()
    drawn = np.zeros(shape, np.uint8)
    corners = [(round(column), round(row)) for row, column in places]
    for corner in corners:
        cv2.circle(drawn, corner, max(1, round(radius)), 1, -1)
        cv2.line(drawn, corners[0], corner, 1, max(1, round(radius)))
    return drawn.astype(bool)


def _dilated(mask: np.ndarray, pixels: int) -> np.ndarray:
    cv2 = opencv()
    shape = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    grown: np.ndarray = cv2.dilate(mask.astype(np.uint8), shape).astype(bool)
    return grown
