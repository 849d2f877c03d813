"""The released codec's names, shapes and normalisation."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from soundsift.checkpoints import dac_vae
from soundsift.config import DacVaeConfig
from soundsift.errors import SoundsiftError
from soundsift.models.dac_vae import DacVae

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def released() -> dict[str, Tensor]:
    shapes = json.loads((DATA / "released_dac_vae.json").read_text())
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def test_released_weights_are_ours(released: dict[str, Tensor]) -> None:
    with torch.device("meta"):
        codec = DacVae(DacVaeConfig())
    ours = {name: weight.shape for name, weight in codec.state_dict().items()}
    assert {name: weight.shape for name, weight in dac_vae.convert(released).items()} == ours


def test_whole_checkpoint(released: dict[str, Tensor]) -> None:
    whole = {f"audio_codec.{name}": weight for name, weight in released.items()}
    whole["transformer.norm.weight"] = torch.empty(1536, device="meta")
    assert dac_vae.convert(whole).keys() == dac_vae.convert(released).keys()


@pytest.mark.parametrize("name", ["encoder.block.0", "decoder.model.2.block.1"])
def test_norm_is_folded(name: str) -> None:
    torch.manual_seed(0)
    conv = nn.ConvTranspose1d(6, 3, 4) if "model" in name else nn.Conv1d(3, 6, 7)
    normed = nn.utils.parametrizations.weight_norm(conv)
    length, direction = (getattr(normed.parametrizations.weight, f"original{i}") for i in (0, 1))
    length.data.uniform_(0.5, 2.0)
    ours = dac_vae.convert(
        {f"{name}.weight_g": length.detach(), f"{name}.weight_v": direction.detach()}
    )
    (folded,) = ours.values()
    torch.testing.assert_close(folded, normed.weight.detach())


def test_half_precision_is_folded_in_full() -> None:
    direction = torch.randn(4, 2, 3, dtype=torch.float16)
    weights = {
        "encoder.block.0.weight_g": torch.ones(4, 1, 1),
        "encoder.block.0.weight_v": direction,
    }
    folded = dac_vae.convert(weights)["encoder.first.weight"]
    assert folded.dtype == torch.float32
    torch.testing.assert_close(folded.norm(dim=(1, 2)), torch.ones(4))


def test_unknown_and_missing_names() -> None:
    for name in ("encoder.block.9.bias", "decoder.model.1.block.6.block.0.alpha", "decoder.x"):
        with pytest.raises(SoundsiftError, match=name):
            dac_vae.convert({name: torch.zeros(1)})
    with pytest.raises(SoundsiftError, match="weight_g"):
        dac_vae.convert({"encoder.block.0.weight_v": torch.zeros(4, 1, 7)})
