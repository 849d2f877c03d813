import numpy as np
import pytest

pytest.importorskip("cv2", reason="pip install 'soundsift[visual]'")

import cv2

from soundsift.evaluation.click_clips import make_clip, overlap
from soundsift.segmentation.clicked import object_at
from soundsift.segmentation.seeds import Seeds


def test_a_second_click_keeps_what_the_first_found() -> None:
    clip = make_clip(20, frames=12)
    index = round(clip.point.time * 25)
    picture = cv2.resize(clip.pictures[index], (240, 135), interpolation=cv2.INTER_AREA)
    right = cv2.resize(clip.masks[index].astype(np.uint8), (240, 135)) > 0
    first = (clip.point.y / 2, clip.point.x / 2)
    inner = cv2.erode(right.astype(np.uint8), np.ones((5, 5)))
    places = np.argwhere(inner)
    far = places[np.hypot(*(places - first).T).argmax()]
    both = object_at(picture, Seeds((first, (float(far[0]), float(far[1])))))
    assert overlap(object_at(picture, Seeds((first,))), right) > 0.9
    assert overlap(both, right) > 0.9


def test_clicks_correct_what_is_found_in_a_box() -> None:
    rows, columns = np.mgrid[:135, :240]
    picture = np.array([60, 110, 70]) + np.random.default_rng(0).normal(0, 6, (135, 240, 3))
    left, right = (np.hypot(columns - x, rows - 60) < 20 for x in (60, 120))
    picture[left], picture[right] = (220, 60, 40), (60, 80, 230)
    picture = picture.clip(0, 255).astype(np.uint8)
    one, both = (slice(35, 85), slice(35, 85)), (slice(35, 85), slice(35, 145))
    inner, other = (62.0, 58.0), (60.0, 120.0)
    for seeds, expected in (
        (Seeds(box=one), left),
        (Seeds((inner,), (), one), left),
        (Seeds((other,), (), one), left | right),
        (Seeds((inner,), (), both), left | right),
        (Seeds((), (other,), both), left),
        (Seeds((inner,), (other,), both), left),
    ):
        assert overlap(object_at(picture, seeds), expected) > 0.9, seeds
