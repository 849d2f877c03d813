"""The transformer against the authors' outputs (tests/data/dit_tiny.safetensors)."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from pydantic import ValidationError
from safetensors.torch import load_file
from torch import Tensor

from soundsift.checkpoints.sam_audio import convert_transformer
from soundsift.config import TransformerConfig
from soundsift.models.layers import sinusoid
from soundsift.models.rope import rotary_table, rotate
from soundsift.models.transformer import DiffusionTransformer

FIXTURE = Path(__file__).parents[1] / "data" / "dit_tiny.safetensors"
CONFIG = TransformerConfig(
    dim=64, heads=4, layers=2, ffn_hidden=192, text_dim=32, out_channels=16, time_embedding_dim=32
)


def assert_near(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape
    assert float((ours - theirs).norm() / theirs.norm()) < 1e-5


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return load_file(FIXTURE)


@pytest.fixture(scope="module")
def model(tensors: dict[str, Tensor]) -> DiffusionTransformer:
    model = DiffusionTransformer(CONFIG)
    weights = {k.removeprefix("sd."): v for k, v in tensors.items() if k.startswith("sd.")}
    model.load_state_dict(convert_transformer(weights))
    return model.eval().requires_grad_(False)


def test_embedders(model: DiffusionTransformer, tensors: dict[str, Tensor]) -> None:
    time = tensors["in.time"]
    assert_near(sinusoid(time, 32), tensors["out.t_sin"])
    assert_near(model.embed_time(time), tensors["out.t_embedder"])
    assert_near(model.time_modulation(F.silu(model.embed_time(time))), tensors["out.t_block"])
    assert_near(model.temporal(tensors["in.x"]), tensors["out.x_embedder"])
    assert_near(model.memory_embedding(tensors["in.memory"]), tensors["out.y_embedder"])


def test_rotary(tensors: dict[str, Tensor]) -> None:
    table = rotary_table(13, 16, 20000.0, torch.device("cpu"))
    assert_near(rotate(tensors["in.rope"], table), tensors["out.rope"])


def test_without_masks(model: DiffusionTransformer, tensors: dict[str, Tensor]) -> None:
    out = model(tensors["in.x"], tensors["in.time"], tensors["in.memory"])
    assert_near(out, tensors["out.nomask"])


def test_blocks_with_masks(model: DiffusionTransformer, tensors: dict[str, Tensor]) -> None:
    hidden: list[Tensor] = []
    hooks = [b.register_forward_hook(lambda *args: hidden.append(args[2])) for b in model.blocks]
    masks = tensors["in.memory_mask"], tensors["in.padding_mask"]
    out = model(tensors["in.x"], tensors["in.time"], tensors["in.memory"], *masks)
    for hook in hooks:
        hook.remove()
    assert_near(hidden[0], tensors["out.layer0"])
    assert_near(hidden[1], tensors["out.layer1"])
    assert_near(out, tensors["out.masked"])


def test_item_alone_differs_from_padded(
    model: DiffusionTransformer, tensors: dict[str, Tensor]
) -> None:
    frames = int(tensors["in.padding_mask"][1].sum())
    out = model(
        tensors["in.x"][1:, :frames],
        tensors["in.time"][1:],
        tensors["in.memory"][1:],
        tensors["in.memory_mask"][1:],
    )
    assert_near(out, tensors["out.item1_alone"])
    assert not torch.allclose(out, tensors["out.masked"][1:, :frames], atol=1e-3)


def test_masked_memory_has_no_influence(
    model: DiffusionTransformer, tensors: dict[str, Tensor]
) -> None:
    memory, mask = tensors["in.memory"], tensors["in.memory_mask"]
    noise = torch.randn_like(memory) * ~mask[..., None]
    args = tensors["in.x"], tensors["in.time"]
    torch.testing.assert_close(model(*args, memory, mask), model(*args, memory + noise, mask))


def test_config_refuses_unknown_keys_and_odd_heads() -> None:
    good = CONFIG.model_dump()
    with pytest.raises(ValidationError, match="width"):
        TransformerConfig(**good, width=3)
    with pytest.raises(ValidationError, match="heads"):
        TransformerConfig(**{**good, "heads": 64})
