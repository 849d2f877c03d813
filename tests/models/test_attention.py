import math

import pytest
import torch
from torch import Tensor

from soundsift.models.attention import Layout, attend, split_heads


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def by_hand(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """One head after the other, in double precision, by the definition."""
    heads = []
    for head in range(query.shape[1]):
        q, k, v = (part[:, head].double() for part in (query, key, value))
        scores = torch.einsum("bqd,bkd->bqk", q, k) / math.sqrt(q.shape[-1])
        weights = scores.exp()
        if mask is not None:
            weights = weights * mask[:, None]
        heads.append(torch.einsum("bqk,bkd->bqd", weights / weights.sum(-1, keepdim=True), v))
    return torch.cat(heads, dim=-1).float()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("layout", ["heads first", "positions first"])
@pytest.mark.parametrize("gradients", [False, True])
def test_is_the_definition(masked: bool, layout: Layout, gradients: bool) -> None:
    query, key, value = (drawn(2, 3, n, 8, seed=n) for n in (5, 7, 7))
    mask = torch.tensor([[True] * 4 + [False] * 3, [True] * 7]) if masked else None
    expected = by_hand(query, key, value, mask)
    if layout == "positions first":
        query, key, value = (part.transpose(1, 2) for part in (query, key, value))
    query.requires_grad_(gradients)
    found = attend(query, key, value, mask, layout)
    assert found.shape == (2, 5, 24)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_both_ways_have_the_same_gradients() -> None:
    query, key, value = (drawn(1, 2, n, 4, seed=n).requires_grad_() for n in (3, 6, 6))
    found = torch.autograd.grad(attend(query, key, value).square().sum(), (query, key, value))
    expected = torch.autograd.grad(
        by_hand(query, key, value, None).square().sum(), (query, key, value)
    )
    for ours, exact in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, exact, rtol=1e-4, atol=1e-5)


def test_the_values_say_the_type() -> None:
    query, key = drawn(1, 2, 3, 4, seed=0), drawn(1, 2, 5, 4, seed=1)
    value = drawn(1, 2, 5, 4, seed=2).bfloat16()
    assert attend(query, key, value).dtype == torch.bfloat16


def test_heads_lie_side_by_side() -> None:
    x = torch.arange(12.0).reshape(1, 2, 6)
    assert split_heads(x, 3)[0, 1].tolist() == [[2, 3], [8, 9]]
