"""Name the object in a region by what it sounds like: "dog barking" of a picture of a dog.

EfficientNet-Lite0 sees the object and its surroundings, and `sounding_classes.yaml` says what
ImageNet's classes sound like. The phrases are names of the default model's sounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import torch
import yaml

from soundsift.checkpoints.efficientnet_lite import load_picture_network
from soundsift.models.efficientnet_lite import CLASSES, normalise

_TABLE = "sounding_classes.yaml"
#: A phrase less probable than this is no name.
SURE_FROM = 0.45
#: Share of the object's longer side that is seen around it.
_MARGIN = 0.1
#: Of pixels outside the mask in one of the two views of a picture.
_GREY = 127


@dataclass(frozen=True)
class ObjectName:
    """What an object sounds like.

    Attributes:
        text: The phrase.
        probability: Of all classes with that sound, 0 to 1.
    """

    text: str
    probability: float


@torch.inference_mode()
def name_object(
    pictures: Sequence[tuple[np.ndarray, np.ndarray]], network: Any = None
) -> list[ObjectName]:
    """The sounds that an object may make, the most probable first.

    Args:
        pictures: Some `(height, width, 3)`, uint8, with the object's masks `(height, width)`, bool;
            those with an empty mask do not count.
        network: EfficientNet-Lite0; None to load it.

    Returns:
        Phrases with probabilities above 0.01; none if no mask holds anything.

    Raises:
        SoundsiftError: The network's package is not installed.
    """
    network = load_picture_network() if network is None else network
    views = [view for picture, mask in pictures if mask.any() for view in _views(picture, mask)]
    if not views:
        return []
    logits = network(torch.stack([normalise(view) for view in views]))
    classes = logits.float().softmax(-1).mean(0).numpy()
    found = [
        ObjectName(text, round(float(classes[numbers].sum()), 3))
        for text, numbers in sounding_classes().items()
    ]
    found = [one for one in found if one.probability > 0.01]
    return sorted(found, key=lambda one: -one.probability)


@cache
def sounding_classes() -> Mapping[str, list[int]]:
    """The classes that sound like a phrase, by phrase."""
    text = (resources.files(__package__) / _TABLE).read_text(encoding="utf-8")
    return {phrase: list(_numbers(given)) for phrase, given in yaml.safe_load(text).items()}


def _numbers(given: Iterable[int | str]) -> Iterable[int]:
    for one in given:
        first, _, last = str(one).partition("-")
        numbers = range(int(first), int(last or first) + 1)
        assert numbers.stop <= CLASSES
        yield from numbers


def _views(picture: np.ndarray, mask: np.ndarray) -> list[np.ndarray]:
    """The object with what is around it, and alone on grey; squares as far as the picture goes."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    height, width = rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]
    half = (0.5 + _MARGIN) * max(height, width)
    middle = (rows[0] + rows[-1] + 1) / 2, (columns[0] + columns[-1] + 1) / 2
    area = tuple(
        slice(max(0, round(place - half)), max(1, round(place + half))) for place in middle
    )
    whole = _square(picture[area])
    alone = np.where(mask[area][..., None], picture[area], np.uint8(_GREY))
    return [whole, _square(alone)]


def _square(picture: np.ndarray) -> np.ndarray:
    """A picture with grey on both sides, so that squashing it to a square bends nothing."""
    height, width = picture.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    square = np.full((side, side, 3), _GREY, np.uint8)
    square[top : top + height, left : left + width] = picture
    return square
