"""Loss balancing by gradients at the decoded wave (after EnCodec, arXiv 2210.13438).

Terms differ in scale by orders of magnitude, and in different ways as training goes on. Here each
term's gradient at the wave is divided by its own running norm, so that the weights are shares of
the gradient and mean what they say.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.distributed as distributed
from torch import Tensor

_DECAY = 0.99
_LEAST_NORM = 1e-12


class Balancer:
    """Running norms of the terms' gradients.

    Args:
        weights: of the terms, by name; those with weight 0 are left out.
        world: processes that share every batch.
    """

    def __init__(self, weights: Mapping[str, float], world: int = 1) -> None:
        self.weights = {name: weight for name, weight in weights.items() if weight > 0}
        self.world = world
        #: Sums of norms and of what they are divided by, decayed alike: `(2,)` per term.
        self.norms = {name: torch.zeros(2, dtype=torch.float64) for name in self.weights}

    def gradient(self, terms: Mapping[str, Tensor], wave: Tensor) -> Tensor:
        """The gradient at the wave of the balanced sum of all terms that are there.

        Args:
            terms: scalars that depend on the wave, by name.
            wave: `(B, 1, N)`, part of their graph, which is kept.

        Returns:
            As the wave. Its norm per crop is about 1 if the terms agree.
        """
        terms = {name: terms[name] for name in self.weights if name in terms}
        gradients = {
            name: torch.autograd.grad(term, wave, retain_graph=True)[0]
            for name, term in terms.items()
        }
        measured = torch.stack(
            [gradient.flatten(1).norm(dim=1).mean() for gradient in gradients.values()]
        ).double()
        if self.world > 1:
            distributed.all_reduce(measured)
            measured /= self.world
        sum_of_weights = sum(self.weights[name] for name in terms)
        total = torch.zeros_like(wave)
        for (name, gradient), norm in zip(gradients.items(), measured.tolist(), strict=True):
            known = self.norms[name].mul_(_DECAY).add_(torch.tensor([norm, 1.0]))
            mean = max(float(known[0] / known[1]), _LEAST_NORM)
            total += gradient * (self.weights[name] / sum_of_weights / mean)
        return total
