"""Follow the object that is clicked on through a video, by one of several segmenters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from soundsift.errors import SoundsiftError
from soundsift.segmentation.flow_segmenter import follow_by_flow
from soundsift.segmentation.pictures import WORKING_SIDE, WorkingPictures
from soundsift.segmentation.seeds import Seeds, find_seeds
from soundsift.segmentation.track import ObjectTrack
from soundsift.video.boxes import Box
from soundsift.video.frames import read_video
from soundsift.video.points import Point

#: Segmenters by name; after a colon, the last two take a folder or a name on the Hub.
SEGMENTERS = ("opencv", "sam2", "sam3")


def follow_object(
    video: str | Path,
    points: Sequence[Point] = (),
    boxes: Sequence[Box] = (),
    segmenter: str = "opencv",
    progress: Callable[[float], None] = lambda _: None,
) -> ObjectTrack:
    """The masks of an object in all pictures of a video.

    Memory is independent of the video's length, but for a few kilobytes a picture; pictures at
    working size take about 40 kB each in the temporary folder.

    Args:
        video: A file with moving pictures.
        points: Clicks on the object and, with `positive=False`, beside it, in one picture or
            several. Later ones correct what was followed from the first.
        boxes: Around the whole object, at a moment.
        segmenter: "opencv"; "sam2" or "sam3", alone or with the folder or the Hub's name of their
            weights after a colon.
        progress: Called with the fraction done, 0 to 1.

    Raises:
        SoundsiftError: The file has no pictures, a point or box lies outside of them, nothing is
            found there, or the segmenter's library or weights are missing.
    """
    name, _, weights = segmenter.partition(":")
    if name not in SEGMENTERS or (weights and name == "opencv"):
        raise SoundsiftError(
            f"Unknown segmenter {segmenter!r}. Use opencv, sam2 or sam3, the last two also with "
            "weights, as in sam2:facebook/sam2.1-hiera-tiny."
        )
    if not points and not boxes:
        raise SoundsiftError(
            "Nothing says where the object is. Give a point such as 3.0,320,180 or a box such as "
            "120,40,200,180@3.0."
        )
    if name == "opencv":
        with WorkingPictures.of(read_video(video, side=WORKING_SIDE), WORKING_SIDE) as pictures:
            return follow_by_flow(pictures, _seeds(pictures, points, boxes), progress)
    # Imported here: the studio, which outlines clicked objects, has no PyTorch.
    from soundsift.segmentation.sam import SAM_SIDE, follow_by_sam

    with WorkingPictures.of(read_video(video, side=SAM_SIDE), SAM_SIDE) as pictures:
        seeds = _seeds(pictures, points, boxes)
        return follow_by_sam(pictures, seeds, name, weights or None, progress)


def _seeds(
    pictures: WorkingPictures, points: Sequence[Point], boxes: Sequence[Box]
) -> dict[int, Seeds]:
    return find_seeds(points, boxes, pictures.times, pictures.size, pictures[0].shape[:2])
