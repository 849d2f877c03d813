"""The segmenter that needs OpenCV alone: GrabCut at the click, then optical flow and colours.

In each picture the mask of the last one is carried along dense optical flow and its edge is found
anew by GrabCut, whose models of colour are fitted to the carried mask and to what is around it. A
picture's score compares the colours with those of the click and the picture with what the flow
carried into it. Where the score falls, the object is lost: its mask is empty until something that
looks like it is found again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from soundsift.segmentation.appearance import Appearance, alikeness, colours_of
from soundsift.segmentation.clicked import (
    fill_holes,
    grab,
    object_at,
    own_motion,
    reaches,
)
from soundsift.segmentation.flow import Carried, OpticalFlow, carry
from soundsift.segmentation.pictures import WorkingPictures, opencv
from soundsift.segmentation.seeds import SMALLEST, Seeds
from soundsift.segmentation.track import ObjectTrack, State

#: Below this score an object is lost.
_LOST = 0.35
#: An object is found again where colours are so much alike, and so much less alike to those around.
_FOUND_ALIKE, _FOUND_APART = 0.9, 0.1
#: A scene is cut where the flow explains so little: the mean difference of all colours.
_CUT = 24.0
#: Pictures between the clicked one and the one that shows what moves.
MOTION_STEP = 3
#: Masks with less than this share of the object's usual size are trusted less; with so little of
#: its size at the click, they are nothing.
_WHOLE, _SMALLEST_SHARE = 0.4, 0.05
#: An object that moves so much against the background, in pixels a picture, is told from it by its
#: motion: what moves less than this share of it is background.
_LEAST_MOTION, _STILL = 1.0, 0.3
#: Share of the object's look that is taken from each new picture.
_RENEWED = 0.05


@dataclass(frozen=True)
class _Found:
    """What is known of one picture."""

    mask: np.ndarray
    score: float
    state: State


def follow_by_flow(
    pictures: WorkingPictures,
    seeds: Mapping[int, Seeds],
    report: Callable[[float], None] = lambda _: None,
    found: Callable[[int, np.ndarray, float, State], None] = lambda *_: None,
) -> ObjectTrack:
    """Follow an object from the marked pictures to the beginning and the end of a video.

    Between two marked pictures, each picture gets the mask that was followed from the nearer one,
    unless the object was lost on the way.

    Args:
        pictures: The video.
        seeds: What is marked, by the number of the picture.
        report: Called with the fraction done.
        found: Called with each mask as soon as it is found, with the picture's number, the mask's
            score and its state; again where a nearer click gives another one.

    Raises:
        SoundsiftError: Nothing is found at a click.
    """
    shape = pictures[0].shape[:2]
    track = ObjectTrack(pictures.times, pictures.size, shape)
    first = next(index for index, own in seeds.items() if own.begin)
    clicked = sorted(index for index in seeds if index >= first)
    earlier = sorted(index for index in seeds if index < first)
    start = object_at(pictures[first], seeds[first], other=_neighbour(pictures, first))
    kept = _Masks(track)
    done = 0

    def keep(index: int, mask: _Found, distance: int) -> None:
        nonlocal done
        if kept.offer(index, mask, distance):
            found(index, mask.mask, mask.score, mask.state)
        done += 1
        report(min(0.99, done / (2 * len(pictures))))

    keep(first, _Found(start, 1.0, "clicked"), 0)
    masks = {first: start}
    for order, step in ((clicked, 1), (earlier[::-1], -1)):
        stops = [index for index in order if index != first]
        here = first
        for stop in stops:
            last = None
            for index, one in _followed(
                pictures, here, masks[here], range(here + step, stop + step, step)
            ):
                keep(index, one, abs(index - here))
                last = one
            masks[stop] = _corrected(pictures, stop, seeds[stop], last)
            keep(stop, _Found(masks[stop], 1.0, "clicked"), 0)
            # And from the correction back to the middle, where the earlier click is as near.
            for index, one in _followed(
                pictures, stop, masks[stop], range(stop - step, here, -step)
            ):
                keep(index, one, abs(index - stop))
            here = stop
        end = len(pictures) if step == 1 else -1
        for index, one in _followed(pictures, here, masks[here], range(here + step, end, step)):
            keep(index, one, abs(index - here))
    kept.finish()
    report(1.0)
    return track


class _Masks:
    """The best mask offered for each picture, packed until all are known."""

    def __init__(self, track: ObjectTrack) -> None:
        self._track = track
        self._offers = ObjectTrack(track.times, track.size, track.working_size)
        self._best: dict[int, tuple[int, int]] = {}

    def offer(self, index: int, found: _Found, distance: int) -> bool:
        """Keep a mask, unless that from a nearer click holds the object, too.

        Returns:
            Whether it is kept.
        """
        before = self._best.get(index)
        if before is not None:
            number, nearer = before
            lost_before, lost = self._offers.scores[number] == 0, found.score == 0
            if (lost and not lost_before) or (lost == lost_before and nearer <= distance):
                return False
        self._best[index] = (len(self._offers), distance)
        self._offers.add(found.mask, found.score, found.state)
        return True

    def finish(self) -> None:
        """Write the best ones into the track, in order."""
        for index in range(len(self._track.times)):
            self._track.take(self._offers, self._best[index][0])


def _corrected(
    pictures: WorkingPictures, index: int, seeds: Seeds, found: _Found | None
) -> np.ndarray:
    """The mask of a picture that is marked, too: the one followed there, mended by the marks."""
    prior = found.mask if found is not None and found.mask.any() else None
    if seeds.box is not None:
        prior = None
    elif prior is not None and seeds.inside:
        near = all(reaches(prior, place) for place in seeds.inside)
        prior = prior if near else None
    if prior is None and not seeds.begin:
        # Only what the object is not, where it is lost: nothing to mend.
        return np.zeros(pictures[index].shape[:2], bool)
    return object_at(pictures[index], seeds, prior, _neighbour(pictures, index))


def _neighbour(pictures: WorkingPictures, index: int) -> np.ndarray | None:
    """A picture near another in the same scene; None in a video of one picture."""
    later = index + MOTION_STEP
    near = later if later < len(pictures) else index - MOTION_STEP
    return pictures[near] if 0 <= near < len(pictures) else None


def _followed(
    pictures: WorkingPictures, start: int, mask: np.ndarray, order: range
) -> Iterator[tuple[int, _Found]]:
    """Masks of the pictures in an order that begins beside a known one."""
    before = pictures[start]
    follower = _Follower(before, mask)
    for index in order:
        now = pictures[index]
        yield index, follower.step(before, now)
        before = now


class _Follower:
    """Follows an object from one picture to the next.

    Args:
        picture: The picture in which the mask is known.
        mask: The mask; empty: the object is lost from the beginning.
    """

    def __init__(self, picture: np.ndarray, mask: np.ndarray) -> None:
        self._flow = OpticalFlow()
        self._found = _Found(mask, 1.0, "clicked")
        self._lost = not mask.any()
        self._clicked = None if self._lost else Appearance.of(picture, mask)
        self._recent = self._clicked
        self._size = self._clicked_size = int(np.count_nonzero(mask))

    def step(self, before: np.ndarray, now: np.ndarray) -> _Found:
        """The object in the picture that follows another."""
        if self._clicked is None:
            return _Found(self._found.mask, 0.0, "lost")
        if np.array_equal(before, now):
            self._found = replace(self._found, state="lost" if self._lost else "followed")
            return self._found
        flow = self._flow.between(now, before)
        carried = carry(self._found.mask.astype(np.float32), before, now, flow)
        carried = without_background(carried, flow)
        if carried.error.mean() > _CUT:
            self._found = self._searched(now, "cut")
        elif self._lost:
            self._found = self._searched(now, "lost")
        else:
            self._found = self._refined(now, carried)
        return self._found

    def _refined(self, now: np.ndarray, carried: Carried) -> _Found:
        """The carried mask with its edge found anew, or nothing if the object is lost."""
        assert self._clicked is not None and self._recent is not None
        before = int(np.count_nonzero(carried.inside > 0.5))
        mask = refine(now, carried, wide=before < 0.8 * self._size)
        size = np.count_nonzero(mask)
        if size < max(SMALLEST, _SMALLEST_SHARE * self._clicked_size):
            return self._nothing("lost")
        colours = colours_of(now, mask)
        alike = self._alike(colours)
        # A mask that is stuck on the background looks more like it than like the object.
        stuck = max(0.0, alikeness(colours, colours_of(now, _ring(mask))) - alike)
        error = max(0.0, float(np.minimum(carried.error[mask], 80).mean()) - 8)
        # What remains of a hidden object soon is something else.
        whole = min(1.0, size / (_WHOLE * self._size), size / (0.5 * _WHOLE * self._clicked_size))
        score = alike * whole * float(np.exp(-error / 40 - 8 * stuck))
        if score < _LOST:
            return self._nothing("lost")
        if score > 0.8 and size > 0.6 * self._size and not _at_border(mask):
            mixed = (1 - _RENEWED) * self._recent.colours + _RENEWED * colours
            self._recent = replace(Appearance.of(now, mask), colours=mixed)
            self._size = round(0.9 * self._size + 0.1 * size)
        return _Found(mask, score, "followed")

    def _alike(self, colours: np.ndarray) -> float:
        """How much colours are those of the object: as it was clicked and, half, as it was last."""
        assert self._clicked is not None and self._recent is not None
        clicked = alikeness(colours, self._clicked.colours)
        return 0.5 * (clicked + max(clicked, alikeness(colours, self._recent.colours)))

    def _searched(self, now: np.ndarray, state: State) -> _Found:
        """The object where it is found again, or nothing."""
        assert self._clicked is not None and self._recent is not None
        best, score, apart = None, 0.0, 0.0
        for look in {id(one): one for one in (self._recent, self._clicked)}.values():
            for place in look.search(now):
                exact = np.zeros(place.shape, np.float32)
                mask = refine(now, Carried(place.astype(np.float32), exact))
                if np.count_nonzero(mask) < max(SMALLEST, 0.3 * self._size):
                    continue
                colours = colours_of(now, mask)
                alike = alikeness(colours, look.colours)
                around = alikeness(colours, colours_of(now, _ring(mask)))
                # A part of the object has its colours, too, but they go on around it.
                if alike >= _FOUND_ALIKE and alike - around > max(_FOUND_APART, apart):
                    best, score, apart = mask, alike, alike - around
        if best is None:
            return self._nothing(state)
        self._lost = False
        return _Found(best, score, "found")

    def _nothing(self, state: State) -> _Found:
        self._lost = True
        return _Found(np.zeros_like(self._found.mask), 0.0, state)


def _ring(mask: np.ndarray) -> np.ndarray:
    """What is around a mask, about a third of its width."""
    cv2 = opencv()
    reach = max(3, round(0.3 * np.sqrt(np.count_nonzero(mask))))
    around = cv2.boxFilter(mask.astype(np.float32), -1, (2 * reach + 1, 2 * reach + 1))
    ring: np.ndarray = (around > 1e-4) & ~mask
    return ring


def _at_border(mask: np.ndarray) -> bool:
    """Whether a good part of a mask lies at the picture's border."""
    edges = mask[0].sum() + mask[-1].sum() + mask[:, 0].sum() + mask[:, -1].sum()
    return bool(edges > 0.2 * np.sqrt(np.count_nonzero(mask)))


