"""A grown network answers as the one it grew from, until it is trained."""

import pytest
import torch

from soundsift.config import TransformerConfig, VelocityFieldConfig
from soundsift.models.velocity_field import Conditioning, VelocityField
from soundsift.spans import OPEN
from soundsift.training.deepen import grow


def config(layers: int, dim: int = 16, anchor_count: int = 3) -> VelocityFieldConfig:
    transformer = TransformerConfig(
        dim=dim,
        heads=2,
        layers=layers,
        ffn_hidden=24,
        text_dim=6,
        out_channels=8,
        pooled_text=True,
    )
    return VelocityFieldConfig(
        latent_channels=4,
        context_channels=5,
        anchor_count=anchor_count,
        anchor_dim=3,
        transformer=transformer,
    )


@pytest.fixture
def small() -> VelocityField:
    """Untrained gates are closed: draw all weights, so that every branch is heard."""
    torch.manual_seed(0)
    field = VelocityField(config(3))
    for name, parameter in field.named_parameters():
        if name != "anchors.embedding.weight":
            torch.nn.init.normal_(parameter, std=0.3)
    return field


def answer(field: VelocityField, anchors: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(1)
    conditioning = Conditioning(torch.randn(2, 7, 5), text=torch.randn(2, 3, 6), anchors=anchors)
    with torch.no_grad():
        return field(torch.randn(2, 7, 8), torch.tensor([0.0, 0.4]), conditioning)


def grown(small: VelocityField, new: VelocityFieldConfig) -> VelocityField:
    field = VelocityField(new)
    field.load_state_dict(grow(small.state_dict(), small.config, new))
    return field


def test_deeper_networks_give_the_same_answer(small):
    anchors = torch.tensor([[0, 1, 1, 2, 0, 0, 0]] * 2)
    for layers in (3, 4, 5, 7):
        bigger = grown(small, config(layers))
        assert len(bigger.transformer.blocks) == layers
        torch.testing.assert_close(answer(bigger, anchors), answer(small, anchors))


def test_every_new_block_learns_at_once(small):
    bigger = grown(small, config(6))
    conditioning = Conditioning(torch.randn(1, 4, 5), text=torch.randn(1, 2, 6))
    bigger(torch.randn(1, 4, 8), torch.tensor([0.3]), conditioning).square().sum().backward()
    for block in bigger.transformer.blocks:
        for branch in (block.self_attention.out, block.cross_attention.out):
            assert branch.weight.grad.abs().max() > 0
        assert block.feed_forward.down.weight.grad.abs().max() > 0


def test_a_new_kind_of_frame_begins_as_unmarked(small):
    bigger = grown(small, config(3, anchor_count=4))
    open_ = torch.tensor([[OPEN, 1, 1, 2, OPEN, OPEN, 4]] * 2)
    null = torch.tensor([[0, 1, 1, 2, 0, 0, 3]] * 2)
    torch.testing.assert_close(answer(bigger, open_), answer(small, null))
    assert not torch.equal(answer(small, null), answer(small, null.roll(1, 1)))


def test_nothing_else_may_differ(small):
    weights = small.state_dict()
    for other in (config(2), config(3, dim=32), config(4, anchor_count=2)):
        with pytest.raises(ValueError, match="grows by blocks"):
            grow(weights, small.config, other)
