"""Outlines of a followed object are those of the masks of a job."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

pytest.importorskip("cv2", reason="pip install 'soundsift[visual]'")

from soundsift.segmentation import follow_object
from soundsift.segmentation.outline_stream import Film, stream_outlines
from soundsift.segmentation.outlines import polygons_of
from soundsift.video import Point

HEIGHT, WIDTH = 540, 960


def write_disc(path: Path) -> None:
    """A disc that moves to the right, in pictures larger than the working size."""
    noise = np.random.default_rng(0).normal(0, 6, (HEIGHT, WIDTH, 3))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(8):
            picture = np.array([60, 110, 70]) + noise
            picture[np.hypot(columns - 300 - 8 * number, rows - 225) < 70] = (220, 60, 40)
            pixels = picture.clip(0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def test_masks_of_large_pictures_are_those_of_a_job(tmp_path: Path) -> None:
    write_disc(tmp_path / "disc.mp4")
    point = Point(0.0, 300, 225)
    sent = []
    stream_outlines(tmp_path / "disc.mp4", [point], [], 60.0, tmp_path, sent.append)
    film, *outlines = sent
    assert film == Film(WIDTH, HEIGHT, 8, 0.0, None)
    track = follow_object(tmp_path / "disc.mp4", [point])
    assert [one.score for one in outlines] == track.scores
    for index, one in enumerate(outlines):
        assert one.polygons == polygons_of(track.small_mask(index), WIDTH, HEIGHT)
