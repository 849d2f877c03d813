import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from soundsift.models import onednn
from soundsift.models.packed import PackedLinear


@pytest.mark.parametrize("packing", [True, False], ids=["packed", "plain"])
@pytest.mark.parametrize(
    ("dtype", "bound"), [(torch.float32, 1e-6), (torch.bfloat16, 8e-3)], ids=["f32", "bf16"]
)
@pytest.mark.parametrize("rows", [1, 8, 250, 700])
def test_products(
    rows: int, dtype: torch.dtype, bound: float, packing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not packing:
        monkeypatch.setattr(onednn, "is_available", lambda _: False)
    torch.manual_seed(0)
    weight, bias = torch.randn(48, 80).to(dtype), torch.randn(48)
    x, factor = torch.randn(2, rows, 80), torch.randn(2, rows, 48)
    layer = PackedLinear(weight, bias)
    expected = F.linear(x, weight.float(), bias)

    def error(ours: torch.Tensor, exact: torch.Tensor) -> float:
        assert ours.dtype == dtype and ours.shape == exact.shape
        return float((ours.float() - exact).norm() / exact.norm())

    assert error(layer(x), expected) < bound
    assert error(layer(x, "swish"), F.silu(expected)) < bound
    assert error(layer.times(x, factor.to(dtype)), expected * factor) < bound
    strided = x.repeat(1, 1, 2)[..., 80:]
    assert error(layer(strided), expected) < bound


def test_operators_that_fail_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise AttributeError("_linear_pointwise")

    monkeypatch.setattr(onednn, "_operators", missing)
    onednn.is_available.cache_clear()
    assert not onednn.is_available(torch.float32)
    layer = PackedLinear(torch.eye(3))
    assert not layer.packed and torch.equal(layer(torch.ones(2, 3)), torch.ones(2, 3))
    onednn.is_available.cache_clear()
