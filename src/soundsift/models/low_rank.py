"""Low-rank changes of weight matrices (LoRA, arXiv 2106.09685)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class LowRankChange:
    """A change of one weight matrix: `scale * up @ down`.

    Attributes:
        down: `(rank, in)`; PEFT's `lora_A`.
        up: `(out, rank)`; PEFT's `lora_B`.
        scale: factor of the product.
    """

    down: Tensor
    up: Tensor
    scale: float

    @property
    def shape(self) -> tuple[int, int]:
        """Shape `(out, in)` of the matrix that it changes."""
        return self.up.shape[0], self.down.shape[1]

    def added_to(self, weight: Tensor) -> Tensor:
        """The changed matrix `(out, in)`, float32."""
        return torch.addmm(weight.float(), self.up.float(), self.down.float(), alpha=self.scale)


class LowRankLinear(nn.Module):
    """A linear layer whose weights stay, beside a low-rank product that is trained.

    The product begins at zero. A layer whose rows are several matrices in one, as those of queries,
    keys and values, has a product of its own for each of them.

    Args:
        base: the layer; its weights are frozen.
        rank: rank of each product.
        scale: factor of the products.
        parts: number of matrices in the layer.
    """

    def __init__(self, base: nn.Linear, rank: int, scale: float, parts: int = 1) -> None:
        super().__init__()
        self.base, self.scale, self.parts = base.requires_grad_(False), scale, parts
        self.active = True
        self.down = nn.Parameter(torch.empty(parts * rank, base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.normal_(self.down, std=base.in_features**-0.5)

    @property
    def change(self) -> LowRankChange:
        """What was trained; of several products, the rank is the sum of theirs."""
        ups = self.up.detach().chunk(self.parts)
        up: Tensor = torch.block_diag(*ups)  # type: ignore[no-untyped-call]
        return LowRankChange(self.down.detach(), up, self.scale)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(..., in)` to `(..., out)`."""
        y: Tensor = self.base(x)
        if not self.active:
            return y
        inner = functional.linear(x, self.down).chunk(self.parts, dim=-1)
        products = [
            functional.linear(part, up)
            for part, up in zip(inner, self.up.chunk(self.parts), strict=True)
        ]
        return y + self.scale * torch.cat(products, dim=-1)


def add_low_rank(
    module: nn.Module,
    names: Mapping[str, int],
    alpha: float,
    parts: Callable[[str], int] = lambda _: 1,
) -> None:
    """Freeze a module and put a trainable low-rank product beside some of its linear layers.

    Args:
        module: changed in place.
        names: rank for the name of each layer, in the order in which weights are drawn.
        alpha: the factor of a product is `alpha / rank`.
        parts: number of matrices in a layer, by its name.
    """
    module.requires_grad_(False)
    for name, rank in names.items():
        layer = module.get_submodule(name)
        if not isinstance(layer, nn.Linear):
            raise TypeError(f"{name} is a {type(layer).__name__}, expected a linear layer")
        parent, _, own = name.rpartition(".")
        changed = LowRankLinear(layer, rank, alpha / rank, parts(name))
        setattr(module.get_submodule(parent), own, changed)


def low_rank_changes(module: nn.Module) -> dict[str, LowRankChange]:
    """The changes that `add_low_rank` made room for, by the layer's name."""
    return {
        name: layer.change
        for name, layer in module.named_modules()
        if isinstance(layer, LowRankLinear)
    }


@contextmanager
def without_low_rank(module: nn.Module) -> Iterator[None]:
    """Let a module compute as it did before `add_low_rank`."""
    layers = [layer for layer in module.modules() if isinstance(layer, LowRankLinear)]
    for layer in layers:
        layer.active = False
    try:
        yield
    finally:
        for layer in layers:
            layer.active = True
