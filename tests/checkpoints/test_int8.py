import pytest
import torch
from torch import Tensor

from soundsift.checkpoints.int8 import SCALE, from_int8, round_rows, to_int8
from soundsift.errors import SoundsiftError

NAME = "transformer.blocks.0.feed_forward.down.weight"


def read(stored: dict[str, Tensor], name: str = NAME) -> Tensor:
    return from_int8(stored, "file")[name]


def test_rows_have_scales_of_their_own() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(6, 40, generator=generator) * torch.logspace(-3, 3, 6)[:, None]
    stored = to_int8({NAME: weight})
    assert stored[NAME].dtype == torch.int8 and stored[NAME + SCALE].shape == (6,)
    relative = (read(stored) - weight).norm(dim=1) / weight.norm(dim=1)
    assert (relative < 0.01).all()


@pytest.mark.parametrize("columns", [40, 320, 896])
def test_the_error_is_below_that_of_plain_rounding(columns: int) -> None:
    """Plain rounding: the row's maximum is 127, and nothing is clipped."""
    weight = torch.randn(64, columns, generator=torch.Generator().manual_seed(1))
    step = weight.abs().amax(dim=1, keepdim=True) / 127
    plain = ((weight / step).round() * step - weight).square().sum(dim=1)
    ours = (read(to_int8({NAME: weight})) - weight).square().sum(dim=1)
    assert (ours <= plain * (1 + 1e-4)).all()
    assert ours.sum() < plain.sum()


def test_an_outlier_is_not_clipped_away() -> None:
    weight = torch.full((1, 100), 0.5)
    weight[0, 0] = 100.0
    assert abs(float(read(to_int8({NAME: weight}))[0, 0]) - 100.0) < 0.5


def test_rounding_twice_changes_nothing() -> None:
    weight = torch.randn(64, 320, generator=torch.Generator().manual_seed(2))
    once = to_int8({NAME: weight})
    again = to_int8(dict(from_int8(once, "file")))
    assert torch.equal(once[NAME], again[NAME])
    assert torch.allclose(once[NAME + SCALE], again[NAME + SCALE], rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_values_that_eight_bits_hold_are_exact(dtype: torch.dtype) -> None:
    whole = torch.tensor([[-127.0, 0.0, 1.0, 64.0], [0.0, 127.0, -3.0, 2.0]])
    q, scale = round_rows((whole * 0.25).to(dtype))
    assert torch.equal(q.float(), whole)
    assert torch.equal(scale, torch.tensor([0.25, 0.25]))


def test_rows_of_zeros() -> None:
    assert not read(to_int8({NAME: torch.zeros(2, 3)})).any()


def test_only_matrices_of_blocks_are_rounded() -> None:
    others = {
        "noisy_projection.weight": torch.randn(4, 4),
        "transformer.blocks.0.modulation": torch.randn(6, 4),
        "transformer.time_modulation.weight": torch.randn(4, 4),
        "transformer.output.weight": torch.randn(4, 4),
    }
    stored = to_int8({**others, NAME: torch.randn(4, 4)})
    assert set(stored) == {*others, NAME, NAME + SCALE}
    assert all(stored[name] is others[name] for name in others)
    assert list(from_int8(stored, "file")) == [*others, NAME]


def test_scales_that_do_not_fit() -> None:
    stored = to_int8({NAME: torch.randn(6, 40)})
    for scale, found in ((None, "none"), (torch.ones(5), r"of shape \(5,\)")):
        spoilt = {NAME: stored[NAME]} | ({} if scale is None else {NAME + SCALE: scale})
        with pytest.raises(SoundsiftError, match=f"file: .*{NAME}{SCALE}; there is {found}"):
            read(spoilt)
