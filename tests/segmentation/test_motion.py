"""When an object acts."""

from fractions import Fraction

import numpy as np
import pytest
from tests.segmentation.clips import HEIGHT, WIDTH, disc_video

from soundsift.segmentation.motion import bursts, region_motion
from soundsift.spans import Span
from soundsift.video import VideoFrame


def moving(
    places: list[int], camera: list[int] | None = None
) -> list[tuple[VideoFrame, np.ndarray]]:
    """A disc at these places of a textured background, in pixels to the right."""
    (background, disc), masks = (
        disc_video(1, hidden=range(1))[0] + disc_video(1)[0],
        disc_video(1)[1],
    )
    frames = []
    for index, place in enumerate(places):
        mask = np.roll(masks[0], place, axis=1)
        picture = np.where(mask[..., None], np.roll(disc, place, axis=1), background)
        shift = 0 if camera is None else camera[index]
        frame = VideoFrame(
            Fraction(index, 25), np.roll(picture, shift, axis=1), duration=Fraction(1, 25)
        )
        frames.append((frame, np.roll(mask, shift, axis=1)))
    return frames


def test_motion_is_measured_in_the_objects_widths() -> None:
    places = [0, 0, 0, 2, 4, 6, 6, 6, 6, 6]
    found = region_motion(moving(places), 9)
    assert found.seen.all()
    assert found.speed[[0, 1, 5, 6, 7, 8]].max() < 0.2
    # 2 pixels in 0.04 s, where the disc is as large as a square of 21 pixels: 2.4 widths a second.
    # In pictures so small, dense flow sees half of it.
    assert np.all((found.speed[2:5] > 0.8) & (found.speed[2:5] < 2.8))
    assert len(found.pictures) == 10
    assert found.pictures[0][0].shape == (HEIGHT, WIDTH, 3)


def test_the_cameras_motion_is_not_the_objects() -> None:
    still, camera = [0] * 8, [0, 1, 2, 3, 4, 5, 6, 7]
    assert region_motion(moving(still, camera), 7).speed.max() < 0.05
    # Against a moving camera, it is the object that stays at its place in the picture that moves.
    held = region_motion(moving([-place for place in camera], camera), 7).speed
    assert held.min() > 0.2


def test_bursts_are_spans() -> None:
    noise = np.random.default_rng(0).uniform(0.01, 0.05, 100)
    speed = noise.copy()
    speed[20:30] = 2.0
    speed[60:75] = 1.0
    first, second = bursts(speed)
    assert first.start == pytest.approx(0.8, abs=0.08) and first.end == pytest.approx(1.2, abs=0.08)
    assert second.start == pytest.approx(2.4, abs=0.08) and second.end == pytest.approx(3, abs=0.08)
    assert bursts(noise) == ()  # still
    assert bursts(noise + 1) == ()  # always in motion
    assert bursts(np.zeros(0)) == ()
    assert all(isinstance(span, Span) for span in bursts(speed))
