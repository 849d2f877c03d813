"""The vision encoder against the authors' outputs."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from tests.released import TINY_VISION
from torch import Tensor

from soundsift.checkpoints import pe_vision
from soundsift.config import PeVisionConfig
from soundsift.models.pe_vision import PeVision, normalise_pictures, resize_picture

DATA = Path(__file__).parents[1] / "data"


def assert_near(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape
    assert float((ours - theirs).norm() / theirs.norm()) < 2e-6


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return load_file(DATA / "pe_vision_tiny.safetensors")


@pytest.fixture(scope="module")
def vision_encoder(tensors: dict[str, Tensor]) -> PeVision:
    vision_encoder = PeVision(TINY_VISION)
    vision_encoder.load_state_dict(pe_vision.convert(tensors, "sd."))
    return vision_encoder.eval().requires_grad_(False)


def test_features_of_every_patch(vision_encoder: PeVision, tensors: dict[str, Tensor]) -> None:
    assert_near(vision_encoder.features(tensors["in.image"]), tensors["out.features"])


def test_pooled_projected_and_normalised(
    vision_encoder: PeVision, tensors: dict[str, Tensor]
) -> None:
    assert_near(vision_encoder.embed(tensors["in.image"]), tensors["out.pooled"])
    assert_near(vision_encoder(tensors["in.image"]), tensors["out.normalized"])


def test_other_image_sizes(vision_encoder: PeVision, tensors: dict[str, Tensor]) -> None:
    """6 by 5 patches instead of 4 by 4: learned positions are interpolated."""
    assert_near(vision_encoder.embed(tensors["in.image_other_size"]), tensors["out.other_size"])


def test_resizing_is_exact(tensors: dict[str, Tensor]) -> None:
    """40 x 90 pixels to 56 x 56: rows are added, columns averaged; the same to the last bit."""
    squares = torch.stack([resize_picture(picture, 56) for picture in tensors["in.video0"]])
    assert squares.dtype == torch.uint8
    torch.testing.assert_close(
        normalise_pictures(squares), tensors["out.transformed0"], rtol=0, atol=0
    )


def test_resizing_cuts_overshoot() -> None:
    """Bicubic interpolation leaves 0..255 beside a sharp edge; 8-bit steps must not wrap around."""
    edge = torch.zeros(3, 10, 10, dtype=torch.uint8)
    edge[:, :, 5:] = 255
    square = resize_picture(edge, 40)
    assert (square[:, :, :16] < 60).all() and (square[:, :, -16:] > 195).all()


def test_pictures_to_vectors(vision_encoder: PeVision, tensors: dict[str, Tensor]) -> None:
    """Both videos of the authors' batch; theirs pads the shorter one with zeros."""
    for number, count in ((0, 5), (1, 2)):
        squares = [resize_picture(picture, 56) for picture in tensors[f"in.video{number}"]]
        ours = vision_encoder(normalise_pictures(torch.stack(squares)))
        assert_near(ours, tensors["out.encoder"][number, :count])


def test_bfloat16_autocast(vision_encoder: PeVision, tensors: dict[str, Tensor]) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        ours = vision_encoder(tensors["in.image"])
    assert ours.dtype == torch.float32
    assert not torch.equal(ours, tensors["out.normalized"])
    assert (ours * tensors["out.normalized"]).sum(dim=-1).min() > 0.999


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_size": 57}, "multiple of patch_size 14"),
        ({"heads": 3}, "must split into 3 heads"),
        ({"pool_heads": 5}, "into 5 heads"),
        ({"colour": 1}, "colour"),
    ],
)
def test_impossible_sizes(change: dict[str, int], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PeVisionConfig.model_validate(TINY_VISION.model_dump() | change)