def without_background(carried: Carried, flow: np.ndarray) -> Carried:
    """Take from a carried mask what moves with the background, where the object moves otherwise.

    Args:
        carried: The mask.
        flow: From this picture to the one before.
    """
    cv2 = opencv()
    solid = carried.inside > 0.5
    size = np.count_nonzero(solid)
    if size < SMALLEST:
        return carried
    own = own_motion(flow)
    motion = np.median(own[solid], axis=0)
    speed = float(np.hypot(*motion))
    if speed < _LEAST_MOTION:
        return carried
    still = cv2.blur(np.hypot(own[..., 0], own[..., 1]), (5, 5)) < _STILL * speed
    # Where most of the object seems to rest, the flow is wrong: too little texture to tell.
    if np.count_nonzero(solid & still) > 0.4 * size:
        return carried
    return replace(
        carried, inside=np.where(still, 0, carried.inside).astype(np.float32), still=still
    )


def refine(picture: np.ndarray, carried: Carried, wide: bool = False) -> np.ndarray:
    """A carried mask with its edge found anew by GrabCut.

    Args:
        picture: `(height, width, 3)`, uint8.
        carried: The mask and how well the flow explains the picture.
        wide: Whether it is looked for further from the carried one: some of the object is missing.

    Returns:
        `(height, width)`, bool; the carried mask itself where GrabCut changes too much of it.
    """
    cv2 = opencv()
    solid = carried.inside > 0.5
    size = np.count_nonzero(solid)
    if size < SMALLEST:
        return solid
    band = 2 + round((0.12 if wide else 0.05) * np.sqrt(size))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band + 1, 2 * band + 1))
    plain = solid.astype(np.uint8)
    core = cv2.erode(plain, kernel, borderValue=1).astype(bool) & (carried.error < 40)
    limit = cv2.dilate(plain, kernel).astype(bool)
    labels = np.full(solid.shape, cv2.GC_BGD, np.uint8)
    labels[limit] = cv2.GC_PR_BGD
    if carried.still is not None:
        labels[carried.still] = cv2.GC_BGD
    labels[solid] = cv2.GC_PR_FGD
    labels[core] = cv2.GC_FGD
    found = grab(picture, labels, 1)
    found = cv2.medianBlur(found.astype(np.uint8), 3).astype(bool)
    found = fill_holes(_touching(found, solid))
    union, both = np.count_nonzero(found | solid), np.count_nonzero(found & solid)
    return found if both > 0.6 * union else solid


def _touching(mask: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Connected parts of a mask that lie on another for a good part."""
    cv2 = opencv()
    count, labels = cv2.connectedComponents(mask.astype(np.uint8))
    sizes = np.bincount(labels.ravel(), minlength=count)
    shared = np.bincount(labels[other], minlength=count)
    kept = [n for n in range(1, count) if shared[n] > 0.3 * sizes[n]]
    parts: np.ndarray = np.isin(labels, kept)
    return parts
