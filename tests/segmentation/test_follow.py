"""From a click to a mask in every picture."""

import errno
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.segmentation.clips import HEIGHT, WIDTH, click, disc_video
from tests.video.pictures import write_video

from soundsift.errors import SoundsiftError
from soundsift.evaluation.click_clips import overlap
from soundsift.segmentation import ObjectTrack, follow_object
from soundsift.segmentation.pictures import WorkingPictures
from soundsift.video import Box, Point, VideoFrame, read_video


def overlaps(track: ObjectTrack, right: list[np.ndarray]) -> list[float]:
    return [overlap(found, mask) for found, mask in zip(track.masks(), right, strict=True)]


@pytest.mark.parametrize("clicked", [0, 5, 11])
def test_a_click_anywhere_gives_all_masks(tmp_path: Path, clicked: int) -> None:
    pictures, right = disc_video()
    path = write_video(tmp_path / "v.mkv", pictures)
    track = follow_object(path, [click(clicked)])
    assert min(overlaps(track, right)) > 0.8
    assert track.states[clicked] == "clicked"
    assert track.lost() == []
    assert [frame.time for frame in read_video(path)] == track.times


def test_a_box_at_a_moment_does_too(tmp_path: Path) -> None:
    pictures, right = disc_video()
    path = write_video(tmp_path / "v.mkv", pictures)
    box = Box.parse("22,18,38,38@0.16")  # around the disc of the fifth picture
    assert min(overlaps(follow_object(path, boxes=[box]), right)) > 0.8


def test_scene_cuts_lose_the_object_and_its_return_finds_it(tmp_path: Path) -> None:
    pictures, right = disc_video(14, cut=range(5, 9))
    path = write_video(tmp_path / "v.mkv", pictures)
    track = follow_object(path, [click(2)])
    assert track.states[5:9] == ["cut", "lost", "lost", "lost"]
    assert track.scores[5:9] == [0.0] * 4
    assert track.states[9] == "found"
    assert min(overlaps(track, right)) > 0.7
    assert track.lost() == [(pytest.approx(5 / 25), pytest.approx(9 / 25))]
    assert track.described()["cuts"] == [pytest.approx(5 / 25)]


def test_an_object_that_is_gone_is_lost_and_found_again(tmp_path: Path) -> None:
    pictures, right = disc_video(14, hidden=range(6, 10))
    path = write_video(tmp_path / "v.mkv", pictures)
    track = follow_object(path, [click(0)])
    found = overlaps(track, right)
    assert found[6:10] == [1.0] * 4  # empty, as it should be
    assert min(found) > 0.7


def test_a_point_beside_the_object_takes_a_part_away(tmp_path: Path) -> None:
    pictures, right = disc_video(4)
    below = [mask & (picture[..., 1] > 150) for mask, picture in zip(right, pictures, strict=True)]
    path = write_video(tmp_path / "v.mkv", pictures)
    lower, upper = Point(0, 24, 40), Point(0, 24, 28, positive=False)
    track = follow_object(path, [lower, upper])
    assert min(overlaps(track, below)) > 0.7


def test_a_later_click_corrects_from_there(tmp_path: Path) -> None:
    # In the second scene, which nothing joins to the first, the object is clicked anew.
    pictures, right = disc_video(6)
    others = [255 - picture for picture in pictures]
    path = write_video(tmp_path / "v.mkv", pictures + others)
    second = Point(8 / 25, click(2).x, click(2).y)
    alone = follow_object(path, [click(1)])
    assert not any(alone.mask(index).any() for index in range(6, 12))
    assert min(overlaps(follow_object(path, [click(1), second]), right + right)) > 0.7


def test_pictures_at_uneven_times_and_rotated_ones(tmp_path: Path) -> None:
    pictures, right = disc_video(8)
    times = [0, 40, 80, 300, 310, 600, 900, 1000]
    path = write_video(tmp_path / "v.mov", pictures, rate=1000, milliseconds=times, rotation=90)
    upright = next(read_video(path)).pixels
    assert upright.shape == (WIDTH, HEIGHT, 3)
    # The click is meant on the upright picture: that shown at 0.5 s is the fifth.
    turned = np.rot90(right[4])
    row, column = (places.mean() for places in np.nonzero(turned))
    track = follow_object(path, [Point(0.5, float(column), float(row))])
    assert track.times[4:6] == [Fraction(310, 1000), Fraction(600, 1000)]
    assert track.states[4] == "clicked"
    assert min(overlaps(track, [np.rot90(mask) for mask in right])) > 0.75


def test_large_pictures_are_followed_at_a_smaller_size(tmp_path: Path) -> None:
    pictures, right = disc_video(3)
    grown = [np.kron(picture, np.ones((8, 8, 1), np.uint8)) for picture in pictures]
    path = write_video(tmp_path / "v.mkv", grown)
    place = click()
    track = follow_object(path, [Point(place.time, 8 * place.x, 8 * place.y)])
    assert track.working_size == (288, 384)
    assert track.mask(0).shape == (8 * HEIGHT, 8 * WIDTH)
    whole = [np.kron(mask, np.ones((8, 8), bool)) for mask in right]
    assert min(overlaps(track, whole)) > 0.8


@pytest.mark.parametrize(
    ("points", "boxes", "message"),
    [
        ([], [], "Nothing says where the object is"),
        (["0,200,20"], [], "Point 0,200,20,+ is outside the picture, which is 96 pixels wide"),
        (["9,20,20"], [], "after the end of the video, whose last picture is shown at 0.08 s"),
        (["0,20,20,-"], [], "All points say where the object is not"),
        ([], ["10,10,2,2@0"], "Box 10,10,2,2@0 is too small"),
        ([], ["10,10,20,20@0"], "No object was found in the box"),
        ([], ["90,0,20,20@0"], "reaches beyond the picture"),
        ([], ["1,1,20,20@0", "2,2,20,20@0"], "has another box"),
    ],
)
def test_prompts_that_fit_no_picture_are_refused(
    tmp_path: Path, points: list[str], boxes: list[str], message: str
) -> None:
    flat = [np.full((HEIGHT, WIDTH, 3), 90, np.uint8)] * 3
    path = write_video(tmp_path / "v.mkv", flat)
    with pytest.raises(SoundsiftError, match=re.escape(message)):
        follow_object(path, [*map(Point.parse, points)], [*map(Box.parse, boxes)])


def test_files_without_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SoundsiftError, match="can't be read as video"):
        follow_object(tmp_path / "none.mp4", [Point(0, 1, 1)])


@pytest.mark.parametrize("name", ["sam", "opencv:x", "sam4"])
def test_unknown_segmenters_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SoundsiftError, match="Unknown segmenter"):
        follow_object(tmp_path / "v.mkv", [Point(0, 1, 1)], segmenter=name)


def test_a_full_temporary_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "v.mkv", disc_video(2)[0])

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(WorkingPictures, "_add", full)
    with pytest.raises(SoundsiftError, match=r"can't hold the video's pictures .* set TMPDIR"):
        follow_object(path, [click()])


def test_videos_that_change_their_size_are_refused() -> None:
    frames = [
        VideoFrame(Fraction(index, 25), np.zeros((20, 30 + index, 3), np.uint8))
        for index in range(2)
    ]
    with pytest.raises(SoundsiftError, match=r"change their size at 0.04 s"):
        WorkingPictures.of(frames)
