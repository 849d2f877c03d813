"""The released vision encoder's weights under our names."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from soundsift.checkpoints.pe_vision import PE_CORE_L14_336, PREFIX, convert
from soundsift.errors import SoundsiftError
from soundsift.models.pe_vision import PeVision

LISTED = Path(__file__).parents[1] / "data" / "released_pe_vision.json"


def released() -> dict[str, Tensor]:
    """Shapes only, on the meta device; layer * stands for all of them in the file."""
    listed = json.loads(LISTED.read_text())
    return {
        PREFIX + name.replace("*", str(layer)): torch.empty(shape, device="meta")
        for name, shape in listed["weights"].items()
        for layer in (range(listed["layers"]) if "*" in name else [0])
    }


def test_released_names_and_shapes() -> None:
    checkpoint = released()
    assert len(checkpoint) == 307
    # The text encoder beside it, and the rest of SAM Audio.
    for name in ("vision_encoder.model.logit_scale", "proj.bias"):
        checkpoint[name] = torch.empty(1, device="meta")
    with torch.device("meta"):
        ours = PeVision(PE_CORE_L14_336).state_dict()
    converted = convert(checkpoint)
    assert {n: t.shape for n, t in converted.items()} == {n: t.shape for n, t in ours.items()}
    assert sum(t.numel() for t in ours.values()) == 317_151_232


def test_conversion_names_what_is_wrong() -> None:
    with pytest.raises(SoundsiftError, match=r"strange\.weight, which PE-Core does not have"):
        convert({f"{PREFIX}strange.weight": torch.zeros(1)})
    with pytest.raises(SoundsiftError, match=r"no weight vision_encoder\.model\.visual\.\*"):
        convert({"transformer.output.weight": torch.zeros(1)})
