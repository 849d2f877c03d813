import importlib
import sys

import pytest
import torch

from soundsift.checkpoints.int8 import SCALE, quantise, restored
from soundsift.errors import SoundsiftError

pytest.importorskip("torchao", reason="pip install 'soundsift[int8]'")

NAME = "transformer.blocks.0.feed_forward.down.weight"


def test_error_is_half_a_step_of_each_row() -> None:
    torch.manual_seed(0)
    weight = torch.randn(6, 40) * torch.logspace(-3, 3, 6)[:, None]
    stored = quantise({NAME: weight})
    assert stored[NAME].dtype == torch.int8 and stored[NAME + SCALE].shape == (6,)
    step = weight.abs().amax(dim=1, keepdim=True) / 127
    assert ((restored(stored)[NAME] - weight).abs() <= 0.5001 * step).all()


def test_what_is_read_is_what_torchao_makes_of_it() -> None:
    stored = quantise({NAME: torch.randn(6, 40)})
    scale = stored[NAME + SCALE]
    torchao = importlib.import_module("torchao.quantization")
    zero = torch.zeros(6, dtype=torch.int32)
    expected = torchao.dequantize_affine(stored[NAME], (1, 40), scale, zero, torch.int8)
    assert torch.equal(restored(stored)[NAME], expected)


def test_without_torchao_rounding_is_refused_and_reading_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored = quantise({NAME: torch.randn(6, 40)})
    monkeypatch.setitem(sys.modules, "torchao.quantization", None)
    assert restored(stored)[NAME].shape == (6, 40)
    with pytest.raises(SoundsiftError, match=r"eight bits need .*torchao; .*soundsift\[int8\]"):
        quantise({})


def test_what_was_rounded_once_stays() -> None:
    once = quantise({NAME: torch.randn(6, 40)})
    again = quantise(dict(restored(once)))
    assert torch.equal(once[NAME], again[NAME])


def test_rows_of_zeros() -> None:
    assert not restored(quantise({NAME: torch.zeros(2, 3)}))[NAME].any()


def test_only_products_in_blocks_are_rounded() -> None:
    others = {
        "noisy_projection.weight": torch.randn(4, 4),
        "transformer.blocks.0.modulation": torch.randn(6, 4),
        "transformer.time_modulation.weight": torch.randn(4, 4),
        "transformer.output.weight": torch.randn(4, 4),
    }
    stored = quantise({**others, NAME: torch.randn(4, 4)})
    assert set(stored) == {*others, NAME, NAME + SCALE}
    assert all(stored[name] is others[name] for name in others)
    assert list(restored(stored)) == [*others, NAME]


def test_scales_that_do_not_fit() -> None:
    stored = quantise({NAME: torch.randn(6, 40)})
    for scale, found in ((None, "none"), (torch.ones(5), r"of shape \(5,\)")):
        spoilt = {NAME: stored[NAME]} | ({} if scale is None else {NAME + SCALE: scale})
        with pytest.raises(SoundsiftError, match=f"{NAME}{SCALE}; there is {found}"):
            restored(spoilt)[NAME]
