"""SAM 2 and SAM 3 as segmenters, through Transformers, where their weights are.

SAM 2 (arXiv 2408.00714) and the tracker of SAM 3 (arXiv 2511.16719) see one picture after another
and remember the last ones. Pictures come from the temporary file one by one, and what is remembered
of pictures that no longer count is dropped, so that memory is independent of the video's length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from soundsift.checkpoints.hub import find_folder
from soundsift.checkpoints.pretrained import load_pretrained
from soundsift.devices import pick_device
from soundsift.errors import SoundsiftError
from soundsift.optional import library
from soundsift.segmentation.pictures import WorkingPictures
from soundsift.segmentation.seeds import Seeds
from soundsift.segmentation.track import ObjectTrack

#: Longest side of the pictures that are kept for these segmenters, in pixels.
SAM_SIDE = 1024

#: Labels of points: beside the object, on it, and the two corners of a box.
_OUTSIDE, _INSIDE, _FIRST_CORNER, _LAST_CORNER = 0, 1, 2, 3
#: The tracked object's number; there is one.
_OBJECT = 1


@dataclass(frozen=True)
class _Published:
    """A segmenter as it is published.

    Attributes:
        network: Transformers' class.
        session: its class for a video's state.
        weights: name on the Hub.
        mean, std: of the pictures' normalisation, 0 to 1.
    """

    network: str
    session: str
    weights: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


_PUBLISHED = {
    "sam2": _Published(
        "Sam2VideoModel",
        "models.sam2_video.modeling_sam2_video.Sam2VideoInferenceSession",
        "facebook/sam2.1-hiera-tiny",
        (0.485, 0.456, 0.406),
        (0.229, 0.224, 0.225),
    ),
    "sam3": _Published(
        "Sam3TrackerVideoModel",
        "models.sam3_tracker_video.modeling_sam3_tracker_video.Sam3TrackerVideoInferenceSession",
        "facebook/sam3",
        (0.5, 0.5, 0.5),
        (0.5, 0.5, 0.5),
    ),
}


@torch.inference_mode()
def follow_by_sam(
    pictures: WorkingPictures,
    seeds: Mapping[int, Seeds],
    name: str,
    weights: str | None = None,
    report: Callable[[float], None] = lambda _: None,
) -> ObjectTrack:
    """Follow an object through a video, forward from the first marked picture and back from it.

    Args:
        pictures: The video.
        seeds: What is marked, by the number of the picture.
        name: "sam2" or "sam3".
        weights: A folder, or a name on the Hub, looked up in its cache; None for the published one.
        report: Called with the fraction done.

    Raises:
        SoundsiftError: Transformers or the weights are missing or damaged, or nothing is found at
            the click.
    """
    published = _PUBLISHED[name]
    folder = find_folder(weights or published.weights, gated=name == "sam3")
    device = pick_device(None)
    network = load_pretrained(published.network, folder, dtype=torch.float32, device=device)
    session = _session(published, pictures, network, device)
    first = next(index for index, own in seeds.items() if own.begin)
    for index, own in seeds.items():
        # One after another: each is seen with what is known from those before.
        _mark(session, index, own, pictures, network.config.image_size)
        network(session, frame_idx=index)
    found: dict[int, tuple[np.ndarray, float]] = {}  # masks as bits
    for order in (range(first, len(pictures)), range(first, -1, -1)):
        for index in order:
            output = network(session, frame_idx=index, reverse=order.step < 0)
            if index not in found:
                mask, score = _mask(output, pictures)
                found[index] = np.packbits(mask), score
            _forget(session, network.config, index, order.step)
            report(len(found) / len(pictures))
    if not found[first][0].any():
        raise SoundsiftError(
            "No object was found at the click: its mask is empty. Click on another part of it, or "
            "draw a box around it."
        )
    return _track(pictures, seeds, found)


class _Frames:
    """The pictures as the network reads them, made when they are asked for."""

    def __init__(self, pictures: WorkingPictures, published: _Published, side: int) -> None:
        self._pictures, self._side = pictures, side
        self._mean = torch.tensor(published.mean).view(3, 1, 1)
        self._std = torch.tensor(published.std).view(3, 1, 1)

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Tensor:
        pixels = torch.from_numpy(self._pictures[index]).permute(2, 0, 1)[None].float() / 255
        square = interpolate(
            pixels, (self._side, self._side), mode="bilinear", align_corners=False, antialias=True
        )
        return (square[0] - self._mean) / self._std


def _session(
    published: _Published, pictures: WorkingPictures, network: Any, device: torch.device
) -> Any:
    module, _, name = f"transformers.{published.session}".rpartition(".")
    session = getattr(library(module), name)(
        video_height=pictures.size[0],
        video_width=pictures.size[1],
        inference_device=device,
        inference_state_device=device,
        video_storage_device="cpu",
        dtype=torch.float32,
    )
    session.processed_frames = _Frames(pictures, published, network.config.image_size)
    return session


def _mark(
    session: Any, index: int, seeds: Seeds, pictures: WorkingPictures, image_size: int
) -> None:
    """Give a picture's points and box to the network, in pixels of its own pictures."""
    height, width = pictures[index].shape[:2]
    places: list[tuple[float, float]] = []
    labels: list[int] = []
    if seeds.box is not None:
        rows, columns = seeds.box
        places += [(rows.start, columns.start), (rows.stop, columns.stop)]
        labels += [_FIRST_CORNER, _LAST_CORNER]
    places += [*seeds.inside, *seeds.outside]
    labels += [_INSIDE] * len(seeds.inside) + [_OUTSIDE] * len(seeds.outside)
    coordinates = torch.tensor([(column / width, row / height) for row, column in places])
    number = session.obj_id_to_idx(_OBJECT)
    session.add_point_inputs(
        number,
        index,
        {
            "point_coords": coordinates.float()[None, None] * image_size,
            "point_labels": torch.tensor(labels, dtype=torch.int32)[None, None],
        },
    )
    session.obj_with_new_inputs = [_OBJECT]


