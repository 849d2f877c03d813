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