def _mask(output: Any, pictures: WorkingPictures) -> tuple[np.ndarray, float]:
    """Mask and score of a picture from what the network says of it."""
    logits = output.pred_masks.float().reshape(1, 1, *output.pred_masks.shape[-2:])
    shape = pictures[output.frame_idx].shape[:2]
    grown = interpolate(logits, shape, mode="bilinear", align_corners=False)[0, 0]
    seen = float(output.object_score_logits.float().sigmoid().flatten()[0])
    mask: np.ndarray = (grown > 0).cpu().numpy()
    return mask, seen if mask.any() else 0.0


def _forget(session: Any, config: Any, index: int, step: int) -> None:
    """Drop what is remembered of pictures that are too far behind to count."""
    kept = max(config.num_maskmem, config.max_object_pointers_in_encoder) + 1
    for outputs in session.output_dict_per_obj.values():
        for other in list(outputs["non_cond_frame_outputs"]):
            if (index - other) * step > kept:
                del outputs["non_cond_frame_outputs"][other]


def _track(
    pictures: WorkingPictures,
    seeds: Mapping[int, Seeds],
    found: Mapping[int, tuple[np.ndarray, float]],
) -> ObjectTrack:
    height, width = pictures[0].shape[:2]
    track = ObjectTrack(pictures.times, pictures.size, (height, width))
    for index, (bits, score) in sorted(found.items()):
        mask = np.unpackbits(bits, count=height * width).reshape(height, width).astype(bool)
        before = track.states[-1] if track.states else "followed"
        if index in seeds:
            track.add(mask, score, "clicked")
        elif score == 0:
            track.add(mask, score, "lost")
        else:
            track.add(mask, score, "found" if before == "lost" else "followed")
    return track
